"""Text on its way out: any encoding, a full disk, a reader that has gone, no stream at all; signals; long messages."""

import io
import logging
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import numpy as np
import pytest
from click.testing import CliRunner

import mxgan
from mxgan.cli import main
from mxgan.cli.messages import laid_out
from mxgan.cli.streams import printable
from mxgan.cli.terminal import readable_errors, show_log, stop_on_signals
from mxgan.data.download import DownloadError
from mxgan.errors import CorruptFileError, DatasetNotFoundError, MXGANError
from mxgan.pictures.grid import save_grid
from mxgan.training.run_folder import RunFolder
from tests.support import long_but, tiny_config
from tests.terminal import terminal_as
from tests.tiny_run import checkpoint_faults, environment

TINY = ["--ngf", "4", "--ndf", "4", "--set", "image_size=16", "--batch-size", "32", "--display", "none"]
SMALL = [word for setting in ("ngf=4", "ndf=4", "image_size=16", "batch_size=2") for word in ("--set", setting)]
BAD = os.fsdecode(b"b\xff")
FULL = "Error: standard output cannot be written (No space left on device).\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder whose name is not UTF-8, with a run, and images of which one is broken."""
    folder = tmp_path_factory.mktemp("streams") / BAD
    (folder / "images").mkdir(parents=True)
    mxgan.start(tiny_config(steps=1), folder / "run", "none", progress=False).run()
    for seed in range(2):
        image = np.random.default_rng(seed).uniform(-1, 1, (1, 3, 16, 16)).astype(np.float32)
        save_grid(folder / "images" / f"{seed}.png", image)
    (folder / "images" / f"{BAD}.png").write_text("no image")
    return folder


# Each command, its arguments with {here} for the folder and {new} for a new path, and what it prints.
COMMANDS = {
    "--help": (["--help"], "Usage: mxgan"),
    "train --help": (["train", "--help"], "Usage: mxgan train"),
    "recipes": (["recipes"], "λ"),
    "dry run": (["train", "--dry-run", "--data-dir", "{here}"], '"data_dir": "'),
    "summary": (["summary", *SMALL], "2×8×4×4"),
    "train": (["train", *TINY, "--steps", "1", "--run-dir", "{new}"], "run folder: {new}"),
    "sample": (["sample", "{here}/run", "--num", "1", "--output", "{new}.png"], "1 image: {new}.png"),
    "pack": (["pack", "{here}/images", "{new}.rec"], "{here}/images/b\udcff.png: not an image"),
    "evaluate": (["evaluate", "{here}/run", "--metric", "swd", "--samples", "100"], "written: {here}/run"),
    "doctor": (["doctor"], "Cache"),
}


def called(monkeypatch, command: str, place, stdout, stderr) -> tuple:
    """(exit code, what it should have printed) of a command with these streams."""
    new = place / f"new-{time.monotonic_ns()}"
    arguments, expected = COMMANDS[command]
    fill = {"here": str(place), "new": str(new)}
    monkeypatch.setattr(sys, "stdout", stdout)
    monkeypatch.setattr(sys, "stderr", stderr)
    with pytest.raises(SystemExit) as ended:
        main.main([each.format(**fill) for each in arguments], prog_name="mxgan")
    for put_instead in {sys.stdout, sys.stderr} - {stdout, stderr}:
        put_instead.close()
    return ended.value.code, expected.format(**fill)


def stream(encoding: str, errors: str = "strict") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors=errors)


def text_of(written: io.TextIOWrapper) -> str:
    written.flush()
    return written.buffer.getvalue().decode(written.encoding, "surrogateescape")


def in_bytes(text: str, encoding: str) -> bytes:
    """A text as a command writes it: bytes of a file's name as they are, what the encoding lacks by its number."""
    return b"\xff".join(part.encode(encoding, "backslashreplace") for part in text.split("\udcff"))


LONG = {"doctor", "evaluate"}
EACH = [pytest.param(name, marks=[pytest.mark.long] if name in LONG else []) for name in COMMANDS]


