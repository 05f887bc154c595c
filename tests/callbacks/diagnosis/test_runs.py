"""Real runs made to fail, each in its way, and healthy ones: what is said of them, once, and where it is written."""

from __future__ import annotations

import json
import logging
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

import mxgan
from mxgan.callbacks.diagnosis import DIAGNOSES, Diagnosis
from mxgan.cli import main
from mxgan.errors import ArgumentError, CheckpointError
from mxgan.runtime.config import override
from mxgan.training.callback import Callback
from tests.support import SMALLER, assert_same, params_of

RATES = [f"{half}_optimizer.learning_rate" for half in ("generator", "discriminator")]


def config_of(recipe="dcgan", steps=200, settings=(), **run):
    """A run of seconds: a published recipe at 16×16, batch 32, with some of its settings changed."""
    recipe = mxgan.RECIPES[recipe]
    recipe = replace(recipe, network=replace(recipe.network, **SMALLER[recipe.network.name]), batch_size=32)
    run = {"log_every": 10, "sample_every": 10_000, "checkpoint_every": 10_000, **run}
    config = mxgan.RunConfig(recipe=recipe, dataset="digits", steps=steps, **run)
    for name, value in dict(settings).items():
        config = override(config, {name: value})
    return config


def trained(config, folder, *callbacks):
    session = mxgan.start(config, folder, display="none", progress=False)
    session.trainer.callbacks[:0] = callbacks
    session.run()
    return session


def lines_of(folder) -> list:
    lines = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "images_per_second"} for line in lines]


def found_in(folder) -> list:
    """[(step, name)] of all diagnoses in a run's history."""
    return [(line["step"], each["name"]) for line in lines_of(folder) for each in line.get("diagnoses", [])]


class Rates(Callback):
    """Sets both learning rates at chosen steps: {step: (G's, D's)}."""

    def __init__(self, rates):
        self.rates = rates

    def on_step_begin(self, trainer):
        if trainer.step in self.rates:
            for module, rate in zip(trainer.pair.halves().values(), self.rates[trainer.step]):
                module._optimizer.set_learning_rate(rate)


class Numb(Callback):
    """From a step on the generator takes no notice of its latents: every image of a batch is the same."""

    def __init__(self, step):
        self.step = step

    def on_step_begin(self, trainer):
        if trainer.step >= self.step:
            trainer.pair.parameters("generator")["g1_weight"][:] = 0


