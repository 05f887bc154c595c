"""Shell completion: the values, the speed, the scripts in real shells, and their installation."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

import mxgan
from mxgan.cli import main
from mxgan.evaluation.metrics import METRICS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder with runs: first, runs/mnist, runs/tiny/seed-0; no runs: other, runs/tiny, .hidden."""
    for name in ("first", "runs/mnist", "runs/tiny/seed-0", ".hidden/run", "my run"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "config.json").write_text("{}")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def completed(line, monkeypatch) -> list:
    """(type, value) of each completion of the last word of a line, by the protocol of the script of bash."""
    monkeypatch.setenv("_MXGAN_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
    output = CliRunner().invoke(main, [], prog_name="mxgan").output
    return [tuple(each.split(",", 1)) for each in output.splitlines()]


def plain(line, monkeypatch) -> list:
    return [value for kind, value in completed(line, monkeypatch) if kind == "plain"]


def test_commands_flags_and_names_are_completed(place, monkeypatch):
    assert plain("mxgan samp", monkeypatch) == ["sample"]
    assert "--checkpoint-every" in plain("mxgan train --check", monkeypatch)
    assert plain("mxgan train --recipe ", monkeypatch) == list(mxgan.RECIPES)
    assert plain("mxgan train --recipe wg", monkeypatch) == ["wgan", "wgan-gp"]
    assert plain("mxgan train --dataset ", monkeypatch) == list(mxgan.DATASETS)
    assert plain("mxgan evaluate x --metric ", monkeypatch) == list(METRICS)
    assert plain("mxgan evaluate x --checkpoint l", monkeypatch) == ["latest"]
    assert plain("mxgan runs --sort s", monkeypatch) == ["state", "step", "size", "score"]
    assert plain("mxgan plot x --charts lo", monkeypatch) == ["losses"]
    assert plain("mxgan plot x --charts losses,", monkeypatch)[:2] == ["losses,entropies", "losses,accuracy"]
    assert plain("mxgan completion ", monkeypatch) == ["bash", "zsh", "fish"]
    assert completed("mxgan train --config ", monkeypatch) == [("file", "")]


def test_runs_are_folders_with_a_config_json(place, monkeypatch):
    everything = ["first", "runs/mnist", "runs/tiny/seed-0"]
    for command in ("sample", "evaluate", "export", "walk", "film"):
        assert plain(f"mxgan {command} ", monkeypatch) == everything, command
    assert plain("mxgan sample f", monkeypatch) == ["first"]
    assert plain("mxgan sample runs/t", monkeypatch) == ["runs/tiny/seed-0"]
    assert plain("mxgan sample .h", monkeypatch) == [".hidden/run"]
    assert plain(f"mxgan sample {place}/f", monkeypatch) == [f"{place}/first"]
    assert plain("mxgan train --resume ", monkeypatch) == ["auto", *everything]
    assert completed("mxgan sample oth", monkeypatch) == [("file", "oth")]  # the shell completes what is no run
    assert completed("mxgan sample gone/x", monkeypatch) == [("file", "gone/x")]


def test_completion_is_fast_because_it_imports_neither_mxnet_nor_numpy(place):
    for line in ("mxgan train --recipe ", "mxgan sample ", "mxgan evaluate x --metric "):
        code = (
            "import sys, atexit; sys.argv = ['mxgan']; from mxgan.cli import main\n"
            "atexit.register(lambda: print([name for name in ('mxnet', 'numpy', 'yaml') if name in sys.modules]))\n"
            "main(prog_name='mxgan')"
        )
        words = {"_MXGAN_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
        variables = {**os.environ, "PYTHONPATH": str(ROOT), **words}
        done = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True)
        assert done.stdout.splitlines()[-1] == "[]", done
        assert len(done.stdout.splitlines()) > 3


class Terminal:
    """A shell in a terminal of its own, into which a test types."""

    def __init__(self, command, folder):
        variables = {
            **os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "HOME": str(folder),
            "TERM": "dumb", "PS1": "", "XDG_DATA_HOME": str(folder / "data"), "XDG_CONFIG_HOME": str(folder / "config"),
        }  # fmt: skip
        self.pid, self.handle = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], command, variables)
        self.seen = ""

    def type(self, text, *wanted):
        """Type a text and read until every wanted text has come; AssertionError if one does not."""
        os.write(self.handle, text.encode())
        begin, until = len(self.seen), time.monotonic() + 60
        while any(each not in self.seen[begin:] for each in wanted):
            assert time.monotonic() < until, self.seen
            if select.select([self.handle], [], [], 0.2)[0]:
                self.seen += os.read(self.handle, 1 << 16).decode(errors="replace")

    def close(self):
        os.close(self.handle)
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)


