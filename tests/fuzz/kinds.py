"""The table of kinds: which good files, how they are broken, and what is done with them."""

from __future__ import annotations

import importlib.util
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import mxgan
from mxgan.data import load_folder, open_dataset, pack_folder
from tests.fuzz.array_breakers import break_arrays
from tests.fuzz.byte_breakers import break_bytes
from tests.fuzz.folder_breakers import break_folder, files_in, mend_checksums
from tests.fuzz.json_breakers import break_json, break_json_lines
from tests.fuzz.symbol_breakers import break_symbol

__all__ = ["KINDS", "Kind"]


@dataclass(frozen=True)
class Kind:
    """One row: `good` names a folder of good_files.py.

    `breakers` are functions (rng, folder, outside, good files) → how, taken in turn by the case's number; `use` takes
    the broken folder; `share` is how many of a round's cases are of this kind.
    """

    good: str
    breakers: tuple
    use: Callable
    share: int = 10


def some_bytes(*patterns: str):
    """Break the bytes of one file, seldom of two, that fits a pattern."""

    def some_bytes(rng: Random, folder: Path, outside: Path, good: Path) -> str:
        paths = sorted(path for pattern in patterns for path in folder.glob(pattern) if path.is_file())
        told = []
        for path in rng.sample(paths, min(len(paths), rng.choice((1, 1, 1, 2)))):
            other = rng.choice(files_in(good)).read_bytes()[:100_000]
            content, how = break_bytes(rng, path.read_bytes(), other)
            path.write_bytes(content)
            told.append(f"{path.relative_to(folder)}: {how}")
        return "; ".join(told)

    return some_bytes


def some_json(pattern: str, change=break_json):
    def some_json(rng: Random, folder: Path, outside: Path, good: Path) -> str:
        path = rng.choice(sorted(folder.glob(pattern)))
        content, how = change(rng, path.read_bytes())
        path.write_bytes(content)
        return f"{path.relative_to(folder)}: {how}"

    return some_json


def some_arrays(*patterns: str):
    def some_arrays(rng: Random, folder: Path, outside: Path, good: Path) -> str:
        path = rng.choice(sorted(path for pattern in patterns for path in folder.glob(pattern)))
        return f"{path.relative_to(folder)}: {break_arrays(rng, path)}"

    return some_arrays


def some_entry(rng: Random, folder: Path, outside: Path, good: Path) -> str:
    return "; ".join(break_folder(rng, folder, outside) for _ in range(rng.choice((1, 1, 2))))


def a_bomb(rng: Random, folder: Path, outside: Path, good: Path) -> str:
    """Most bombs several times: threads decode at once."""
    path = rng.choice(sorted((good / "bombs").iterdir()))
    for number in range(rng.choice((1, 3))):
        shutil.copy(path, folder / f"{number}-{path.name}")
    return f"bomb {path.name}"


def a_bomb_inside(rng: Random, folder: Path, outside: Path, good: Path) -> str:
    """A .rec file, whole in itself, of enormous images."""
    from mxgan.runtime import mx

    path = rng.choice(sorted((good / "bombs").iterdir()))
    name = rng.choice(("x.rec", "x.rec", "y.rec"))
    writer = mx.recordio.MXRecordIO(str(folder / name), "w")
    for number in range(2):
        header = mx.recordio.IRHeader(rng.choice((0, 0, 2)), [0.0, 1.0] if number else 0.0, number, 0)
        writer.write(mx.recordio.pack(header, path.read_bytes()))
    writer.close()
    (folder / "x.idx").unlink(missing_ok=True)
    return f"bomb {path.name} in {name}"


