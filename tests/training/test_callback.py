"""Callbacks of the user: their order, their names and states in a checkpoint, and what is refused before step 1."""

from __future__ import annotations

import json
import logging

import pytest

import mxgan
from mxgan.errors import ArgumentError
from mxgan.training.callback import check_callbacks
from mxgan.training.checkpoint_files import read_state
from tests.support import Spoil, assert_same, inputs, make_pair, params_of, tiny_config


class Count(mxgan.Callback):
    """Counts steps; what it was given back is kept."""

    def __init__(self, name=None):
        self.steps, self.given = 0, None
        if name:
            self.name = name

    def on_step_end(self, trainer, batch, result):
        self.steps += 1

    def state(self):
        return {"steps": self.steps}

    def restore(self, state):
        self.given, self.steps = state, state.get("steps", 0)


class Told(mxgan.Callback):
    """Writes down which hooks were called."""

    def __init__(self, told, name):
        self.told, self.name = told, name

    def on_fit_begin(self, trainer):
        self.told.append((self.name, "begin", trainer.step))

    def on_step_begin(self, trainer):
        self.told.append((self.name, "step", trainer.step))

    def on_step_end(self, trainer, batch, result):
        assert batch.data[0].shape == result.fake.shape
        self.told.append((self.name, "stepped", trainer.step))

    def on_fit_end(self, trainer):
        self.told.append((self.name, "end", trainer.step))

    def close(self, trainer):
        self.told.append((self.name, "close", trainer.step))


def states(folder) -> dict:
    """{callback: state} of a run's newest checkpoint."""
    newest = max(entry for entry in (folder / "checkpoints").iterdir() if entry.name.isdigit())
    return json.loads((newest / "state.json").read_text())["callbacks"]


def test_the_name_is_that_of_the_class_unless_it_has_another():
    class Named(Count):
        name = "counter"

    class Derived(Named):
        pass

    assert (Count().name, Count("second").name, Named().name, Derived().name) == (
        "Count",
        "second",
        "counter",
        "counter",
    )


def test_hooks_are_called_in_order_and_each_is_closed(tmp_path):
    told = []
    session = mxgan.start(tiny_config(steps=2), tmp_path / "run", "none", callbacks=[Told(told, "a"), Told(told, "b")])
    session.run()
    of_a = [(hook, step) for name, hook, step in told if name == "a"]
    assert of_a == [("begin", 0), ("step", 0), ("stepped", 1), ("step", 1), ("stepped", 2), ("end", 2), ("close", 2)]
    assert [name for name, *_ in told] == ["a", "b"] * 7


def test_two_of_one_class_keep_their_own_states(tmp_path):
    first, second = Count(), Count("second")
    second.steps = 100
    mxgan.start(tiny_config(steps=8), tmp_path / "run", "none", callbacks=[first, second]).run()
    found = states(tmp_path / "run")
    assert (found["Count"], found["second"]) == ({"steps": 8}, {"steps": 108})

    again = [Count("second"), Count()]  # in any order
    mxgan.resume(tmp_path / "run", steps=10, display="none", callbacks=again).run()
    assert [callback.given for callback in again] == [{"steps": 108}, {"steps": 8}]
    assert (states(tmp_path / "run")["Count"], again[0].steps) == ({"steps": 10}, 110)


def test_a_run_with_callbacks_has_the_bits_of_one_without(tmp_path):
    sessions = [
        mxgan.start(tiny_config(steps=6), tmp_path / name, "none", callbacks=callbacks)
        for name, callbacks in (("plain", []), ("own", [Count()]))
    ]
    for session in sessions:
        session.run()
    assert_same(*(params_of(session.trainer.pair) for session in sessions))


def test_one_added_after_resume_gets_its_state_and_is_saved_after_the_same_step(tmp_path):
    mxgan.start(tiny_config(steps=8), tmp_path / "run", "none", callbacks=[Count()]).run()
    session = mxgan.resume(tmp_path / "run", steps=11, display="none")
    added, new = Count(), Count("new")
    session.trainer.callbacks += [added, new]
    session.run()
    assert (added.given, new.given) == ({"steps": 8}, {})
    assert (states(tmp_path / "run")["Count"], states(tmp_path / "run")["new"]) == ({"steps": 11}, {"steps": 3})


def test_a_rollback_restores_own_callbacks_too(tmp_path):
    count = Count()
    config = tiny_config(steps=12, on_nan="rollback")
    mxgan.start(config, tmp_path / "run", "none", callbacks=[count, Spoil("generator", "g1_weight", 10)]).run()
    assert count.given == {"steps": 8}
    assert count.steps == 12


def test_one_that_raises_ends_the_run_and_costs_nothing_that_was_saved(tmp_path):
    class Raises(mxgan.Callback):
        def on_step_end(self, trainer, batch, result):
            if trainer.step == 10:
                raise RuntimeError("of the callback")

    told = []
    session = mxgan.start(tiny_config(steps=12), tmp_path / "run", "none", callbacks=[Raises(), Told(told, "other")])
    with pytest.raises(RuntimeError, match="of the callback"):
        session.run()
    assert told[-1] == ("other", "close", 10)
    whole = mxgan.start(tiny_config(steps=12), tmp_path / "whole", "none")
    whole.run()
    resumed = mxgan.resume(tmp_path / "run", display="none")  # the folder is free again
    assert resumed.trainer.step == 8
    resumed.run()
    assert_same(params_of(resumed.trainer.pair), params_of(whole.trainer.pair))


