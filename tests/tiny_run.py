"""A tiny training as a process of its own, and what it left behind, read without the package's help."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Optional

from mxgan.recipes import RECIPES
from tests.support import SMALLER

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 120.0  # seconds in which a process must begin to train, or save, or end
HALF = (".writing", ".deleting")
STATE = ("step", "epoch", "iteration", "optimizers", "callbacks")  # of state.json, what no clock decides


def tiny_flags(steps: int, recipe: str = "dcgan", **others) -> list:
    """The flags of a run of seconds; others by their names, `checkpoint_every=5`."""
    network = RECIPES[recipe].network.name
    sizes = [flag for key, value in SMALLER[network].items() for flag in ("--set", f"{key}={value}")]
    always = {"recipe": recipe, "dataset": "digits", "batch_size": 8, "display": "none", "steps": steps, **others}
    return [text for key, value in always.items() for text in (f"--{key.replace('_', '-')}", str(value))] + sizes


def environment(**others: str) -> dict:
    """One thread for MXNet, and this package whatever is installed."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **others}


class Training:
    """A process of `mxgan train --resume auto` on `folder`, its output beside it or in `log`; arguments as of Popen."""

    def __init__(self, folder: Path, flags: Sequence[str], log: Optional[Path] = None, **arguments) -> None:
        self.folder, self._log = folder, log or folder.with_name(f"{folder.name}.txt")
        self._left_before = half_written(folder)
        command = [sys.executable, "-m", "mxgan", "train", *flags, "--run-dir", str(folder), "--resume", "auto"]
        arguments = {"cwd": ROOT, "env": environment(), **arguments}
        with self._log.open("wb") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output, **arguments)

    def output(self) -> str:
        """What it has said so far."""
        return self._log.read_text(errors="replace")

    def trains(self) -> bool:
        """Whether it has said at which step it begins."""
        return "; from step " in self.output()

    def saves(self) -> bool:
        """Whether it is inside a save of a checkpoint."""
        return any(path.parent.name == "checkpoints" for path, _ in self.half_written())

    def half_written(self) -> set:
        """What it has begun to write or to delete and has not finished; what was left before it does not count."""
        return half_written(self.folder) - self._left_before

    def wait_until(self, happened: Callable) -> bool:
        """Look each half millisecond; False when the process has ended before it happened."""
        until = time.monotonic() + PATIENCE
        while not happened():
            if self.process.poll() is not None:
                return False
            if time.monotonic() > until:
                self.kill()
                raise TimeoutError(f"{happened.__name__} did not happen in {PATIENCE:g} s; it said {self.output()}")
            time.sleep(0.0005)
        return True

    def sleep(self, seconds: float) -> bool:
        """Let it go on for so long; False when it has ended by then."""
        time.sleep(seconds)
        return self.process.poll() is None

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def finish(self) -> int:
        """Its exit code, waited for."""
        try:
            return self.process.wait(PATIENCE)
        finally:
            self.kill()


def half_written(run: Path) -> set:
    """(path, inode) of whatever a writer of this run's folder has not finished, or not deleted to the end."""
    found = set()
    for folder in (run, run / "samples", run / "checkpoints"):
        try:
            with os.scandir(folder) as entries:
                found |= {(Path(entry.path), entry.inode()) for entry in entries if entry.name.endswith(HALF)}
        except FileNotFoundError:
            continue
    return found


def checkpoint_faults(run: Path) -> tuple:
    """(step of the newest numbered checkpoint or None, what is wrong with any), by nothing but their sha256 lists."""
    faults, found = [], sorted(entry for entry in (run / "checkpoints").glob("*") if entry.name.isdigit())
    for entry in found:
        try:
            sums = json.loads((entry / "state.json").read_text())["sha256"]
            there = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in entry.iterdir()}
            there.pop("state.json")
            faults += [] if there == sums else [f"{entry} is not what its state.json says"]
        except (OSError, ValueError, KeyError) as error:
            faults.append(f"{entry} is not whole: {error!r}")
    return int(found[-1].name) if found else None, faults


def history(run: Path) -> list:
    """The lines of history.jsonl without what is never the same twice; a last one that was cut short is left out."""
    path = run / "history.jsonl"
    whole, _, _ = (path.read_text() if path.exists() else "").rpartition("\n")
    lines = [json.loads(line) for line in whole.splitlines()]
    return [{key: value for key, value in line.items() if key != "images_per_second"} for line in lines]


def contents(run: Path) -> dict:
    """{name: bytes} of all that must be the same to the bit: newest checkpoint, history, evaluations, pictures."""
    stamp = json.loads((run / "config.json").read_text())["stamp"]
    newest = max(entry for entry in (run / "checkpoints").iterdir() if entry.name.isdigit())
    found = {f"{newest.name}/{file.name.replace(stamp, 'STAMP')}": file.read_bytes() for file in newest.iterdir()}
    state = json.loads(found[f"{newest.name}/state.json"])
    for callback in state["callbacks"].values():
        callback.pop("bytes", None)  # of history.jsonl: images_per_second is not of the same length twice
    found[f"{newest.name}/state.json"] = json.dumps({key: state[key] for key in STATE}).encode()
    found.update({file.name: file.read_bytes() for file in (run / "samples").iterdir()})
    found["history.jsonl"] = json.dumps(history(run)).encode()
    evaluation = run / "evaluation.jsonl"
    return {**found, "evaluation.jsonl": evaluation.read_bytes() if evaluation.exists() else b""}


def differences(found: dict, expected: dict) -> list:
    """The names under which two `contents` differ."""
    return sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
