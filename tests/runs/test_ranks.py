"""Runs of several ranks by the command line: one writer, the same bits after a resume, refusals at the start."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from mxgan.runs.config import recorded_config
from mxgan.runs.launching.job import own_place
from mxgan.training.run_folder import RunFolder
from tests.ranks import mpirun, run_ranks, said_by
from tests.support import gone_within
from tests.tiny_run import PATIENCE, checkpoint_faults, contents, differences, environment, history, tiny_flags

CODE = "from mxgan.cli import main; main(prog_name='mxgan')"


def train(count: int, folder, steps: int, *more, **flags) -> subprocess.CompletedProcess:
    place = () if "resume" in flags else ("--run-dir", folder)
    return run_ranks(count, CODE, "train", *tiny_flags(steps, **{"log_every": 1, **flags}), *place, *more)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of two ranks and six steps, and what its ranks have said."""
    folder = tmp_path_factory.mktemp("ranks") / "whole"
    said = train(2, folder, 6, checkpoint_every=3, sample_every=3, ema=0.9)
    assert said.returncode == 0, said.stderr
    return folder, said


def test_one_rank_writes_the_run_and_tells_of_it(whole):
    folder, said = whole
    assert [line["step"] for line in history(folder)] == [1, 2, 3, 4, 5, 6]
    assert checkpoint_faults(folder) == (6, [])
    lines = said.stdout.splitlines()
    assert sum(line.startswith("run folder: ") and "from step 0 to 6" in line for line in lines) == 1
    assert any("2 ranks train together, each with 4 images of a batch and 1 threads" in line for line in lines)
    assert said.stderr == ""
    assert json.loads((folder / "config.json").read_text())["versions"]["ranks"] == 2
    ends = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    assert [(end["event"], end.get("how")) for end in ends] == [("begin", None), ("end", "finished")]


def test_a_resumed_run_of_as_many_ranks_has_the_same_bits(whole, tmp_path):
    folder = tmp_path / "halves"
    assert train(2, folder, 3, checkpoint_every=3, sample_every=3, ema=0.9).returncode == 0
    again = train(2, folder, 6, resume=folder, sample_every=3, ema=0.9)
    assert again.returncode == 0, again.stderr
    assert "The bits may differ" not in again.stdout
    assert contents(folder) == contents(whole[0])


AUGMENT = "colour,translation,cutout"


@pytest.mark.long
def test_adaptive_augmentations_are_the_same_on_all_ranks_and_resumed(tmp_path):
    flags = {"recipe": "hinge", "augment": AUGMENT, "checkpoint_every": 7, "sample_every": 14}
    more = ("--set", "augment_target=0.5", "--set", "compare_every=1")
    whole = train(2, tmp_path / "whole", 14, *more, **flags)
    assert whole.returncode == 0, whole.stderr
    assert len({line["augment_probability"] for line in history(tmp_path / "whole")}) > 1
    folder = tmp_path / "halves"
    assert train(2, folder, 7, *more, **flags).returncode == 0
    again = train(2, folder, 14, *more, resume=folder, **flags)
    assert again.returncode == 0, again.stderr
    found, expected = contents(folder), contents(tmp_path / "whole")
    assert [name for name in differences(found, expected) if not name.endswith("000007.png")] == []


ADAPTED = """
    import hashlib, json, sys
    from dataclasses import replace
    import mxgan
    from tests.support import params_of
    from tests.test_recipes import small

    names = ("colour", "translation", "cutout")
    folder, begins, steps = sys.argv[1], sys.argv[2] == "begin", int(sys.argv[3])
    config = small("hinge", steps=steps)
    config = replace(config, recipe=replace(config.recipe, augment=names, augment_target=0.5))
    if begins:
        session = mxgan.start(config, folder, "none", progress=False)
    else:
        session = mxgan.resume(folder, steps=steps, display="none", progress=False)
    session.run()
    pair = session.trainer.pair
    values = b"".join(value.tobytes() for _, value in sorted(params_of(pair).items()))
    found = [pair.ranks.rank, pair.augmenter.probability, pair.augmenter.sign, hashlib.sha256(values).hexdigest()]
    print(json.dumps(found))
"""


