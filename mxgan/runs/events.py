"""events.jsonl: when a training of this run began and ended, in which process, and how."""

from __future__ import annotations

import json
import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from mxgan.errors import OutputError, first_line
from mxgan.runs.drawn import PICTURED
from mxgan.runtime.line_file import LineFile
from mxgan.training.run_folder import RunFolder

__all__ = ["process_identity", "recorded_training"]

logger = logging.getLogger(__name__)


@contextmanager
def recorded_training(folder: RunFolder, trainer, last_step: int) -> Iterator[None]:
    """Record in events.jsonl that the training inside the block begins, and how it ends.

    Each line is a JSON object with `event`, `time` (seconds since 1970) and `step`. "begin" also has `last_step`, the
    weights that `pictures` show ("average" or "raw") and the process (`process_identity`); "end" has `how`: "finished",
    "stopped" (by a signal or a callback) or "failed", and `reason` for the last two. A process that is killed writes no
    "end".

    Raises OutputError if the begin cannot be written; an end that cannot be written is a warning.
    """
    lines = LineFile(folder.events_path)
    weights = {PICTURED: "raw" if trainer.pair.average is None else "average"}
    process = process_identity(os.getpid())
    _append(lines, event="begin", step=trainer.step, last_step=last_step, **weights, **process)
    outcome = {"how": "failed", "reason": "the process ended"}
    try:
        yield
        is_stopped = trainer.stopping is not None and trainer.step < last_step
        outcome = {"how": "stopped", "reason": str(trainer.stopping)} if is_stopped else {"how": "finished"}
    except BaseException as error:
        outcome["reason"] = f"{type(error).__name__}: {first_line(error)}"
        raise
    finally:
        try:
            _append(lines, event="end", step=trainer.step, **outcome)
        except OutputError as error:
            logger.warning("The end of the training is not recorded: %s", error)


def process_identity(pid: int) -> dict:
    """`pid`, `host` and `began`: a running process of this machine; another one of the same number differs in `began`.

    `began` is the time of the machine's boot and of the process's start in it, as Linux gives them; None if there is no
    such process.
    """
    return {"pid": pid, "host": socket.gethostname(), "began": _began(pid)}


def _began(pid: int):
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat, open("/proc/sys/kernel/random/boot_id", encoding="ascii") as boot:
            return f"{boot.read().strip()} {stat.read().rpartition(b')')[2].split()[19].decode()}"
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None


def _append(lines: LineFile, **values) -> None:
    lines.append(json.dumps({"event": values.pop("event"), "time": round(time.time(), 3), **values}))
