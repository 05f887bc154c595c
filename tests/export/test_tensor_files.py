"""Files of PyTorch and safetensors from strangers: what is read, and what is refused and never run."""

from __future__ import annotations

import os
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

from mxgan.errors import CheckpointError, CorruptFileError, MXGANError, RuntimeUnavailableError
from mxgan.export.tensor_files import read_safetensors, read_torch
from mxgan.runtime.draws import rng_for

torch = pytest.importorskip("torch")
safetensors = pytest.importorskip("safetensors.torch")


def tensors() -> OrderedDict:
    return OrderedDict(a=torch.arange(6.0).reshape(2, 3), b=torch.ones(2, dtype=torch.float64), c=torch.tensor(3))


def same(found: dict) -> bool:
    kinds = {name: value.dtype for name, value in found.items()}
    assert kinds == {"a": np.float32, "b": np.float32, "c": np.int64}
    return np.array_equal(found["a"], np.arange(6).reshape(2, 3)) and found["b"].tolist() == [1, 1]


def test_tensors_are_read_as_float32(tmp_path):
    torch.save(tensors(), tmp_path / "a.pt")
    assert same(read_torch(tmp_path / "a.pt"))
    safetensors.save_file(dict(tensors()), tmp_path / "a.safetensors")
    assert same(read_safetensors(tmp_path / "a.safetensors"))
    half = torch.ones(3, dtype=torch.bfloat16)
    torch.save({"x": half, "again": half, "t": torch.ones(2, 3).T}, tmp_path / "b.pt")
    found = read_torch(tmp_path / "b.pt")
    assert (found["x"].dtype, found["t"].shape, found["t"].flags.c_contiguous) == (np.float32, (3, 2), True)


def test_groups_are_kept_and_other_values_left_out(tmp_path):
    adam = {"state": {0: {"step": torch.tensor(1.0), "exp_avg": torch.ones(3)}}, "param_groups": [{"lr": 1e-3}]}
    whole = {"epoch": 3, "netG": torch.nn.Linear(2, 3).state_dict(), "optimizer": adam, "name": "x"}
    torch.save(whole, tmp_path / "a.pth")
    assert {key: list(group) for key, group in read_torch(tmp_path / "a.pth").items()} == {"netG": ["weight", "bias"]}


class Bomb:
    """A pickle of it creates a file when it is opened."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_nothing_of_the_file_is_run(tmp_path):
    import pickle

    for name, save in (("new", torch.save), ("plain", lambda value, path: path.write_bytes(pickle.dumps(value)))):
        save({"netG": tensors(), "bomb": Bomb(tmp_path / "ran")}, tmp_path / f"{name}.pt")
        with pytest.raises(CheckpointError, match="could run code of the file"):
            read_torch(tmp_path / f"{name}.pt")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "save, words",
    [
        (lambda path: torch.save(torch.nn.Linear(2, 3), path), "holds other objects than tensors .torch.nn.*Linear"),
        (lambda path: torch.jit.script(torch.nn.Linear(2, 3)).save(path), "is a TorchScript program, not a state_dict"),
        (lambda path: torch.save(torch.ones(3), path), "holds a Tensor, not a state_dict"),
        (lambda path: torch.save([torch.ones(3)], path), "holds a list, not a state_dict"),
        (lambda path: torch.save({"a": torch.eye(3).to_sparse()}, path), "'a' is sparse, quantised, complex"),
        (lambda path: torch.save({"a": torch.ones(2).cfloat()}, path), "'a' is sparse, quantised, complex"),
        (
            lambda path: torch.save(tensors(), path, _use_new_zipfile_serialization=False),
            r"a plain pickle, or a file of PyTorch before 1.6; .*Save it again with a newer PyTorch: torch.save",
        ),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_other_contents_are_told_in_words(save, words, tmp_path):
    save(str(tmp_path / "a.pt"))
    with pytest.raises(CheckpointError, match=words):
        read_torch(tmp_path / "a.pt")


def test_a_zip_behind_something_else_is_not_read(tmp_path):
    """torch.load reads what begins, and zipfile what ends the file."""
    torch.save({"a": torch.zeros(2)}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    torch.save({"a": torch.ones(2)}, tmp_path / "new.pt")
    behind = (tmp_path / "new.pt").read_bytes()
    (tmp_path / "a.pt").write_bytes((tmp_path / "old.pt").read_bytes() + behind)
    with pytest.raises(CheckpointError, match="is a plain pickle"):
        read_torch(tmp_path / "a.pt")
    (tmp_path / "a.pt").write_bytes(b"x" * 512 + behind)
    with pytest.raises(CorruptFileError, match="it begins with b'xxxx', not with b'PK"):
        read_torch(tmp_path / "a.pt")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_tensors_of_unusual_kinds(tmp_path):
    values = torch.arange(3.0)
    torch.save({"a": values, "b": torch._neg_view(values), "c": values.to(torch.cfloat).imag}, tmp_path / "neg.pt")
    found = read_torch(tmp_path / "neg.pt")
    assert (found["a"].tolist(), found["b"].tolist(), found["c"].tolist()) == ([0, 1, 2], [0, -1, -2], [0, 0, 0])
    torch.save({"n": torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)])}, tmp_path / "nest.pt")
    with pytest.raises(MXGANError, match="nest.pt"):
        read_torch(tmp_path / "nest.pt")


def rewritten(source, target, change, compression=zipfile.ZIP_STORED) -> None:
    """Copy a zip with the content of each entry changed."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", compression) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, change(entry.filename, old.read(entry)))


