"""Files of named arrays: every version of the format, compared with mx.nd.load, and every kind of damage."""

from __future__ import annotations

import os
import struct
import tracemalloc

import numpy as np
import pytest

from mxgan.errors import CheckpointError, CorruptFileError
from mxgan.graphs.ndarray_files import LONGEST_NAME, MOST_ARRAYS, read_arrays
from mxgan.runtime import mx
from tests.support import assert_same

TYPES = ("float32", "float64", "float16", "uint8", "int32", "int8", "int64", "bool")
BFLOAT16 = np.dtype([("bfloat16", np.uint16)])
CPU, GPU_3 = (1, 0), (2, 3)
VALUES = np.arange(6, dtype=np.float32).reshape(2, 3) - 2.5
V1, V2, V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA


def head(version: str, shape: tuple) -> bytes:
    """The first words of an array, up to its shape."""
    ndim = len(shape)
    return {
        "legacy": lambda: struct.pack(f"<I{ndim}I", ndim, *shape),
        "v1": lambda: struct.pack(f"<II{ndim}q", V1, ndim, *shape),
        "v2": lambda: struct.pack(f"<Iii{ndim}q", V2, 0, ndim, *shape),
        "v3": lambda: struct.pack(f"<Iii{ndim}q", V3, 0, ndim, *shape),
    }[version]()


def array(version: str, values=VALUES, kind: int = 0, context: tuple = CPU) -> bytes:
    return head(version, values.shape) + struct.pack("<iii", *context, kind) + values.tobytes()


def listed(arrays: list, names: list, count=None) -> bytes:
    """A file of arrays that are given as bytes."""
    packed = b"".join(struct.pack("<Q", len(name)) + name for name in names)
    number = len(arrays) if count is None else count
    return struct.pack("<QQQ", 0x112, 0, number) + b"".join(arrays) + struct.pack("<Q", len(names)) + packed


def loaded(path) -> dict:
    """What MXNet itself reads."""
    return {name: value.asnumpy() for name, value in mx.nd.load(str(path)).items()}


def drawn(dtype: str, shape: tuple) -> np.ndarray:
    return (np.random.default_rng(len(shape)).standard_normal(shape) * 50).astype(dtype)


@pytest.mark.parametrize("dtype", TYPES)
def test_reads_what_mxnet_wrote(dtype, tmp_path):
    shapes = [(1,), (7,), (2, 3), (3, 1, 2, 5), (0,), (2, 0, 3), (1,) * 9]
    arrays = {f"arg:é{shape}": drawn(dtype, shape) for shape in shapes}
    mx.nd.save(str(tmp_path / "a"), {name: mx.nd.array(value, dtype=dtype) for name, value in arrays.items()})
    found = read_arrays(tmp_path / "a")
    assert_same(found, arrays)
    assert_same(loaded(tmp_path / "a"), found)
    assert list(found) == list(arrays)
    assert all(value.dtype == np.dtype(dtype) and value.flags.writeable for value in found.values())


def test_reads_what_was_saved_under_np_shape(tmp_path):
    arrays = {"number": np.float32(3).reshape(()), "empty": np.zeros((2, 0), np.float32), "plain": VALUES}
    with mx.util.np_shape(True):
        mx.nd.save(str(tmp_path / "a"), {name: mx.nd.array(value) for name, value in arrays.items()})
        expected = loaded(tmp_path / "a")
    found = read_arrays(tmp_path / "a")
    assert_same(found, arrays)
    assert_same(found, expected)
    assert {name: value.shape for name, value in found.items()} == {"number": (), "empty": (2, 0), "plain": (2, 3)}


def test_bfloat16_comes_as_float32(tmp_path):
    values = mx.nd.array([[1.0, -2.5, 3e38], [1e-38, 0.1, np.inf]]).astype(BFLOAT16)
    mx.nd.save(str(tmp_path / "a"), {"x": values})
    found = read_arrays(tmp_path / "a")["x"]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, values.astype("float32").asnumpy())