def adapted(folder, how: str, steps: int) -> list:
    """[rank, probability, sign, hash of all parameters] of each of two ranks at the end of a training."""
    return [json.loads(line) for line in said_by(run_ranks(2, ADAPTED, folder, how, steps)) if line.startswith("[")]


@pytest.mark.long
def test_each_rank_adapts_its_augmentations_and_goes_on_with_them(tmp_path):
    """Stopped between two changes of the probability. The comparison of parameters does not see a rank without
    adaptation, because the ranks' gradients are summed."""
    whole = adapted(tmp_path / "whole", "begin", 14)
    adapted(tmp_path / "halves", "begin", 6)
    assert adapted(tmp_path / "halves", "resume", 14) == whole
    assert [rank for rank, *_ in whole] == [0, 1]
    assert whole[0][1:] == whole[1][1:]
    assert 0 < whole[0][1] < 1


@pytest.mark.long
def test_features_are_matched_over_each_part_which_is_told(tmp_path):
    said = train(2, tmp_path / "run", 4, "--set", "feature_matching=true", "--set", "compare_every=1")
    assert said.returncode == 0, said.stderr
    assert re.search(r"^.*, dmatching: computed over each rank's part of a batch", said.stdout, flags=re.MULTILINE)


def test_another_number_of_ranks_goes_on_and_says_that_the_bits_differ(whole, tmp_path):
    folder = tmp_path / "other"
    assert train(2, folder, 3, checkpoint_every=3, ema=0.9).returncode == 0
    alone = [sys.executable, "-c", CODE, "train", "--resume", str(folder), "--steps", "6"]
    process = subprocess.run(alone, capture_output=True, text=True, env=environment(), timeout=PATIENCE, check=False)
    assert process.returncode == 0, process.stderr
    assert "ranks 2 then, 1 now" in process.stdout
    steps = [line["step"] for line in history(folder)]
    assert steps == [1, 2, 3, 4, 5, 6]
    assert recorded_config(RunFolder.open(folder)).steps == 6


def test_a_finished_run_is_told_once(whole):
    folder, _ = whole
    said = train(2, folder, 6, resume=folder, ema=0.9)
    assert said.returncode == 2
    assert said.stderr.count("Error: ") == 1
    assert "is at step 6 already" in said.stderr


@pytest.mark.long
def test_a_folder_in_use_is_told_without_a_rank(whole):
    folder, _ = whole
    said = train(2, folder, 6, ema=0.9)
    assert said.returncode == 1
    assert next(line for line in said.stderr.splitlines() if "rror" in line).startswith(f"Error: {folder} exists and")


@pytest.mark.long
def test_resume_auto_of_a_finished_run_does_nothing(whole):
    folder, _ = whole
    said = train(2, folder, 6, "--resume", "auto", checkpoint_every=3, ema=0.9)
    assert said.returncode == 0, said.stderr
    assert "Nothing left to train" in said.stdout


@pytest.mark.parametrize(
    "flags, code, words",
    [
        (
            {"batch_size": 7},
            2,
            "batch_size is 7, which 2 ranks cannot share evenly. Give a multiple of 2, such as 6",
        ),
        pytest.param({"dataset": "folder", "data_dir": "/nowhere"}, 1, "/nowhere", marks=pytest.mark.long),
        pytest.param({"recipe": "dcgam"}, 2, "unknown recipe 'dcgam'; did you mean", marks=pytest.mark.long),
    ],
)
def test_what_does_not_fit_is_told_once_and_leaves_no_folder(tmp_path, flags, code, words):
    named = {"recipe": "dcgan", **flags}
    given = [text for key, value in named.items() for text in (f"--{key.replace('_', '-')}", value)]
    said = run_ranks(2, CODE, "train", *given, "--steps", 2, "--run-dir", tmp_path / "run")
    assert said.returncode == code
    assert said.stderr.count("Error: ") == 1
    assert words in " ".join(said.stderr.split())
    assert not (tmp_path / "run").exists()


