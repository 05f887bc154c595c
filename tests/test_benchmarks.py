"""The benchmarks' own parts: what is counted, how turns alternate, what a report says. No time is compared here."""

from __future__ import annotations

import importlib.util
import json

import pytest
from click.testing import CliRunner

import mxgan
from benchmarks import machine, suites
from benchmarks.__main__ import main
from benchmarks.alternate import Contender, Timing, WorkerError, _Worker, alternate, ratio, turns
from benchmarks.arithmetic import multiply_adds, step_multiply_adds
from benchmarks.exported import onnx_sampling
from benchmarks.ours import _recipe, critic_step, sampling, training_step
from benchmarks.report import as_json, as_markdown, plot_scaling
from benchmarks.suites.base import Outcome, Plan, Section, over
from benchmarks.suites.steps import _ways
from mxgan.errors import ArgumentError

TINY = {"batch": 2, "width": 2, "size": 16, "steps": 1}
STEP = "benchmarks.ours:training_step"


def test_multiply_adds_of_dcgan_by_hand():
    network = mxgan.DCGAN()
    by_layer = [32 * 32 * 64 * 3 * 16, *[16 * 16 * 128 * 64 * 16] * 3, 512 * 16]
    assert multiply_adds(network.discriminator(), {"data": (1, 3, 64, 64)}) == by_layer
    of_generator = [100 * 512 * 16, *[4 * 4 * 512 * 256 * 16] * 3, 32 * 32 * 64 * 3 * 16]
    assert multiply_adds(network.generator(), {"rand": (1, 100, 1, 1)}) == of_generator
    whole = 8 * sum(by_layer) - 2 * by_layer[0] + 3 * sum(of_generator) - of_generator[0]
    assert step_multiply_adds(network, 64) == 64 * whole


@pytest.mark.long
def test_contenders_alternate_in_processes_of_their_own():
    found = alternate([Contender("one", STEP, TINY), Contender("other", STEP, {**TINY, "batch": 4})], rounds=3)
    assert [(name, len(timing.seconds), timing.images) for name, timing in found.items()] == [
        ("one", 3, 2),
        ("other", 3, 4),
    ]
    assert all(seconds > 0 for timing in found.values() for seconds in timing.seconds)


def test_a_contender_that_ends_is_an_error_and_not_a_wait(capfd):
    with pytest.raises(WorkerError, match="broken ended with 1; its standard error is above"):
        turns([Contender("broken", STEP, {"unknown": 1})], rounds=1)
    assert "unknown setting 'unknown'" in capfd.readouterr().err


@pytest.mark.long
def test_a_contender_that_is_killed_between_its_turns_is_an_error_too():
    worker = _Worker(Contender("killed", STEP, TINY))
    worker.get_ready()
    worker._process.kill()
    worker._process.wait()
    with pytest.raises(WorkerError, match="killed ended with -9"):
        worker.turn()
    worker.close()


def test_units_do_what_they_count():
    units = [training_step(**TINY), critic_step(**TINY)]
    units.append(training_step(**{**TINY, "size": 32}, recipe="sngan", ema=None))  # five batches of real images
    for unit in units:
        assert unit.run() is None
        assert unit.images == 2
        unit.finish()
    for make in (sampling, onnx_sampling):
        unit = make(batch=2, width=2, size=16, batches=3)
        unit.run()
        assert unit.images == 6


def test_settings_of_a_unit_are_those_of_the_recipe():
    recipe = _recipe(2, 1, 4, 16, "dcgan", **{"ema": None, "instance_noise.sigma": 0.25})
    assert (recipe.batch_size, recipe.ema, recipe.instance_noise.sigma) == (2, None, 0.25)
    assert (recipe.network.nc, recipe.network.ngf, recipe.network.image_size) == (1, 4, 16)
    with pytest.raises(ArgumentError, match="algoritm"):
        training_step(**TINY, algoritm="fast")


def test_the_fastest_peer_is_the_one_that_is_compared_with():
    ours = Timing("ours", (1.0, 1.0), 10)
    peers = [Timing("slow", (4.0, 4.0), 10), Timing("fast", (2.0, 2.0), 10), Timing("few", (1.0, 1.0), 2)]
    outcome = over(ours, peers, "a step over the peer", 1.25)
    assert (outcome.value, outcome.peer, outcome.reached) == (2.0, "fast", True)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_peer_has_d_frozen_in_every_way(precision):
    plan = Plan(2, None, None, peers=True, compiler=True, bfloat16=True, width=8)
    ways = _ways(plan, 3, precision, frozen=True)
    assert len({each.name for each in ways}) == 4
    settings = [each.settings for each in ways]
    assert {(each.get("channels_last", False), each["compiled"]) for each in settings} == {
        (layout, compiled) for layout in (False, True) for compiled in (False, True)
    }
    assert all(each["frozen"] and each["fused"] and each["width"] == 8 for each in settings)
    assert {each.get("bfloat16", False) for each in settings} == {precision == "bfloat16"}