def test_sizes_that_the_file_does_not_have_are_refused(tmp_path):
    torch.save({"w": torch.ones(1).expand(10**6, 10**6)}, tmp_path / "expanded.pt")
    torch.save({f"w{i}": torch.ones(1000) for i in range(3)}, tmp_path / "plain.pt")
    shared = torch.ones(1000)
    torch.save({f"w{i}": shared[i:] for i in range(99)}, tmp_path / "often.pt")

    def many(name: str, content: bytes) -> bytes:  # a storage and a tensor of 2²⁸ numbers
        return content.replace(b"M\xe8\x03", b"J\x00\x00\x00\x10") if name.endswith("data.pkl") else content

    rewritten(tmp_path / "plain.pt", tmp_path / "claimed.pt", many)
    rewritten(tmp_path / "plain.pt", tmp_path / "packed.pt", lambda name, content: content, zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", b"x")
        archive.writestr("a/data/0", bytes(10**7))
    for name in ("expanded", "claimed", "packed", "bomb", "often"):
        with pytest.raises(CorruptFileError, match="claims|does not match"):
            read_torch(tmp_path / f"{name}.pt")
    with zipfile.ZipFile(tmp_path / "other.pt", "w") as archive:
        archive.writestr("a.txt", b"x")
    with pytest.raises(CorruptFileError, match="one of torch.save: it has no data.pkl"):
        read_torch(tmp_path / "other.pt")


def test_headers_of_safetensors_that_lie(tmp_path):
    safetensors.save_file(dict(tensors()), tmp_path / "good.safetensors")
    content = (tmp_path / "good.safetensors").read_bytes()
    cases = {
        "cut": content[:-3],
        "long header": (2**40).to_bytes(8, "little") + content[8:],
        "larger": content.replace(b"[2,3]", b"[9,9]"),
        "outside": content.replace(b'"data_offsets":[0,', b'"data_offsets":[9,'),
        "empty": b"",
    }
    for name, changed in cases.items():
        assert changed != content, name
        (tmp_path / "bad.safetensors").write_bytes(changed)
        with pytest.raises(CorruptFileError, match="cannot be read as safetensors"):
            read_safetensors(tmp_path / "bad.safetensors")
    safetensors.save_file({"a": torch.ones(3, dtype=torch.bfloat16)}, tmp_path / "half.safetensors")
    with pytest.raises(CheckpointError, match="'a' has a number type that NumPy does not have.*float32"):
        read_safetensors(tmp_path / "half.safetensors")


@pytest.mark.parametrize("name, read", [("a.pt", read_torch), ("a.safetensors", read_safetensors)])
def test_broken_bytes_end_in_a_named_error(name, read, tmp_path):
    torch.save(tensors(), tmp_path / "a.pt")
    safetensors.save_file(dict(tensors()), tmp_path / "a.safetensors")
    content = (tmp_path / name).read_bytes()
    rng = rng_for("broken", 0, 0)
    refused = 0
    for _ in range(150):
        broken = bytearray(content)
        for place in rng.integers(len(content), size=3):
            broken[place] = rng.integers(256)
        (tmp_path / f"broken{name}").write_bytes(broken[: rng.integers(len(content) // 2, len(content) + 1)])
        try:
            read(tmp_path / f"broken{name}")
        except MXGANError:
            refused += 1
    assert refused > 100


def test_without_the_libraries_the_extra_is_named(tmp_path, monkeypatch):
    import sys

    torch.save(tensors(), tmp_path / "a.pt")
    safetensors.save_file(dict(tensors()), tmp_path / "a.safetensors")
    for module, read, name in (("torch", read_torch, "a.pt"), ("safetensors", read_safetensors, "a.safetensors")):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(RuntimeUnavailableError, match=rf"pip install '.\[{module}\]'"):
            read(tmp_path / name)
