"""In how many processes the tests run: a process on each core for the whole suite alone."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace

import pytest

from tests import conftest


def decided(monkeypatch, cpus: int, args=(), xdist=True, **options) -> tuple:
    """(processes, way to share out the tests) after `python -m pytest` with these arguments and options."""
    monkeypatch.setattr(conftest, "usable_cpus", lambda: cpus)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # which it sets, so that it is put back
    sources = pytest.Config.ArgsSource
    plain = {"numprocesses": None, "dist": "no", "usepdb": False, "trace": False, "capture": "fd", "collectonly": False}
    option = SimpleNamespace(**{**plain, **options})
    conftest.pytest_cmdline_main(
        SimpleNamespace(
            ArgsSource=sources,
            args_source=sources.ARGS if args else sources.TESTPATHS,
            pluginmanager=SimpleNamespace(hasplugin=lambda name: name == "xdist" and xdist),
            option=option,
        )
    )
    return option.numprocesses, option.dist


@pytest.mark.parametrize("cpus, processes", [(2, 2), (64, 4)])
def test_the_whole_suite_takes_a_process_on_each_core(cpus, processes, monkeypatch):
    assert decided(monkeypatch, cpus) == (processes, "loadfile")


@pytest.mark.parametrize(
    "given",
    [
        {"args": ["tests/data"]},
        {"xdist": False},
        {"usepdb": True},
        {"trace": True},
        {"capture": "no"},
        {"collectonly": True},
        {"cpus": 1},
    ],
    ids=lambda given: next(iter(given)),
)
def test_else_it_is_one_process(given, monkeypatch):
    assert decided(monkeypatch, **{"cpus": 2, **given}) == (None, "no")


def test_a_number_that_is_given_stays(monkeypatch):
    assert decided(monkeypatch, 2, numprocesses=0) == (0, "no")


def test_a_report_with_a_byte_of_a_name_goes_to_another_process(request):
    """Python spells a byte that is no UTF-8 as a lone surrogate, which cannot be sent."""
    name = os.fsdecode(b"a\xff")
    report = pytest.TestReport("t", ("t", 1, "t"), {}, "failed", name, "call", sections=[("Captured", name)])
    sent = request.config.hook.pytest_report_to_serializable(config=request.config, report=report)
    assert json.dumps(sent, ensure_ascii=False).encode().count(b"a\\\\udcff") == 2