@pytest.mark.parametrize("context", [CPU, GPU_3], ids=["cpu", "gpu"])
@pytest.mark.parametrize("version", ["legacy", "v1", "v2"])
def test_versions_of_the_format_since_2016(version, context, tmp_path):
    halves = np.arange(4, dtype=np.float16).reshape(1, 4)
    arrays = [array(version, context=context), array(version, halves, kind=2, context=context)]
    (tmp_path / "a").write_bytes(listed(arrays, [b"arg:w", b"aux:m"]))
    found = read_arrays(tmp_path / "a")
    assert_same(found, {"arg:w": VALUES, "aux:m": halves})
    assert_same(found, loaded(tmp_path / "a"))


def test_what_module_save_params_wrote(tmp_path):
    net = mx.sym.BatchNorm(mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=3, name="fc"), name="bn")
    module = mx.mod.Module(net, label_names=None)
    module.bind([("data", (2, 5))])
    module.init_params(mx.init.Uniform())
    module.save_params(str(tmp_path / "a.params"))
    found = read_arrays(tmp_path / "a.params")
    assert_same(found, loaded(tmp_path / "a.params"))
    assert set(found) == {"arg:fc_weight", "arg:fc_bias", "arg:bn_gamma", "arg:bn_beta", "aux:bn_moving_mean",
                          "aux:bn_moving_var"}  # fmt: skip


def test_a_file_without_arrays(tmp_path):
    mx.nd.save(str(tmp_path / "a"), {})
    assert read_arrays(tmp_path / "a") == {}


SOUND = listed([array("v2"), array("v1")], [b"arg:w", b"aux:m"])
ONE = head("v2", (2, 3)) + struct.pack("<iii", 1, 0, 0)  # up to the values


def one(array_bytes: bytes) -> bytes:
    return listed([array_bytes], [b"x"])