def a_bomb_in_an_archive(rng: Random, folder: Path, outside: Path, good: Path) -> str:
    """A whole archive of enormous images, or of images that unpack to a thousand times their size in it."""
    bomb, small = rng.choice(sorted((good / "bombs").iterdir())), good / "images" / "a" / "RGB.jpg"
    path, count = rng.choice(((bomb, 1), (bomb, 3), (small, 12), (small, 12)))
    with zipfile.ZipFile(folder / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(count):
            archive.writestr(f"{number}.png", path.read_bytes() + bytes(rng.choice((0, 20 * 2**20, 30 * 2**20))))
    return f"{count} of {path.name} in x.zip"


def with_sums(breaker):
    """Two times in three the checksums are made to fit, so that they do not keep what is broken from the readers."""

    def broken(rng: Random, folder: Path, outside: Path, good: Path) -> str:
        how = breaker(rng, folder, outside, good)
        if rng.random() < 0.67:
            mend_checksums(folder)
            how += "; sha256 mended"
        return how

    return broken


def use_params(folder: Path) -> None:
    path = folder / "gen.params"
    try:
        mxgan.load_params(path)
    finally:
        mxgan.load_sampler(path).draw(2)


def use_generator(folder: Path) -> None:
    """A file of parameters by the symbol beside it, which may be a stranger's too."""
    mxgan.load_sampler(folder / "gen.params", batch_size=2).draw(2)


def use_sampler(folder: Path) -> None:
    mxgan.load_sampler(folder).draw(2)


def use_resume(folder: Path) -> None:
    """One more step of a run of two."""
    mxgan.resume(folder, display="none", progress=False, steps=3).run()


def use_as_it_is(folder: Path) -> None:
    """To the end that its configuration sets, one step on where that is reached."""
    try:
        session = mxgan.resume(folder, display="none", progress=False)
    except mxgan.MXGANError:
        session = mxgan.resume(folder, display="none", progress=False, steps=3)
    try:
        session.trainer.fit(steps=session.trainer.step + 1)
    finally:
        session.lock.release()


def use_data(name: str, **settings):
    def use_data(folder: Path) -> None:
        open_dataset(name, data_dir=folder, batch_size=4, image_size=16, progress=False, **settings).next()

    return use_data


def use_images(folder: Path) -> None:
    use_data("folder", most_broken=1.0)(folder)
    _check_reasons(load_folder(folder, 16, most_broken=1.0, progress=False).report.broken)


def use_archive(folder: Path) -> None:
    use_images(folder / "x.zip")


def use_pack(folder: Path) -> None:
    _check_reasons(pack_folder(folder, folder / "packed.rec", progress=False).skipped)


def _check_reasons(broken: list) -> None:
    """An image left out for want of memory has asked for it."""
    for path, reason in broken:
        if "memory" in reason.lower():
            raise MemoryError(f"{path}: {reason}")


def use_symbols(folder: Path) -> None:
    from mxgan.graphs.symbol_files import load_symbol

    refusal = None
    for path in sorted(folder.iterdir()):
        try:
            load_symbol(path)
        except mxgan.MXGANError as error:
            refusal = error
    if refusal:
        raise refusal


ARRAYS = ("checkpoints/*/*.params", "checkpoints/*/*.optimizer")
IN_RUN = tuple(
    map(
        with_sums,
        (
            some_bytes("checkpoints/000002/*"),
            some_arrays(*(each.replace("/*/", "/000002/") for each in ARRAYS)),
            some_entry,
        ),
    )
)
IMAGES = (some_bytes("*/*"), some_bytes("*/*"), some_bytes("*/*"), some_entry, a_bomb)

KINDS = {
    "params": Kind("params", (some_bytes("*"), some_arrays("*"), some_entry), use_params, 20),
    "generator": Kind(
        "generator",
        (
            *[some_json("*-symbol.json", break_symbol)] * 4,
            some_json("*.json"),
            some_bytes("*"),
            some_arrays("*.params"),
        ),
        use_generator,
        24,
    ),
    "sampler": Kind("run", (*IN_RUN, some_json("config.json")), use_sampler, 14),
    "checkpoint": Kind("run", IN_RUN, use_resume, 20),
    "state": Kind("run", (some_json("checkpoints/000002/state.json"),), use_resume, 14),
    "config": Kind("run", (some_json("config.json"),), use_as_it_is, 20),
    "history": Kind("run", (some_json("history.jsonl", break_json_lines), some_bytes("*.jsonl")), use_resume, 10),
    "mnist": Kind("mnist", (some_bytes("*"), some_bytes("*"), some_entry), use_data("mnist", split="all"), 12),
    "mnist_gz": Kind("mnist_gz", (some_bytes("*"), some_bytes("*"), some_entry), use_data("mnist"), 12),
    "images": Kind("images", IMAGES, use_images, 24),
    "pack": Kind("images", IMAGES, use_pack, 16),
    "archive": Kind("archive", (*[some_bytes("*.zip")] * 3, a_bomb_in_an_archive), use_archive, 20),
    "labels": Kind("labels", (some_json("dataset.json"), some_bytes("dataset.json")), use_images, 10),
    "records": Kind(
        "records",
        (*[some_bytes("*.rec")] * 3, some_bytes("*.idx"), some_entry, a_bomb_inside),
        use_data("recordio"),
        24,
    ),
    "symbols": Kind("symbols", (some_bytes("*"), *[some_json("*")] * 3, some_entry), use_symbols, 14),
}
if importlib.util.find_spec("mxgan.graphs.symbol_files") is None:
    del KINDS["symbols"]