@pytest.mark.parametrize("command", EACH)
def test_every_command_prints_in_every_encoding(command, place, monkeypatch):
    for encoding in ("latin-1", "cp1252", "ascii", "utf-8"):
        out, err = stream(encoding), stream(encoding)
        code, expected = called(monkeypatch, command, place, out, err)
        assert code == 0, text_of(err)
        out.flush()
        assert in_bytes(expected, encoding) in out.buffer.getvalue()
        assert "Traceback" not in text_of(err)


@pytest.mark.parametrize("command", EACH)
def test_every_command_says_that_its_output_is_full(command, place, monkeypatch):
    err = stream("utf-8")
    with suppress(OSError), open("/dev/full", "w") as out:  # closing it fails again
        code, _ = called(monkeypatch, command, place, out, err)
    said = text_of(err)
    if command == "train":
        assert (code, said.count("No space left on device")) == (0, 1)
        assert "Standard output cannot be written (No space left on device); the training continues." in said
        assert checkpoint_faults(max(place.glob("new-*"), key=os.path.getmtime)) == (1, [])
    else:
        assert (code, said.endswith(FULL), said.count("Error: ")) == (1, True, 1), said


@pytest.mark.long
def test_an_old_program_prints_in_every_encoding(tmp_path):
    """A process of its own, because `mxgan run` ends MXNet with the program."""
    (tmp_path / f"{BAD}.py").write_text("print(chr(955), __file__[-5:])\n")
    command = [sys.executable, "-m", "mxgan", "run", tmp_path / f"{BAD}.py"]
    strict = environment(PYTHONIOENCODING="ascii:strict")
    done = subprocess.run(command, env=strict, capture_output=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, b"\\u03bb b\xff.py\n"), done.stderr


@pytest.mark.parametrize("command", long_but(["--help", "recipes"], "--help"))
def test_a_reader_that_has_gone_is_no_error(command):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "mxgan", command]
    with open(writer, "wb") as gone:
        done = subprocess.run(command, env=environment(), stdout=gone, stderr=subprocess.PIPE, timeout=120)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("command", ["--help", "recipes", "train"])
def test_without_streams_every_command_works(command, place, monkeypatch):
    assert called(monkeypatch, command, place, None, None)[0] == 0


@pytest.mark.parametrize("progress", [None, True])
def test_the_library_trains_without_streams(progress, monkeypatch, tmp_path):
    """As under pythonw; nothing has prepared the streams."""
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    mxgan.start(tiny_config(steps=2), tmp_path / "run", "none", progress=progress).run()
    assert RunFolder(tmp_path / "run").checkpoint_steps() == [2]


