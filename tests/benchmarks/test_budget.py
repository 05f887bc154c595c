"""A training for a wall time: its time is that of all parts, and a part goes on where the one before has stopped."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.results import budget
from benchmarks.results.budget import ENDLESS, TimeBudget, config_of, trained
from benchmarks.results.clocks import CLOCKS
from mxgan.runs.config import recorded_config
from mxgan.training.learning_rates import LearningRateSchedule
from mxgan.training.run_folder import RunFolder
from tests.ranks import run_ranks, said_by
from tests.tiny_run import ROOT, environment

PATIENCE = 120.0  # seconds in which a process must begin to train
WORDS = ["--recipe", "dcgan", "--dataset", "digits", "--batch-size", "8", "--ngf", "4", "--ndf", "4", "--image-size",
         "16", "--log-every", "1", "--sample-every", "1000"]  # fmt: skip


def program(folder: Path, seconds: float) -> subprocess.Popen:
    words = ["--run-dir", str(folder), "--seconds", str(seconds), "--", *WORDS]
    command = [sys.executable, "-m", "benchmarks.results.budget", *words]
    return subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL)


def wait_for(path: Path) -> None:
    until = time.monotonic() + PATIENCE
    while not (path.exists() and path.stat().st_size) and time.monotonic() < until:
        time.sleep(0.05)
    assert path.exists(), f"no {path} after {PATIENCE} s"


def events(folder: Path) -> list:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def test_the_clock_of_the_cpus_stands_while_the_process_sleeps():
    clock = CLOCKS["cpu"]()
    before, began = clock(), time.monotonic()
    time.sleep(0.5)
    asleep = clock() - before
    while time.monotonic() - began < 1:
        pass
    assert asleep < 0.1 < clock() - before - asleep


def test_a_part_goes_on_with_the_time_of_the_parts_before_it(tmp_path):
    folder = tmp_path / "run"
    process = program(folder, 3600)
    try:
        wait_for(folder / "history.jsonl")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 1  # not at its end
    finally:
        process.kill()
    first = json.loads((tmp_path / "run.time.json").read_text())
    assert first["finished"] is False
    assert first["images"] == 8 * first["steps"] > 0
    assert trained(WORDS, folder, first["seconds"]) == {**first, "finished": True}  # its time is used up
    second = trained(WORDS, folder, first["seconds"] + 1e-6, CLOCKS["cpu"]())
    assert (second["steps"], second["finished"]) == (first["steps"] + 1, True)
    assert second["seconds"] > first["seconds"]
    assert [(each["event"], each["step"]) for each in events(folder)] == [
        ("begin", 0),
        ("end", first["steps"]),
        ("begin", first["steps"]),
        ("end", first["steps"] + 1),
    ]
    assert recorded_config(RunFolder.open(folder)).steps == ENDLESS


def test_only_a_recipe_whose_rate_falls_is_measured_first(tmp_path, monkeypatch):
    monkeypatch.setattr(budget, "TRIAL_STEPS", 12)
    falling = [*WORDS, "--set", "generator_optimizer.schedule=linear"]
    found = trained(falling, tmp_path / "run", 0.5)
    steps = recorded_config(RunFolder.open(tmp_path / "run")).steps
    assert found["finished"]
    assert 1 <= found["steps"] <= steps < ENDLESS
    assert trained(falling, tmp_path / "run", 0.5) == found  # with the end that it began with, and no second trial


def test_ranks_end_at_the_same_step_and_are_one_run(tmp_path):
    program = """
        from benchmarks.results import budget

        budget.TRIAL_STEPS = 12
        budget.main()
    """
    falling = [*WORDS, "--set", "generator_optimizer.schedule=linear"]
    words = ["--run-dir", tmp_path / "run", "--seconds", 1, "--", *falling]
    told = [json.loads(line) for line in said_by(run_ranks(2, program, *words)) if line.startswith("{")]
    noted = json.loads((tmp_path / "run.time.json").read_text())
    assert told == [noted, noted]
    assert noted["finished"]
    run = RunFolder.open(tmp_path / "run")
    assert json.loads(run.config_path.read_text())["versions"]["ranks"] == 2
    assert 1 <= noted["steps"] <= recorded_config(run).steps < ENDLESS


def test_flags_become_the_configuration_of_a_training():
    config = config_of([*WORDS, "--seed", "3"], steps=5, epochs=None)
    assert (config.dataset, config.seed, config.steps, config.epochs) == ("digits", 3, 5, None)
    assert (config.recipe.network.ngf, config.recipe.network.image_size) == (4, 16)
    schedule = replace(config.recipe.discriminator_optimizer, schedule=LearningRateSchedule("cosine"))
    assert budget._must_know_its_end(replace(config.recipe, discriminator_optimizer=schedule))
    assert not budget._must_know_its_end(config.recipe)


def test_the_clock_counts_steps_and_not_what_lies_between_parts():
    now = [0.0]
    clock = TimeBudget(10, lambda: now[0])
    clock.restore({"seconds": 4.0})
    now[0] = 100.0
    assert clock.seconds == 4.0
    clock.on_fit_begin(None)
    now[0] = 103.0
    assert (clock.seconds, clock.is_over) == (7.0, False)
    assert clock.state() == {"seconds": 7.0}
    now[0] = 106.0
    assert clock.is_over
    clock.on_fit_end(None)
    now[0] = 200.0
    assert clock.seconds == 10.0