DAMAGE = {
    "empty": (b"", 0, "it is empty"),
    "half a head": (SOUND[:9], 0, "it ends inside its head"),
    "another format": (b"\x93NUMPY" + SOUND, 0, "it begins with 0x11259504d554e93"),
    "a zip": (b"PK\3\4" + SOUND, 0, "not with 0x112 and 0"),
    "reserved": (SOUND[:8] + b"\1" + SOUND[9:], 0, "it begins with 0x112 and 0x1"),
    "cut off in the values": (SOUND[:80], 24, r"it claims an array of 2×3 numbers, \d+ bytes more than it has"),
    "cut off in a head": (SOUND[:50], 36, "it ends inside an array's shape"),
    "cut off in the names": (SOUND[:-1], None, "it claims a name of 5 bytes, more than the file has"),
    "goes on": (SOUND + b"!", len(SOUND), "it has 1 bytes after its end"),
    "many arrays": (listed([array("v2")], [b"x"], 2**63), 16, "it claims 9223372036854775808 arrays, more than 65536"),
    "too many arrays": (listed([array("v2")], [b"x"], 999), 16, "it claims 999 arrays, more than the file has"),
    "a huge array": (one(head("v2", (2**62, 1)) + ONE[-12:]), 24, "an array of 4611686018427387904×1 numbers"),
    "a negative size": (one(head("v2", (-2, 3)) + ONE[-12:]), 24, "an array of -2×3 numbers, which is impossible"),
    "a size unknown": (one(head("v3", (-1, 3)) + ONE[-12:]), 24, "an array of -1×3 numbers, which is impossible"),
    "overflow to 0": (one(head("v2", (2**32, 2**32)) + ONE[-12:]), 24, "which is impossible"),
    "overflow beside a 0": (one(head("v2", (2**62, 0, 2**62)) + ONE[-12:]), 24, "which is impossible"),
    "no shape": (one(struct.pack("<Iii", V2, 0, 0)), 24, "an array of 0 dimensions, which is impossible"),
    "negative dimensions": (one(struct.pack("<Iii", V2, 0, -1)), 24, "an array of -1 dimensions"),
    "33 dimensions": (one(head("v2", (1,) * 33) + ONE[-12:] + bytes(4)), 24, "an array of 33 dimensions"),
    "an unknown magic": (one(struct.pack("<I", 0xF993FACB) + bytes(64)), 24, "an array of 4187224779 dimensions"),
    "row_sparse": (one(struct.pack("<Ii", V2, 1) + bytes(64)), 28, "an array is row_sparse; only dense ones are read"),
    "csr": (one(struct.pack("<Ii", V2, 2) + bytes(64)), 28, "an array is csr; only dense ones are read"),
    "no storage": (one(struct.pack("<Ii", V2, -1) + bytes(64)), 28, "an array has no storage type"),
    "a device": (one(array("v2", context=(7, 0))), 52, "an array on a device of type 7, number 0"),
    "a device's number": (one(array("v2", context=(2, -1))), 52, "an array on a device of type 2, number -1"),
    "a type": (one(array("v2", kind=8)), 60, "an array of the unknown type 8"),
    "a truth value": (one(array("v2", np.uint8([0, 1, 2]), kind=7)), 58, "a truth value that is neither 0 nor 1"),
    "a name twice": (listed([array("v2")] * 2, [b"x", b"x"]), 24 + 2 * 64, "the name 'x' appears twice"),
    "too few names": (listed([array("v2")] * 2, [b"x"]), 24 + 2 * 64, "1 names for 2 arrays"),
    "names alone": (listed([], [b"x"]), 24, "1 names for 0 arrays"),
    "not UTF-8": (listed([array("v2")], [b"x\xff"]), 24 + 64 + 17, "a name is not UTF-8"),
    "a zero byte": (listed([array("v2")], [b"xy\0z"]), 24 + 64 + 18, "a name holds a zero byte"),
    "a long name": (listed([array("v2")], [b"x" * (LONGEST_NAME + 1)]), 96, "a name of 1025 bytes, more than 1024"),
}  # fmt: skip


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_named_with_its_place(kind, tmp_path):
    content, offset, reason = DAMAGE[kind]
    path = tmp_path / "a.params"
    path.write_bytes(content)
    with pytest.raises(CorruptFileError, match=reason) as caught:
        read_arrays(path)
    assert caught.value.path == path
    assert offset is None or caught.value.offset == offset
    assert str(caught.value).startswith(f"{path}, byte {caught.value.offset}: is not a whole MXNet parameter file (")
    assert str(caught.value).endswith("). Give a file that Module.save_params or mxgan has written.")


def test_a_list_without_names(tmp_path):
    mx.nd.save(str(tmp_path / "a"), [mx.nd.ones((2,))])
    with pytest.raises(CorruptFileError, match=r"holds arrays without names\. Give a file that Module\.save_params"):
        read_arrays(tmp_path / "a")


def test_every_cut_and_every_byte_changed(tmp_path):
    path = tmp_path / "a"
    for length in range(len(SOUND)):
        path.write_bytes(SOUND[:length])
        with pytest.raises(CorruptFileError):
            read_arrays(path)
    assert_same(outcomes(path, (SOUND[:i] + bytes([SOUND[i] ^ 255]) + SOUND[i + 1 :] for i in range(len(SOUND)))), {})


def test_random_damage_is_named_or_read_as_mxnet_reads_it(tmp_path):
    rng = np.random.default_rng(4)
    kinds = [array(v) for v in ("legacy", "v1", "v2")] + [array("v2", np.int64([[3, -4]]), kind=6)]
    kinds += [array("v2", np.bool_([1, 0]), kind=7), array("v2", np.uint16([0x3F80]), kind=12)]
    sound = listed(kinds, [b"arg:%d" % i for i in range(len(kinds))])
    read = []
    differences = outcomes(tmp_path / "a", (mutated(sound, rng) for _ in range(500)), read)
    assert_same(differences, {})
    assert 20 < len(read) < 480  # both outcomes were there


