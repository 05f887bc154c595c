"""Folders: files that are missing, strange, in the way, or lead elsewhere."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from random import Random

__all__ = ["VICTIM", "break_folder", "files_in", "mend_checksums"]

VICTIM = "victim"  # a file, a folder and a good run beside every case's folder, which nothing may touch

_NAMES = (
    *(
        "٣",
        "²",
        "999999",
        "99999999999999999999999",
        "-1",
        "1e3",
        "000002 ",
        ".hidden",
        "a\nb",
        "é",
        "x" * 255,
        "000002",
    ),
    *("gout-²3.png", "digits_G_x-0001.params", "000009", "CON", "%s", "a#b;c?d", "new.rec", "x.jpg", "x.rec", "x.idx"),
)


def files_in(folder: Path) -> list:
    """Every regular file under a folder, sorted."""
    found = (Path(place, name) for place, _, names in os.walk(folder) for name in names)
    return sorted(path for path in found if path.is_file() and not path.is_symlink())


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def missing(rng: Random, path: Path, outside: Path) -> None:
    _remove(path)


def a_folder(rng: Random, path: Path, outside: Path) -> None:
    _remove(path)
    path.mkdir()
    if rng.random() < 0.5:
        (path / "file").write_text("x")


def a_file(rng: Random, path: Path, outside: Path) -> None:
    _remove(path)
    path.write_bytes(rng.choice((b"", b"{}", rng.randbytes(64))))


def a_fifo(rng: Random, path: Path, outside: Path) -> None:
    _remove(path)
    os.mkfifo(path)


def a_link_to(*targets: str):
    def link(rng: Random, path: Path, outside: Path) -> None:
        _remove(path)
        target = rng.choice(targets)
        path.symlink_to(target if target.startswith("/") else outside / target if target else path.name)

    link.__name__ = f"link_to_{(targets[0] or 'itself').strip('/').replace('/', '_')}"
    return link


def _pipes(folder: str, names: list) -> list:
    """What an earlier breaker has left, and cannot be copied."""
    return [name for name in names if (Path(folder) / name).is_fifo()]


def a_strange_name(rng: Random, path: Path, outside: Path) -> None:
    target = path.with_name(rng.choice(_NAMES))
    if rng.random() < 0.2:
        target = Path(os.fsdecode(os.fsencode(path.parent) + b"/\xff\xfe" + os.fsencode(path.suffix)))
    if not target.exists():
        if path.is_dir():
            shutil.copytree(path, target, symlinks=True, ignore=_pipes)
        else:
            shutil.copy(path, target)
    if rng.random() < 0.5:
        _remove(path)


def in_the_way(rng: Random, path: Path, outside: Path) -> None:
    """Something beside the file under a name that a program might want."""
    target = path.with_name(rng.choice((*_NAMES, f".{path.name}.writing", ".lock", f".{path.name}")))
    if not target.exists() and not target.is_symlink():
        rng.choice((a_folder, a_file, a_fifo, a_link_to(VICTIM), a_link_to("")))(rng, target, outside)


def read_only(rng: Random, path: Path, outside: Path) -> None:
    path.chmod(0)


BREAKERS = (
    *(missing, a_folder, a_file, a_fifo, a_link_to("/dev/zero", "/dev/null", "/dev/random"), a_link_to(VICTIM)),
    *(a_link_to(f"{VICTIM}-folder", "/proc/self", "/"), a_link_to(""), a_strange_name, in_the_way, read_only),
)


def _is_whole(path: Path) -> bool:
    return not path.is_symlink() and (path.is_file() or path.is_dir())


def break_folder(rng: Random, folder: Path, outside: Path) -> str:
    """Break one entry of a folder, or the .lock that a run folder has; how."""
    entries = sorted(path for path in folder.rglob("*") if path.name != ".lock" and _is_whole(path))
    if (folder / "config.json").exists():
        entries.append(folder / ".lock")
    if not entries:
        return "nothing is left to break"
    path = rng.choice(entries)
    breaker = rng.choice(
        BREAKERS if path.name != ".lock" else (a_folder, a_fifo, a_link_to(VICTIM), a_link_to("/dev/full"))
    )
    breaker(rng, path, outside)
    return f"{breaker.__name__} {path.relative_to(folder)}"


def mend_checksums(folder: Path) -> None:
    """Put the sha256 of what is in each checkpoint into its state.json, so that it hides nothing."""
    for path in folder.glob("checkpoints/*/state.json"):
        if path.is_symlink() or not path.is_file():
            continue
        try:
            state = json.loads(path.read_bytes())
            for name in state["sha256"]:
                file = path.with_name(name)
                if file.is_file() and file.stat().st_size:
                    state["sha256"][name] = hashlib.sha256(file.read_bytes()).hexdigest()
            path.write_text(json.dumps(state))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue  # broken otherwise, which is as good