def test_ratios_are_taken_round_by_round():
    ours, peer = Timing("ours", (1.0, 2.0, 4.0), 10), Timing("peer", (2.0, 4.0, 8.0), 10)
    assert ratio(ours, peer) == (2.0, 2.0, 2.0)
    assert (ours.median, ours.images_per_second) == (2.0, 5.0)
    assert ratio(ours, Timing("half the images", (2.0, 4.0, 8.0), 5))[1] == 4.0


def test_goals_are_told_apart():
    assert Outcome("speed", 1.6, "×", 1.5).reached is True
    assert Outcome("speed", 1.4, "×", 1.5).reached is False
    assert Outcome("overhead", 1.4, "%", 2, at_most=True).reached is True
    assert Outcome("overhead", 2.4, "%", 2, at_most=True).reached is False
    assert Outcome("speed", 1.4, "×").reached is None
    section = Section("A title", [Timing("ours", (1.0, 1.0), 64)], [Outcome("speed", 1.4, "×", 1.5)], ["a note"])
    text = as_markdown([section], {"cpu": "a CPU", "cpu_features": "avx2", "cpus": 2, "torch": None})
    assert text.startswith("a CPU (avx2); 2 CPUs\n")
    assert "| speed | 1.40 × |  | ≥ 1.5 × | **not reached** |" in text
    assert "| ours | 64 | 1.000 | ±0 % |" in text
    assert json.loads(as_json([section], {}))["sections"][0]["timings"][0]["seconds"] == [1.0, 1.0]


def test_the_plot_of_scaling_is_drawn(tmp_path):
    values = {
        f"{axis} {value}": {"batch": 64, "width": 64, "size": 64, axis: value, "seconds": value / 64, "gflop": value}
        for axis, value in (("batch", 32), ("batch", 64), ("width", 32), ("size", 32))
    }
    plot_scaling(Section("scaling", values=values), tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_the_command_says_what_it_lacks(tmp_path, monkeypatch):
    taken = tmp_path / "taken.json"
    taken.write_text("mine")
    found = CliRunner().invoke(main, ["--no-peers", "--output", str(taken)])
    assert found.exit_code != 0
    assert taken.read_text() == "mine"
    monkeypatch.setattr("benchmarks.__main__.busy_cpus", lambda: 1.5)
    found = CliRunner().invoke(main, ["--no-peers", "--output", str(tmp_path / "new.json")])
    assert "other programs keep 1.50 CPUs busy" in found.output


def test_quick_has_suites_of_its_own():
    found = CliRunner().invoke(main, ["--quick", "critic"])
    assert "--quick has its own suites" in found.output


@pytest.mark.long
def test_quick_gives_the_main_ratios(tmp_path, monkeypatch):
    """A smoke test, of narrower networks: no ratio is compared with anything."""
    monkeypatch.setattr("benchmarks.__main__.QUICK_WIDTH", 4)
    words = ["--quick", "--busy", "--output", str(tmp_path / "quick.json")]
    has_peers = importlib.util.find_spec("torch") is not None
    found = CliRunner().invoke(main, [*words, *([] if has_peers else ["--no-peers"])], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    outcomes = [each for section in json.loads((tmp_path / "quick.json").read_text())["sections"]
                for each in section["outcomes"]]  # fmt: skip
    names = [each["what"] for each in outcomes]
    assert names[-1] == "overhead of the trainer"
    assert all(each["goal"] is None and each["short"] for each in outcomes)
    if not has_peers:
        pytest.skip("PyTorch is not installed: the overhead alone was measured")
    assert names[0] == "float32 step over the peer"
    assert {"critic step over the peer", "sampling over the fastest PyTorch"} < set(names)


@pytest.mark.long
def test_one_suite_from_the_command_to_the_file(tmp_path, monkeypatch):
    monkeypatch.setitem(suites.SUITES, "critic", lambda plan: Section("tiny", [
        *alternate([Contender("mxgan", "benchmarks.ours:critic_step", TINY)], plan.rounds).values()
    ]))  # fmt: skip
    target = tmp_path / "found.json"
    found = CliRunner().invoke(main, ["critic", "--no-peers", "--busy", "--rounds", "2", "--output", str(target)])
    assert found.exit_code == 0, found.output
    told = json.loads(target.read_text())
    assert told["machine"]["mxnet"] == "1.9.1"
    assert len(told["sections"][0]["timings"][0]["seconds"]) == 2


def test_the_machine_is_described():
    told = machine.describe()
    assert told["cpus"] >= 1
    assert told["mxgan"] == mxgan.__version__ or told["mxgan"] is None
    assert machine.busy_cpus(0.1) >= 0