def test_with_closed_descriptors_nothing_is_printed_into_a_checkpoint(tmp_path):
    command = [sys.executable, "-m", "mxgan", "train", *TINY, "--steps", "2", "--run-dir", "run"]
    closed = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *command]
    done = subprocess.run(closed, cwd=tmp_path, env=environment(), timeout=120)
    assert done.returncode == 0
    assert checkpoint_faults(tmp_path / "run") == (2, [])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_command_cleanly_and_with_its_own_code(number, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("mxgan.cli.terminal.SAME_PRESS", 0)
    cleaned = []
    session = mxgan.start(tiny_config(steps=1), tmp_path / "run", display="none", progress=False)
    session.lock.release()

    def ended_by_signals(times: int) -> None:
        with readable_errors(debug=False):
            try:
                if times == 1:  # pack, sample, evaluate
                    os.kill(os.getpid(), number)
                with stop_on_signals(session.trainer):
                    for _ in range(times):
                        os.kill(os.getpid(), number)
            finally:
                cleaned.append(times)

    def with_signals(times: int) -> int:
        before = signal.signal(number, signal.SIG_DFL)  # tests under nohup ignore SIGHUP
        try:
            with pytest.raises(SystemExit) as ended:
                ended_by_signals(times)
        finally:
            signal.signal(number, before)
        return ended.value.code

    assert with_signals(1) == with_signals(2) == 128 + number
    assert cleaned == [1, 2]
    assert capsys.readouterr().err.count("Ended at once; nothing that was there before is changed.\n") == 2


SIXTY = {"size": (60, 24)}  # columns and rows of a terminal


def test_without_internet_mnist_says_what_happened_and_what_to_do(cache, monkeypatch, tmp_path):
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.delenv("no_proxy", raising=False)
    call = ["train", "--dataset", "mnist", *TINY, "--run-dir", str(tmp_path / "run")]
    monkeypatch.setattr(sys, "stdout", stream("utf-8"))
    with terminal_as("stderr", **SIXTY) as said, pytest.raises(SystemExit) as ended:
        main.main(call, prog_name="mxgan")
    assert ended.value.code == 1
    happened, to_do = said().strip().split("\n\n")
    assert " ".join(happened.split()).startswith(f"Error: MNIST is not in {cache / 'mnist'}, and train-images")
    assert len(happened) < 400
    assert to_do.startswith("Put train-images-idx3-ubyte.gz,")
    assert "--dataset digits" in to_do.replace("\n", " ")
    long = [line for line in f"{happened}\n{to_do}".splitlines() if len(line) > 60]
    assert all(" " not in line for line in long)  # only a path or an address that is longer than the terminal


def test_a_message_that_fits_is_one_line_and_what_is_to_be_copied_is_whole():
    command = "pip install --no-deps mxnet==1.9.1"
    remedy = f"Install it for the CPU, without its needs: {command}."
    listed = "Error: other settings:\n" + "  a: 1 in the run, 2 asked for\n" * 9
    with terminal_as("stderr", **SIXTY):
        short = laid_out("Error: a is 3.", "Leave it out.")
        lines = laid_out("Error: MXNet is not installed.", remedy).split("\n")
        of_several_lines = laid_out(listed, "")
    assert short == "Error: a is 3. Leave it out."
    assert lines == ["Error: MXNet is not installed.", "", "Install it for the CPU, without its needs:", f"{command}."]
    assert of_several_lines == listed.strip()


def test_a_log_file_has_one_line_unless_it_would_be_very_long(monkeypatch):
    monkeypatch.setattr(sys, "stderr", stream("utf-8"))
    assert laid_out("a" * 200 + ".", "Do this.") == "a" * 200 + ". Do this."
    assert laid_out("a" * 240 + ".", "Do this.") == "a" * 240 + ".\n\nDo this."


def test_an_error_knows_its_two_parts():
    whole = MXGANError("a is 3; give 1 or 2. Or leave it out.")
    assert (whole.fact, whole.remedy) == ("a is 3; give 1 or 2.", "Or leave it out.")
    apart = DatasetNotFoundError("nothing there. Nor elsewhere.", "Look. Then look again.")
    assert (apart.fact, apart.remedy) == ("nothing there. Nor elsewhere.", "Look. Then look again.")
    assert str(apart) == "nothing there. Nor elsewhere. Look. Then look again."
    assert CorruptFileError("a", "is broken", remedy="Mend it.").remedy == "Mend it."
    assert (DownloadError("no net").fact, DownloadError("no net").remedy) == ("no net", "")


def test_an_error_of_the_command_is_not_one_of_its_streams():
    """With --debug the traceback is shown, also of an error that is an OSError."""
    with pytest.raises(DatasetNotFoundError, match="/none does not exist"):
        main.main(["train", "--debug", "--dataset", "folder", "--data-dir", "/none", "--steps", "1"])


def test_codes_in_the_files_and_names_of_a_stranger_do_not_reach_the_terminal(tmp_path, capsys):
    run = tmp_path / "a\x1b[31m\u202eRED"
    (run / "evaluation").mkdir(parents=True)
    (run / "config.json").write_text("{}")
    (run / "evaluation" / "b\x9b31m\rRED.json").write_text("{")
    for arguments in (["runs", tmp_path], ["plot", run, "-o", tmp_path / "a.png"], ["runs", "--diff", run, run]):
        result = CliRunner().invoke(main, list(map(str, arguments)))
        assert "RED" in result.output
        assert not {"\x1b", "\x9b", "\r", "\u202e"} & {*result.output}, arguments
    show_log()
    logging.getLogger("mxgan").warning("%s cannot be read\n\tand\u3000is skipped", run)
    printed = capsys.readouterr().out
    assert "a�[31m�RED cannot be read\n\tand\u3000is skipped\n" in printed
    assert printable("a\nb\u2028c\x7f\udcff") == "a�b�c�\udcff"
