"""Runs on disks that are full or read-only, with too few files, a second process, a clock that runs backwards."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

import mxgan
from tests.support import tiny_config
from tests.tiny_run import Training, checkpoint_faults, contents, differences, environment, half_written
from tests.tiny_run import tiny_flags as flags

EVERY = {"log_every": 2, "sample_every": 1000, "checkpoint_every": 5, "keep": 20}
STEPS = 20
DISK = 8 << 20  # bytes


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The folder of a run of 20 steps that nothing came between."""
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    training = Training(folder, flags(STEPS, **EVERY))
    assert training.finish() == 0, training.output()
    return folder


@contextmanager
def mounted(folder: Path, command: str):
    """What `folder` is in a mount namespace of its own, where `command` has been run; skips where there is none."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("mounting needs root and unshare")
    script = f"{command} && echo mounted && exec cat"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(["unshare", "-m", "sh", "-c", script], **pipes) as holder:
        try:
            if holder.stdout.readline() != "mounted\n":
                pytest.skip(f"no mount here: {holder.communicate()[1].strip()}")
            yield Path(f"/proc/{holder.pid}/root{folder}")
        finally:
            holder.stdin.close()
            holder.wait(10)


@contextmanager
def read_only(folder: Path):
    """`folder` as one that cannot be written: mounted so for root, by its mode for others."""
    if os.geteuid() == 0:
        with mounted(folder, f"mount --bind '{folder}' '{folder}' && mount -o remount,bind,ro '{folder}'") as seen:
            yield seen
    else:
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)


def refused(training: Training, *words: str) -> None:
    """It has ended with 1, and its last words are one named error, with one of `words`."""
    code, (_, error, said) = training.finish(), training.output().rpartition("Error: ")
    assert code == 1, training.output()
    assert error, training.output()
    assert any(word in said for word in words), said
    assert "Traceback" not in training.output()


def ends_in_the_same_bits(folder: Path, undisturbed: Path, log=None) -> None:
    """The same command again brings the run to its end, and to what it would have been."""
    training = Training(folder, flags(STEPS, **EVERY), log)
    assert training.finish() == 0, training.output()
    assert differences(contents(folder), contents(undisturbed)) == []
    assert half_written(folder) == set()


def blocks(folder: Path) -> int:
    """Bytes that a folder takes on a disk of pages of 4 KiB."""
    return sum(-(-path.stat().st_size // 4096) * 4096 for path in folder.rglob("*") if path.is_file())


@pytest.mark.long
@pytest.mark.parametrize("fit", [1.5, 2.6])
def test_a_disk_that_is_full_in_the_middle_of_a_save(undisturbed, tmp_path, fit):
    """The second or third checkpoint does not fit; once there is room, the run goes on."""
    (tmp_path / "disk").mkdir()
    mount = f"mount -t tmpfs -o size={DISK} none '{tmp_path}/disk'"
    with mounted(tmp_path / "disk", mount) as disk:
        room = 3 * 4096 + int(fit * blocks(undisturbed / "checkpoints" / "000005"))
        (disk / "in the way").write_bytes(bytes(DISK - room))
        training = Training(disk / "run", flags(STEPS, **EVERY), tmp_path / "log.txt")
        refused(training, "cannot be written")
        newest, faults = checkpoint_faults(disk / "run")
        assert (newest, faults) == (5 * int(fit), [])
        assert half_written(disk / "run") == set()
        mxgan.load_sampler(disk / "run").draw(1)
        (disk / "in the way").unlink()
        ends_in_the_same_bits(disk / "run", undisturbed, tmp_path / "log.txt")


@pytest.mark.long
def test_a_disk_that_is_full_from_the_beginning(undisturbed, tmp_path):
    (tmp_path / "disk").mkdir()
    with mounted(tmp_path / "disk", f"mount -t tmpfs -o size={DISK} none '{tmp_path}/disk'") as disk:
        (disk / "in the way").write_bytes(bytes(DISK))
        training = Training(disk / "run", flags(STEPS, **EVERY), tmp_path / "log.txt")
        refused(training, "No space left on device")
        assert not training.trains()
        (disk / "in the way").unlink()
        ends_in_the_same_bits(disk / "run", undisturbed, tmp_path / "log.txt")


@pytest.mark.long
def test_a_read_only_folder_is_refused_before_anything_is_trained(undisturbed, tmp_path):
    shutil.copytree(undisturbed, tmp_path / "disk" / "run")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "disk").rglob("*")}
    with read_only(tmp_path / "disk") as disk:
        for name in ("new", "run"):
            training = Training(disk / name, flags(STEPS, **EVERY), tmp_path / "log.txt")
            refused(training, "cannot be made: Read-only", "cannot be written: Read-only", "Permission denied")
            assert not training.trains()
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "disk").rglob("*")} == before


@pytest.mark.long
def test_too_few_open_files(undisturbed, tmp_path):
    """The limit falls while it trains: what is open stays open, and nothing more can be opened."""
    training = Training(tmp_path / "run", flags(STEPS * 500, **EVERY))
    assert training.wait_until(lambda: checkpoint_faults(tmp_path / "run")[0] is not None), training.output()
    resource.prlimit(training.process.pid, resource.RLIMIT_NOFILE, (3, 3))
    refused(training, "Too many open files", "cannot be written")
    newest, faults = checkpoint_faults(tmp_path / "run")
    assert newest >= 5
    assert faults == []


@pytest.mark.long
@pytest.mark.parametrize("most", [100, 3000, 9000])
def test_files_that_may_not_grow(undisturbed, tmp_path, most):
    """SIGXFSZ would end the process without a word."""
    limit = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))}
    training = Training(tmp_path / "run", flags(STEPS, **EVERY), **limit)
    code, said = training.finish(), training.output()
    assert code == 1, said
    assert "Traceback" not in said
    if most > 1000:  # less, and the words themselves do not fit into the file that they go to
        refused(training, "cannot be written")
    assert checkpoint_faults(tmp_path / "run") == (None, [])
    assert half_written(tmp_path / "run") == set()
    ends_in_the_same_bits(tmp_path / "run", undisturbed)


@pytest.mark.long
def test_of_two_processes_on_one_folder_the_second_is_refused(undisturbed, tmp_path):
    first = Training(tmp_path / "run", flags(STEPS, **EVERY))
    assert first.wait_until(first.trains), first.output()
    first.process.send_signal(signal.SIGSTOP)  # SIGSTOP: it holds the folder for as long as this takes
    second = Training(tmp_path / "run", flags(STEPS, **EVERY), tmp_path / "second.txt")
    refused(second, "is in use by another process")
    first.process.send_signal(signal.SIGCONT)
    assert first.finish() == 0, first.output()
    assert differences(contents(tmp_path / "run"), contents(undisturbed)) == []


@pytest.fixture(scope="module")
def backwards(tmp_path_factory):
    """The environment of a process whose clock runs backwards."""
    if not shutil.which("gcc"):
        pytest.skip("no gcc to compile the clock with")
    library = tmp_path_factory.mktemp("clock") / "clock.so"
    source = Path(__file__).with_name("clock_backwards.c")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True, timeout=60)
    found = environment(LD_PRELOAD=str(library), CLOCK_ORIGIN=str(int(time.time())))
    look = "import time; first = time.time(); time.sleep(0.01); print(time.time() < first - 10)"
    said = subprocess.run([sys.executable, "-c", look], env=found, capture_output=True, text=True, timeout=60)
    assert said.stdout == "True\n", said
    return found


@pytest.mark.long
def test_a_clock_that_runs_backwards(undisturbed, backwards, tmp_path):
    training = Training(tmp_path / "run", flags(13, **EVERY), env=backwards)
    assert training.finish() == 0, training.output()
    call = [sys.executable, "-m", "mxgan", "train", "--resume", str(tmp_path / "run"), "--steps", str(STEPS)]
    again = subprocess.run([*call, "--display", "none"], env=backwards, capture_output=True, text=True, timeout=120)
    assert again.returncode == 0, again.stderr
    assert "from step 13 to 20" in again.stdout
    found, expected = contents(tmp_path / "run"), contents(undisturbed)
    assert {name.partition("-")[2] for name in differences(found, expected)} == {"000013.png"}  # of the first end
    lines = (tmp_path / "run" / "history.jsonl").read_text()
    assert '"images_per_second": -' not in lines


def test_saves_by_the_minute_ask_no_clock_that_can_run_backwards(monkeypatch, tmp_path):
    """Ten seconds a step by the monotonic clock, while the time of day goes back an hour at each look."""
    session = mxgan.start(tiny_config(steps=20, checkpoint_every="1min"), tmp_path / "run", "none", progress=False)
    trainer, began = session.trainer, time.time()
    looks = iter(range(10**6))
    monkeypatch.setattr(time, "monotonic", lambda: 10.0 * trainer.step)
    monkeypatch.setattr(time, "time", lambda: began - 3600 * next(looks))
    session.run()
    assert session.folder.checkpoint_steps() == [6, 12, 18, 20]
