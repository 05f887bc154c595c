"""A fault in one rank of a training at one step. Python imports this file by itself if its folder is on PYTHONPATH.

MXGAN_TEST_FAULT has it as JSON: kind, rank, step, seconds, and marker, a file that is made at that moment. Where the
marker is there already, nothing happens: a training that is started again has no second fault.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import resource
import sys
import time
from pathlib import Path

TRAINER = "mxgan.training.trainer"


def strike(fault: dict, batches) -> None:
    Path(fault["marker"]).touch()
    if fault["kind"] == "raise":
        raise RuntimeError(f"no luck in step {fault['step']}")
    if fault["kind"] == "nan":
        for batch in batches:
            batch.data[0][:] = float("nan")
    elif fault["kind"] == "sleep":
        time.sleep(fault["seconds"])
    elif fault["kind"] == "hold":
        ctypes.PyDLL(None).sleep(int(fault["seconds"]))  # PyDLL keeps the lock of Python
    elif fault["kind"] == "disk":
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    else:
        raise ValueError(f"unknown kind of fault {fault['kind']!r}")


def prepare(trainer, fault: dict) -> None:
    """Let `Trainer.train_step` have the fault before its step."""
    whole = trainer.train_step

    def train_step(self, batches):
        if self.step == fault["step"] and not Path(fault["marker"]).exists():
            strike(fault, batches)
        return whole(self, batches)

    trainer.train_step = train_step


class Finder:
    """Prepares the trainer's module when it is imported."""

    def __init__(self, fault: dict) -> None:
        self._fault = fault

    def find_spec(self, name, path=None, target=None):
        if name != TRAINER:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def exec_module(module) -> None:
            load(module)
            prepare(module.Trainer, self._fault)

        spec.loader.exec_module = exec_module
        return spec


FAULT = json.loads(os.environ.get("MXGAN_TEST_FAULT", "null"))
if FAULT is not None and os.environ.get("PMIX_RANK") == str(FAULT["rank"]):
    sys.meta_path.insert(0, Finder(FAULT))