def test_one_that_raises_while_it_is_closed_does_not_keep_others_open(tmp_path):
    class Stuck(mxgan.Callback):
        def close(self, trainer):
            raise RuntimeError("it sticks")

    told = []
    session = mxgan.start(tiny_config(steps=1), tmp_path / "run", "none", callbacks=[Stuck(), Told(told, "after")])
    with pytest.raises(RuntimeError, match="it sticks"):
        session.run()
    assert told[-1] == ("after", "close", 1)


def test_one_that_raises_at_the_end_does_not_cost_the_last_checkpoint(tmp_path):
    class Raises(mxgan.Callback):
        def on_fit_end(self, trainer):
            raise RuntimeError("at the end")

    session = mxgan.start(tiny_config(steps=7), tmp_path / "run", "none", callbacks=[Raises()])
    with pytest.raises(RuntimeError, match="at the end"):
        session.run()
    assert [entry.name for entry in (tmp_path / "run/checkpoints").iterdir()] == ["000007"]


def test_the_first_error_is_the_one_that_is_raised(tmp_path):
    class Stuck(mxgan.Callback):
        def on_fit_begin(self, trainer):
            raise RuntimeError("the first")

        def close(self, trainer):
            raise RuntimeError("the second")

    told = []
    session = mxgan.start(tiny_config(steps=1), tmp_path / "run", "none", callbacks=[Stuck(), Told(told, "later")])
    with pytest.raises(RuntimeError, match="the first"):
        session.run()
    assert told == []  # it was not begun, so it is not closed


def test_one_added_before_a_second_fit_does_not_get_an_old_state(tmp_path):
    mxgan.start(tiny_config(steps=8), tmp_path / "run", "none", callbacks=[Count()]).run()
    session = mxgan.resume(tmp_path / "run", steps=20, display="none")
    session.trainer.fit(steps=10)
    added = Count()
    session.trainer.callbacks.append(added)
    session.trainer.fit(steps=12)
    session.lock.release()
    assert (added.given, added.steps) == (None, 2)


@pytest.mark.parametrize(
    "callbacks, words",
    [
        ([Count(), Count()], "two callbacks have the name 'Count' (Count and Count)"),
        ([Count("Logger")], "two callbacks have the name 'Logger' (Logger and Count)"),
        ([Count], "(its class, not an object of it); give objects of subclasses of mxgan.Callback"),
        (["count"], "callbacks has 'count'; give objects of subclasses of mxgan.Callback"),
        ([Count(5)], "the name of a Count is 5; give a text"),
    ],
)
def test_what_cannot_be_a_callback_is_refused_before_anything_is_made(callbacks, words, tmp_path):
    with pytest.raises(ArgumentError) as caught:
        mxgan.start(tiny_config(steps=1), tmp_path / "run", "none", callbacks=callbacks)
    assert words in str(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "state, words", [({"x": {1, 2}}, "cannot be saved: Object of type set"), ([1], "is [1]; give a dict")]
)
def test_a_state_that_cannot_be_saved_is_refused_before_the_first_step(state, words, tmp_path):
    count = Count()
    count.state = lambda: state
    session = mxgan.start(tiny_config(steps=4), tmp_path / "run", "none", callbacks=[count])
    with pytest.raises(ArgumentError, match="the state of the callback 'Count'") as caught:
        session.run()
    assert words in str(caught.value)
    assert count.steps == 0


def test_a_state_that_nobody_takes_is_told(tmp_path, caplog):
    mxgan.start(tiny_config(steps=4), tmp_path / "run", "none", callbacks=[Count("mine")]).run()
    with caplog.at_level(logging.WARNING):
        mxgan.resume(tmp_path / "run", steps=5, display="none").run()
    assert "The checkpoint has the state of callbacks that are missing: mine." in caplog.text


def test_a_state_that_a_later_callback_takes_is_not_told(tmp_path, caplog):
    mxgan.start(tiny_config(steps=4), tmp_path / "run", "none", callbacks=[Count()]).run()
    session = mxgan.resume(tmp_path / "run", steps=5, display="none")
    session.trainer.callbacks.append(Count())
    with caplog.at_level(logging.WARNING):
        session.run()
    assert "missing" not in caplog.text


def test_a_trainer_takes_callbacks_too():
    pair, count = make_pair(), Count()
    _, images = inputs(pair, 0)
    data = mxgan.runtime.mx.io.NDArrayIter(images, batch_size=pair.batch_size)
    mxgan.Trainer(pair, data, callbacks=[count]).fit(steps=3)
    assert count.steps == 3
    with pytest.raises(ArgumentError, match="two callbacks have the name"):
        check_callbacks([count, count])


def test_a_run_of_an_earlier_version_resumes_to_the_bit(tmp_path):
    """Its config.json knows no schedules; the keys of its callbacks' states are the names of their classes."""
    for name in ("whole", "old"):
        mxgan.start(tiny_config(steps=8), tmp_path / name, "none").run()
    file = tmp_path / "old" / "config.json"
    config = json.loads(file.read_text())
    for half in ("generator", "discriminator"):
        del config["run"]["recipe"][f"{half}_optimizer"]["schedule"]
    file.write_text(json.dumps(config))
    found = read_state(tmp_path / "old/checkpoints/000008")["callbacks"]
    assert {"FiniteGuard", "Logger", "TrainingProgress", "Grids", "Checkpointer", "ModeCollapse"} <= set(found)
    sessions = [mxgan.resume(tmp_path / name, steps=12, display="none") for name in ("whole", "old")]
    for session in sessions:
        session.run()
    assert_same(*(params_of(session.trainer.pair) for session in sessions))
