"""A launcher of ranks as a process of the test, and what it says; two hosts for its ranks."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator, Sequence

import pytest

from tests.namespaces import Hosts, NoHostsError, two_hosts
from tests.processes import PATIENCE, processes_with, ranks_with

__all__ = ["Launched", "hosts", "launched"]

TOKEN = "MXGAN_TEST_LAUNCH"  # in the environment of every process of a launcher


class Launched:
    """A launcher whose output can be read line by line while it runs.

    Parameters
    ----------
    command : of the launcher.
    merged : whether standard error comes with standard output.
    variables : further environment variables.

    Attributes
    ----------
    process : the launcher; its streams are bytes.
    lines : the lines read by `line` and, at the end, the rest, as text.
    """

    def __init__(self, command: Sequence[object], merged: bool = False, **variables: str) -> None:
        from tests.tiny_run import ROOT, environment  # not at the top: conftest imports this, and it imports MXNet

        token = secrets.token_hex(8)
        self._variable = f"{TOKEN}={token}"
        self.process = subprocess.Popen(
            list(map(str, command)),
            cwd=ROOT,
            env=environment(**{"MXGAN_REPORT": "0", TOKEN: token, **variables}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merged else subprocess.PIPE,
        )
        self.lines: list = []

    def line(self, beginning: str) -> str:
        """Read on until a line of standard output begins so; the line."""
        for line in self.process.stdout:
            self.lines.append(line.decode(errors="replace").rstrip("\n"))
            if self.lines[-1].startswith(beginning):
                return self.lines[-1]
        raise AssertionError(f"no {beginning!r} in {self.lines}")

    def ranks(self) -> list:
        """The processes of the ranks that have begun, in their order."""
        found = ranks_with(self._variable)
        return [found[rank] for rank in sorted(found)]

    def members(self) -> set:
        """All processes of the job that have not ended, the launcher among them."""
        return processes_with(self._variable)

    def end(self) -> tuple:
        """(exit code, the rest of standard output, standard error as text) when it has ended."""
        out, err = self.process.communicate(timeout=PATIENCE)
        self.lines += out.decode(errors="replace").splitlines()
        return self.process.returncode, out, (err or b"").decode(errors="replace")

    def errors(self) -> list:
        """The lines so far that tell an error."""
        return [line for line in self.lines if line.startswith("Error")]


@pytest.fixture
def launched() -> Iterator:
    """Makes a `Launched`, and ends it after the test; without mpirun the test is skipped."""
    from tests.ranks import mpirun

    mpirun()
    made = []

    def start(*arguments, **options) -> Launched:
        made.append(Launched(*arguments, **options))
        return made[-1]

    yield start
    for each in made:
        each.process.kill()
        each.process.communicate()


@pytest.fixture
def hosts(tmp_path) -> Iterator[Hosts]:
    """Two hosts with a link of 1 Gbit/s; where they cannot be made the test is skipped with the reason."""
    try:
        with two_hosts(tmp_path) as made:
            yield made
    except NoHostsError as error:
        pytest.skip(str(error))