# Name of the diagnosis → (recipe, steps, settings, callbacks) of a run that has the fault.
FAULTS = {
    "discriminator_saturated": ("dcgan-original", 260, {RATES[0]: 1e-5, RATES[1]: 0.01}, []),
    "generator_frozen": ("dcgan", 110, {RATES[0]: 1e-12}, []),
    "mode_collapse": ("dcgan", 130, {}, [Numb(20)]),
    "vanishing_gradient": ("wgan", 40, {"weight_clip": 1e-5}, []),
    "exploding_gradient": ("wgan", 120, {"weight_clip": None, RATES[1]: 0.02}, []),
    "oscillation": (
        "dcgan-original",
        330,
        {},
        [Rates({step: (0.02, 1e-6) if step // 40 % 2 else (1e-6, 0.01) for step in range(0, 330, 40)})],
    ),
    "nan_near": ("lsgan", 20, {RATES[1]: 10.0}, []),
}


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(FAULTS))
def test_a_run_with_the_fault_says_so_once(name, tmp_path, caplog):
    recipe, steps, settings, callbacks = FAULTS[name]
    trained(config_of(recipe, steps, settings), tmp_path / "run", *callbacks)
    found = [step for step, each in found_in(tmp_path / "run") if each == name]
    assert len(found) == 1
    said = [record.getMessage() for record in caplog.records if f": {name.replace('_', ' ')}: " in record.getMessage()]
    assert len(said) == 1
    assert said[0].startswith(f"step {found[0]}: ")
    assert said[0].endswith(DIAGNOSES[name].remedy)
    (line,) = [line for line in lines_of(tmp_path / "run") if line["step"] == found[0]]
    (entry,) = [each for each in line["diagnoses"] if each["name"] == name]
    assert entry["remedy"] == DIAGNOSES[name].remedy
    assert entry["evidence"] in said[0]


def test_every_diagnosis_has_a_run_with_its_fault():
    assert FAULTS.keys() == DIAGNOSES.keys()


@pytest.mark.long
def test_a_generator_that_collapses_by_itself(tmp_path):
    """Perceptrons whose G goes by large steps: in the end every latent gives the same few images."""
    trained(config_of("mlp-gan", 130, {RATES[0]: 0.05, RATES[1]: 3e-4}), tmp_path / "run")
    assert "mode_collapse" in [name for _, name in found_in(tmp_path / "run")]


@pytest.mark.long
@pytest.mark.parametrize("recipe", ["dcgan", "wgan", "lsgan", "hinge", "wgan-gp", "acgan", "mlp-gan"])
def test_a_healthy_run_is_silent(recipe, tmp_path, caplog):
    trained(config_of(recipe), tmp_path / "run")
    assert len(lines_of(tmp_path / "run")) == 20
    assert found_in(tmp_path / "run") == []
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.long
def test_looking_changes_no_bit_and_can_be_turned_off(tmp_path):
    frozen = {RATES[0]: 1e-12}
    looked = trained(config_of(steps=110, settings=frozen), tmp_path / "looked")
    blind = trained(config_of(steps=110, settings=frozen, diagnose=False), tmp_path / "blind")
    assert not [callback for callback in blind.trainer.callbacks if isinstance(callback, Diagnosis)]
    assert found_in(tmp_path / "blind") == []
    assert [name for _, name in found_in(tmp_path / "looked")] == ["generator_frozen"]
    assert_same(params_of(looked.trainer.pair), params_of(blind.trainer.pair))


@pytest.mark.long
@pytest.mark.parametrize("stop", [55, 105])
def test_stopped_and_gone_on_with_the_history_is_the_same(stop, tmp_path, caplog):
    """Stopped within the window that becomes the evidence, and within the episode, which is not told again."""
    config = config_of("dcgan", 130, {RATES[0]: 1e-12})
    whole = trained(config, tmp_path / "whole")
    trained(replace(config, steps=stop), tmp_path / "part")
    caplog.clear()
    part = mxgan.resume(tmp_path / "part", steps=130, display="none", progress=False)
    part.run()
    assert lines_of(tmp_path / "part") == lines_of(tmp_path / "whole")
    assert found_in(tmp_path / "part") == [(100, "generator_frozen")]
    assert len([record for record in caplog.records if "generator frozen" in record.getMessage()]) == (stop < 100)
    states = [
        {type(each).__name__: each.state() for each in session.trainer.callbacks if isinstance(each, Diagnosis)}
        for session in (whole, part)
    ]
    assert states[0] == states[1]
    assert states[0]["FrozenGenerator"]["healthy"] == 0


@pytest.mark.long
def test_a_run_that_was_not_diagnosed_begins_to_be(tmp_path):
    trained(config_of(steps=20, diagnose=False, settings={RATES[0]: 1e-12}), tmp_path / "run")
    mxgan.resume(tmp_path / "run", steps=130, diagnose=True, display="none", progress=False).run()
    assert found_in(tmp_path / "run") == [(120, "generator_frozen")]


@pytest.mark.long
def test_an_episode_ends_and_the_next_one_is_told_again(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    rates = Rates({0: (1e-12, 2e-4), 100: (2e-4, 2e-4), 210: (1e-12, 2e-4)})
    trained(config_of(steps=320), tmp_path / "run", rates)
    assert found_in(tmp_path / "run") == [(100, "generator_frozen"), (310, "generator_frozen")]
    assert "step 200: generator frozen is over" in [record.getMessage() for record in caplog.records]


@pytest.mark.long
def test_a_window_is_of_steps_whatever_is_logged(tmp_path):
    for log_every, first in ((1, 100), (25, 125)):
        trained(config_of(steps=125, settings={RATES[0]: 1e-12}, log_every=log_every), tmp_path / str(log_every))
        assert found_in(tmp_path / str(log_every)) == [(first, "generator_frozen")]


@pytest.mark.parametrize(
    "state",
    [
        {"readings": [[1.0], [1.0, 2.0]]},
        {"readings": [[1.0, 2.0]]},
        {"readings": 3},
        {"readings": [], "healthy": -1},
        {"healthy": "no"},
    ],
)
def test_a_state_of_another_form_is_refused(state):
    diagnosis = DIAGNOSES["generator_frozen"](10, mxgan.OBJECTIVES["gan"])
    with pytest.raises(CheckpointError, match="the checkpoint's state of FrozenGenerator is"):
        diagnosis.restore(state)


def test_readings_that_are_not_finite_come_back():
    diagnosis = DIAGNOSES["oscillation"](10, mxgan.OBJECTIVES["gan"])
    state = {"every": 10, "readings": [[1.5, None]], "healthy": 2}
    diagnosis.restore(state)
    assert json.loads(json.dumps(diagnosis.state(), allow_nan=False)) == state
    assert np.isnan(diagnosis._readings[0][1])


def test_readings_at_another_spacing_are_not_gone_on_with():
    before = DIAGNOSES["oscillation"](10, mxgan.OBJECTIVES["gan"])
    before.restore({"every": 10, "readings": [[1.5, 2.5]], "healthy": 2})
    after = DIAGNOSES["oscillation"](50, mxgan.OBJECTIVES["gan"])
    after.restore(before.state())
    assert after.state() == {"every": 50, "readings": [], "healthy": None}


def test_the_flag_and_the_setting():
    for flags, expected in (([], True), (["--no-diagnose"], False), (["--diagnose"], True)):
        found = CliRunner().invoke(main, ["train", "--steps", "1", "--dry-run", *flags])
        assert json.loads(found.output)["diagnose"] is expected
    with pytest.raises(ArgumentError, match="diagnose is 'no'; give True or False"):
        mxgan.RunConfig(steps=1, diagnose="no")
