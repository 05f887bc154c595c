"""The command `mxgan completion`, and what the shell completes: besides flags also recipes, data sets, metrics, runs.

A shell waits for each completion, so nothing here imports MXNet: the names in the tables are read from their source.
"""

from __future__ import annotations

import ast
import os
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import click
from click.shell_completion import CompletionItem, ShellComplete, get_completion_class

from mxgan.cli.flags import debug_option
from mxgan.cli.own_files import check_ours
from mxgan.cli.streams import say
from mxgan.cli.terminal import readable_errors
from mxgan.errors import OutputError

__all__ = ["completion", "teach"]

VARIABLE = "_MXGAN_COMPLETE"  # in every script, so it tells a script of ours
MOST_RUNS = 200
PACKAGE = Path(__file__).resolve().parent.parent
_PLAIN = re.compile(r"[\w./@%+,~-]+")  # names that a shell takes without quotes; others are left to the shell itself


def _data_home() -> Path:
    return _folder_of("XDG_DATA_HOME", ".local/share")


def _folder_of(variable: str, default: str) -> Path:
    """The folder that a variable of the XDG specification names; it counts only if it is absolute."""
    given = os.environ.get(variable, "")
    if os.path.isabs(given):
        return Path(given)
    try:
        return Path.home() / default
    except RuntimeError as error:
        raise OutputError(f"the home folder is not known: set HOME, or {variable}.") from error


class _Shell(NamedTuple):
    """Where a shell looks for the script, what else it needs, and what stands before the script in that place."""

    place: Callable
    hint: Callable
    before: str = ""


# zsh runs the file again at each completion; click's script completes only when it runs for the first time.
_AGAIN = """#compdef mxgan
if (( $+functions[_mxgan_completion] )); then
    _mxgan_completion "$@"
    return
fi
"""


_SHELLS = {
    "bash": _Shell(
        lambda: _data_home() / "bash-completion/completions/mxgan",
        lambda path: (
            "Open a new shell. Without the package bash-completion, add this line to ~/.bashrc:\n"
            f"  source {shlex.quote(str(path))}"
        ),
    ),
    "zsh": _Shell(
        lambda: _data_home() / "zsh/site-functions/_mxgan",
        lambda path: (
            "Add this line to ~/.zshrc, before the one with compinit, and open a new shell:\n"
            f"  fpath=({shlex.quote(str(path.parent))} $fpath)\n"
            "Without one with compinit, add below it: autoload -Uz compinit && compinit"
        ),
        _AGAIN,
    ),
    "fish": _Shell(
        lambda: _folder_of("XDG_CONFIG_HOME", ".config") / "fish/completions/mxgan.fish",
        lambda path: "Open a new shell.",
    ),
}


@click.command()
@click.argument("shell", type=click.Choice(list(_SHELLS)))
@click.option("--install", is_flag=True, help="Write the script to where the shell looks for it.")
@debug_option
def completion(shell: str, install: bool, debug: bool) -> None:
    """Print the script by which a shell completes mxgan's commands, flags and values, or install it.

    For this shell alone: source <(mxgan completion bash)
    """
    with readable_errors(debug):
        script = _script(shell)
        if not install:
            say(script)
            return
        row = _SHELLS[shell]
        path = row.place()
        _write(path, row.before + script)
        say(f"{path} is written. {row.hint(path)}")


def _script(shell: str) -> str:
    """The script of click; the class of bash would first look for a bash, which need not be on this machine."""
    made = get_completion_class(shell)(click.Command("mxgan"), {}, "mxgan", VARIABLE)
    return ShellComplete.source(made).strip()


def _write(path: Path, script: str) -> None:
    """Write the script; a file of the same name that is not such a script stays."""
    from mxgan.runtime.files import write_whole

    check_ours(path, VARIABLE, "a script of mxgan")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path.parent} cannot be made: {error.strerror}. Allow writing there.") from error
    write_whole(path, f"{script}\n")


def teach(group: click.Group) -> None:
    """Let the parameters of all commands complete their values, by their names."""
    for command in group.commands.values():
        for parameter in command.params:
            values = _VALUES.get((parameter.param_type_name, parameter.name))
            if values is not None:
                parameter.shell_complete = _completer(values, parameter.shell_complete)


def _completer(values: Callable, other: Callable) -> Callable:
    """A method `shell_complete` that gives the values, or what `other` gives if none begins so; zsh mixes up both."""

    def complete(ctx: click.Context, incomplete: str) -> list:
        found = [CompletionItem(value) for value in values(incomplete) if value.startswith(incomplete)]
        return found or other(ctx, incomplete)

    return complete


def _table(file: str, name: str) -> Callable:
    """A function that gives the keys of a table in a file of the package."""

    def keys(incomplete: str) -> list:
        tree = ast.parse((PACKAGE / file).read_text(encoding="utf-8"))
        assigned = (node for node in tree.body if isinstance(node, ast.Assign))
        found = next(node.value for node in assigned if getattr(node.targets[0], "id", "") == name)
        return [key.value for key in found.keys]

    return keys


def _charts(incomplete: str) -> list:
    """The names of --charts, after those and their commas that stand there."""
    before, comma, _ = incomplete.rpartition(",")
    taken = before.split(",")
    return [
        f"{before}{comma}{name}"
        for name in _table("pictures/report/curves.py", "CURVES")(incomplete)
        if name not in taken
    ]


def _runs(incomplete: str) -> list:
    """The run folders whose path begins so, or one level below; without a beginning, also those in runs/."""
    places = [incomplete] if incomplete else ["", f"runs{os.sep}"]
    found: list = []
    for place in places:
        for path in _found_runs(place):
            if _PLAIN.fullmatch(path) and path not in found:
                found.append(path)
            if len(found) == MOST_RUNS:
                return found
    return found


def _found_runs(beginning: str) -> Iterator[str]:
    head, tail = os.path.split(beginning)
    for path in _folders(head, tail):
        if _is_run(path):
            yield path
        else:
            yield from filter(_is_run, _folders(path, ""))


def _folders(head: str, tail: str) -> list:
    """The folders in a folder whose names begin with `tail`, hidden ones only if it begins with a point."""
    try:
        with os.scandir(os.path.expanduser(head) or os.curdir) as entries:
            names = sorted(entry.name for entry in entries if entry.name.startswith(tail) and entry.is_dir())
    except OSError:  # a folder that is not there, or not to be read, has nothing to complete
        return []
    return [os.path.join(head, name) for name in names if tail.startswith(".") or not name.startswith(".")]


def _is_run(path: str) -> bool:
    from mxgan.training.run_folder import is_run

    return is_run(os.path.expanduser(path))


# (kind, name) of a parameter of a command → the values that it takes.
_VALUES = {
    ("option", "recipe"): _table("recipes.py", "RECIPES"),
    ("option", "dataset"): _table("data/__init__.py", "DATASETS"),
    ("option", "metrics"): _table("evaluation/metrics.py", "METRICS"),
    ("option", "charts"): _charts,
    ("option", "field"): _table("cli/runs.py", "_FIELDS"),
    ("option", "checkpoint"): lambda incomplete: ["latest", "best"],
    ("option", "resume"): lambda incomplete: ["auto", *_runs(incomplete)],
    ("option", "diff"): _runs,
    **{("argument", name): _runs for name in ("run", "runs", "source")},
}