def install(shell, folder, monkeypatch, code=0) -> str:
    for name, value in {"HOME": folder, "XDG_DATA_HOME": folder / "data", "XDG_CONFIG_HOME": folder / "config"}.items():
        monkeypatch.setenv(name, str(value))
    result = CliRunner().invoke(main, ["completion", shell, "--install"])
    assert result.exit_code == code, result.output
    return result.output


def program(folder) -> None:
    """A program `mxgan` in the folder, for the shell."""
    path = folder / "mxgan"
    path.write_text(f'#!/bin/sh\nexec {sys.executable} -m mxgan "$@"\n')
    path.chmod(0o755)


# Shell → its command without the user's files, and what is typed to load what was installed.
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "source data/bash-completion/completions/mxgan"),
    "zsh": (["zsh", "-f", "-i"], "fpath=($PWD/data/zsh/site-functions $fpath); autoload -Uz compinit; compinit -u"),
    "fish": (["fish", "--no-config", "-i"], "source config/fish/completions/mxgan.fish"),
}


@pytest.mark.parametrize("shell", SHELLS)
def test_the_installed_script_completes_in_the_real_shell(shell, place, monkeypatch):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    install(shell, place, monkeypatch)
    program(place)
    command, load = SHELLS[shell]
    terminal = Terminal(command, place)
    try:
        terminal.type(f"{load}; echo loa''ded\n", "loaded")
        terminal.type("mxgan sampl\t", "sample ")
        terminal.type("\x15mxgan train --recipe wgan-\t", "wgan-gp")
        terminal.type("\x15mxgan sample runs/t\t", "runs/tiny/seed-0")
        terminal.type("\x15mxgan sample o\t", "other/")
    finally:
        terminal.close()


@pytest.mark.parametrize(
    "shell, path, words",
    [
        ("bash", "data/bash-completion/completions/mxgan", "add this line to ~/.bashrc:\n  source"),
        ("zsh", "data/zsh/site-functions/_mxgan", "before the one with compinit"),
        ("fish", "config/fish/completions/mxgan.fish", "Open a new shell."),
    ],
)
def test_a_script_is_installed_where_its_shell_looks_and_never_over_a_foreign_file(
    shell, path, words, tmp_path, monkeypatch
):
    assert words in install(shell, tmp_path, monkeypatch)
    script = CliRunner().invoke(main, ["completion", shell]).output
    written = (tmp_path / path).read_text()
    assert written.endswith(script)
    assert re.search(f"_MXGAN_COMPLETE={shell}_complete", script)

    (tmp_path / path).write_text(f"{script}\n# older\n")
    install(shell, tmp_path, monkeypatch)
    assert (tmp_path / path).read_text() == written  # its own is replaced

    (tmp_path / path).write_text("mine")
    assert "exists and is not a script of mxgan; nothing is changed" in install(shell, tmp_path, monkeypatch, code=2)
    assert (tmp_path / path).read_text() == "mine"
    (tmp_path / path).unlink()
    (tmp_path / path).symlink_to(tmp_path / "elsewhere")
    assert "Move it away" in install(shell, tmp_path, monkeypatch, code=2)
    assert not (tmp_path / "elsewhere").exists()


def test_a_relative_or_missing_xdg_folder_does_not_count(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    for shell, path in (
        ("bash", ".local/share/bash-completion/completions/mxgan"),
        ("fish", ".config/fish/completions/mxgan.fish"),
    ):
        assert CliRunner().invoke(main, ["completion", shell, "--install"]).exit_code == 0
        assert (tmp_path / "home" / path).is_file()
    (tmp_path / "home" / ".config").rename(tmp_path / "home" / "gone")
    (tmp_path / "home" / ".config").write_text("")
    result = CliRunner().invoke(main, ["completion", "fish", "--install"])
    assert result.exit_code == 1
    assert "cannot be made" in result.output