def mutated(content: bytes, rng) -> bytes:
    content = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        place = int(rng.integers(len(content)))
        width = int(rng.choice([1, 1, 4, 8]))
        numbers = (0, 1, 2, 2**31 - 1, 2**31, 2**62, 2**63, 2**64 - 1, int(rng.integers(2**63)))
        edit = rng.integers(4)
        if edit == 0:
            content[place] ^= 1 << int(rng.integers(8))
        elif edit == 1:
            content[place : place + width] = struct.pack("<Q", numbers[rng.integers(len(numbers))])[:width]
        elif edit == 2:
            del content[place : place + width * 3]
        else:
            content[place:place] = content[: width * 3]
    return bytes(content)


def outcomes(path, contents, read=None) -> dict:
    """The contents that were read, but not as MXNet reads them."""
    different = {}
    for content in contents:
        path.write_bytes(content)
        try:
            found = read_arrays(path)
        except CorruptFileError:
            continue
        if read is not None:
            read.append(content)
        with mx.util.np_shape(struct.pack("<I", V3) in content):
            # Nothing that claims more than it has comes here: mx.nd.load would ask for it.
            for name, expected in mx.nd.load(str(path)).items():
                expected = expected.astype("float32") if expected.dtype == BFLOAT16 else expected
                if found[name].tobytes() != expected.asnumpy().tobytes() or found[name].shape != expected.shape:
                    different[name] = content
    return different


HUGE = {
    "elements": one(head("v2", (2**62,)) + ONE[-12:]),
    "elements in reach": one(head("v2", (2**30,)) + ONE[-12:]),
    "legacy": one(head("legacy", (2**31 - 1, 1)) + ONE[-12:]),
    "dimensions": one(struct.pack("<Iii", V2, 0, 2**31 - 1)),
    "legacy dimensions": one(struct.pack("<I", 2**31 - 1)),
    "arrays": listed([array("v2")], [b"x"], 2**40),
    "arrays in reach": listed([array("v2")], [b"x"], MOST_ARRAYS),
    "a name": listed([array("v2")], [b"x"])[:-9] + struct.pack("<Q", 2**40) + b"x",
}


@pytest.mark.parametrize("claim", HUGE)
def test_no_memory_for_what_a_file_only_claims(claim, tmp_path):
    (tmp_path / "a").write_bytes(HUGE[claim])
    tracemalloc.start()
    try:
        with pytest.raises(CorruptFileError):
            read_arrays(tmp_path / "a")
        assert tracemalloc.get_traced_memory()[1] < 1e6
    finally:
        tracemalloc.stop()


def test_memory_is_that_of_the_file(tmp_path):
    mx.nd.save(str(tmp_path / "a"), {str(i): mx.nd.ones((2**20,)) for i in range(4)})
    tracemalloc.start()
    try:
        found = read_arrays(tmp_path / "a")
        assert tracemalloc.get_traced_memory()[1] < 1.05 * (tmp_path / "a").stat().st_size
    finally:
        tracemalloc.stop()
    assert len(found) == 4


@pytest.mark.parametrize(
    "place, words",
    [
        ("nothing", "nothing cannot be read: No such file or directory. Give the path of a file."),
        ("folder", "folder is a folder, not a file. Give the path of a file."),
        ("pipe", "pipe is a pipe or a device, not a file. Give the path of a file."),
        ("/dev/zero", "/dev/zero is a pipe or a device, not a file."),
        ("file/below", "file/below cannot be read: Not a directory."),
        ("loop", "loop cannot be read: Too many levels of symbolic links."),
        ("zero\0byte", "zero\\x00byte' holds a zero byte, which no path may contain. Give another."),
    ],
)
def test_what_is_no_file(place, words, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(SOUND)
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CheckpointError) as caught:
        read_arrays(tmp_path / place)
    assert words in str(caught.value)