def test_a_signal_to_one_rank_ends_all_after_the_same_step_and_saves(tmp_path):
    folder = tmp_path / "stopped"
    with endless(tmp_path, folder) as process:
        os.kill(int((tmp_path / "pid-1").read_text()), signal.SIGTERM)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + signal.SIGTERM, err
    step, faults = checkpoint_faults(folder)
    assert faults == []
    assert f"Stopped by SIGTERM after step {step}, and saved." in out
    assert f"\n  mxgan launch -n 2 -- train --resume {folder}\n" in out
    assert history(folder)[-1]["step"] == step


# Each rank leaves its number of a process, for the test that sends it a signal.
PIDS = """
import os, pathlib, sys
pathlib.Path(sys.argv.pop(1), "pid-" + os.environ["OMPI_COMM_WORLD_RANK"]).write_text(str(os.getpid()))
"""


@contextmanager
def endless(place, folder):
    """mpirun with two ranks of a training without end, from its first step on; it is killed at the end."""
    flags = tiny_flags(100_000, log_every=1, checkpoint_every=100_000)
    command = [mpirun(), "--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "-n", "2", sys.executable, "-c"]
    command += [PIDS + CODE, str(place), "train", *flags, "--run-dir", str(folder)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with own_place(environment()) as own, subprocess.Popen(command, env=own, **pipes) as process:
        try:
            until = time.monotonic() + PATIENCE
            while not (folder / "history.jsonl").exists() and time.monotonic() < until:
                assert process.poll() is None
                time.sleep(0.05)
            yield process
        finally:
            process.kill()


PARTED = """
import sys
import mxgan
from tests.support import Spoil, tiny_config
ranks = mxgan.all_ranks()
session = mxgan.start(tiny_config(steps=8, checkpoint_every=2, log_every=1), sys.argv[1], "none")
if ranks.rank == 1:
    session.trainer.callbacks.append(Spoil("generator", "g1_weight", 5, value=0.25))
session.run()
"""


def test_ranks_that_part_are_found_before_the_next_save(tmp_path):
    said = run_ranks(2, PARTED, tmp_path / "run")
    assert said.returncode == 1
    assert "after step 6 the ranks are no longer equal: rank 1 on" in said.stderr
    assert "They were equal at step 4." in said.stderr
    assert checkpoint_faults(tmp_path / "run") == (4, [])


ROLLBACK = """
import sys
import mxgan
from tests.support import Spoil, tiny_config
config = tiny_config(steps=8, on_nan="rollback", checkpoint_every=2, log_every=1)
session = mxgan.start(config, sys.argv[1], "none", callbacks=[Spoil("discriminator", "d1_weight", 5)])
session.run()
print(session.trainer.pair.ranks.rank, session.trainer.step, session.trainer.pair.learning_rate_scale)
"""


def test_a_rollback_takes_every_rank_back(tmp_path):
    said = run_ranks(2, ROLLBACK, tmp_path / "run")
    assert said.returncode == 0, said.stderr
    assert sorted(line for line in said.stdout.splitlines() if line[:2] in ("0 ", "1 ")) == ["0 8 0.5", "1 8 0.5"]
    rollbacks = [line["rollbacks"] for line in history(tmp_path / "run") if "rollbacks" in line]
    assert [(each["to_step"], each["network"]) for (each,) in rollbacks] == [(4, "discriminator")]


@pytest.mark.long
def test_ranks_whose_mpirun_is_killed_save_and_end(tmp_path):
    folder = tmp_path / "run"
    with endless(tmp_path, folder):
        pass  # mpirun is killed here
    for rank in (0, 1):
        assert gone_within(60, int((tmp_path / f"pid-{rank}").read_text()))
    step, faults = checkpoint_faults(folder)
    assert faults == []
    assert history(folder)[-1]["step"] == step
