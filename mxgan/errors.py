"""The exceptions of mxgan, and the error for an unknown name.

::

    MXGANError                    base of all errors below; `exit_code` is the exit code of the command line
    ├── ArgumentError             a bad call: unknown name, value out of range (also a ValueError)
    │   ├── ShapeError            arrays or symbols whose shapes do not fit together
    │   ├── RunFinishedError      a run that is already at its end
    │   └── RanksDifferError      ranks of MPI with other settings, data or code than rank 0
    ├── RuntimeUnavailableError   MXNet, OpenCV or a library under them cannot be loaded (also an ImportError)
    ├── DatasetError              a data set that cannot be used
    │   ├── DatasetNotFoundError  data files that are missing
    │   └── DownloadError         a download that failed
    ├── CorruptFileError          a file with broken content; names the byte if possible
    ├── CheckpointError           parameters that cannot be saved, read, or put into this network
    ├── DivergedError             a loss, a gradient or a weight that is no longer finite
    ├── RankError                 a fault of another rank of the same job
    ├── RanksPartedError          ranks of MPI whose parameters are no longer equal
    ├── OutputError               a file or folder that cannot be written
    │   └── RunFolderError        a run folder that cannot be made or used
    └── DisplayError              a window was requested, but no display is available

A message has at most two sentences of fact (the value given, the values allowed) and one sentence of remedy. It is one
text, `str(error)`; `error.fact` and `error.remedy` are its parts.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Optional, Union

__all__ = [
    "ArgumentError",
    "CheckpointError",
    "CorruptFileError",
    "DatasetError",
    "DatasetNotFoundError",
    "DisplayError",
    "DivergedError",
    "DownloadError",
    "MXGANError",
    "OutputError",
    "RankError",
    "RanksDifferError",
    "RanksPartedError",
    "RunFinishedError",
    "RunFolderError",
    "RuntimeUnavailableError",
    "ShapeError",
    "counted",
    "exit_code_after",
    "first_line",
    "listed",
    "lookup",
    "shown",
    "unknown_name",
]


class MXGANError(Exception):
    """Base of every error raised by mxgan; catch it to catch them all.

    Parameters
    ----------
    message : the whole text, or without the remedy if that is given apart.
    remedy : what to do; without it, the last sentence of the message is the remedy.

    Attributes
    ----------
    fact, remedy : the two parts of the text; the remedy may be empty.

    >>> MXGANError("a is 3; give 1 or 2. Leave it out.").remedy
    'Leave it out.'
    """

    exit_code = 1

    def __init__(self, message: str = "", remedy: str = "") -> None:
        super().__init__(f"{message} {remedy}" if remedy else message)
        fact, stop, last = message.rpartition(". ")
        self.fact, self.remedy = (message, remedy) if remedy or not stop else (f"{fact}.", last)


class ArgumentError(MXGANError, ValueError):
    """A bad call: the message names the argument, the value given, the values allowed and the remedy."""

    exit_code = 2


class ShapeError(ArgumentError):
    """Shapes that do not fit together, found before anything is bound."""


class RunFinishedError(ArgumentError):
    """A run to be continued is already at its end; the message says how to set a later end."""


class RanksDifferError(ArgumentError):
    """The ranks of a job were started with different settings, data or code; the message names two ranks and both."""


class RuntimeUnavailableError(MXGANError, ImportError):
    """MXNet, OpenCV or a library under them cannot be loaded; the message says what to install."""


class DatasetError(MXGANError):
    """A data set that cannot be used."""


class DatasetNotFoundError(DatasetError, FileNotFoundError):
    """Data files that are missing; the message names the folder and the files."""


class CorruptFileError(MXGANError):
    """A file with broken content.

    Parameters
    ----------
    path : the file.
    problem : the fault, in a few words.
    offset : the byte at which the fault was noticed; None if no byte can be named.
    remedy : what to do.
    """

    def __init__(self, path: Union[str, Path], problem: str, offset: Optional[int] = None, remedy: str = "") -> None:
        self.path, self.problem, self.offset = Path(path), problem, offset
        where = f"{path}" if offset is None else f"{path}, byte {offset}"
        super().__init__(f"{where}: {problem}.", remedy)


class DownloadError(DatasetError):
    """A download that failed at every mirror, or whose folder cannot be written."""


class CheckpointError(MXGANError):
    """Parameters that cannot be saved, read, or put into this network."""


class DivergedError(MXGANError):
    """A loss, a gradient or a weight is no longer finite, and training cannot continue from it.

    Parameters
    ----------
    step : the step in which this happened, counted from 1; None means before the first step.
    network : "generator" or "discriminator".
    layer : the parameter or output that is not finite; if there are several, the one nearest the loss.
    what : the values that are not finite, in a few words.
    remedy : the checkpoint to go back to, if one is left, and what to do.
    order : the place of these values in the order in which a step computes them, from 0.
    where : the ranks on which they are not finite, if they are finite on others: "on rank 1 (HOST)".
    """

    def __init__(
        self,
        step: Optional[int],
        network: str,
        layer: str,
        what: str,
        remedy: str = "",
        order: int = 0,
        where: str = "",
    ) -> None:
        self.step, self.network, self.layer, self.what = step, network, layer, what
        self.order, self.where = order, where
        when = f"in step {step}" if step else "before the first step"
        super().__init__(f"training has diverged: {when} {what} not finite{f' {where}' if where else ''}.", remedy)


class RankError(MXGANError):
    """A fault of a rank, one of the processes of an MPI job that train together, as the others see it.

    Parameters
    ----------
    rank, host : the rank's number, and the name of its machine.
    text : what is wrong with it, in one line.
    exit_code : the exit code of the job.
    remedy : what to do.
    """

    def __init__(self, rank: int, host: str, text: str, exit_code: int = 1, remedy: str = "") -> None:
        self.rank, self.host, self.exit_code = rank, host, exit_code
        super().__init__(f"rank {rank} on {host}: {text}", remedy)


class RanksPartedError(MXGANError):
    """The ranks of a job, which must be equal to the bit, are not; the message names the ranks and the first array."""


class OutputError(MXGANError):
    """A file or folder that cannot be written."""


class RunFolderError(OutputError):
    """A run folder that cannot be made, that holds another run, or that another process is using."""


class DisplayError(MXGANError):
    """A window was requested, but this session has no display."""


MOST_LISTED = 16


def exit_code_after(signal: int) -> int:
    """The exit code of a process that a signal has ended, as shells count it.

    >>> exit_code_after(15)  # SIGTERM
    143
    """
    return 128 + int(signal)


def first_line(error: BaseException) -> str:
    """The first line of an error's text without its full stop; the name of its class if it has no text."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def counted(number: int, noun: str) -> str:
    """A number with its noun, for a message.

    >>> counted(1, "row"), counted(2000, "row")
    ('1 row', '2,000 rows')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(names: Iterable, most: int = 6) -> str:
    """The first names for a message, with "…" for the rest; "none" for none.

    >>> listed(["a", "b", "c"], most=2)
    'a, b, …'
    """
    names = list(map(str, names))
    return ", ".join(names[:most]) + (", …" if len(names) > most else "") or "none"


def shown(value: object) -> str:
    """A value that was given, for a message: on one line of at most 80 characters.

    >>> shown(["cond"])
    "['cond']"
    """
    return " ".join(repr(value).split())[:80]


def unknown_name(
    kind: str, given: str, known: Iterable[str], remedy: str = "", spellings: Optional[Iterable[str]] = None
) -> ArgumentError:
    """The error for an unknown name; it suggests the nearest known name.

    >>> str(unknown_name("recipe", "dcgam", ["dcgan", "wgan"]))
    "unknown recipe 'dcgam'; did you mean 'dcgan'? Known: dcgan, wgan."
    """
    known = list(known)
    near = difflib.get_close_matches(str(given), known if spellings is None else list(spellings), n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    listed = ", ".join(known[:MOST_LISTED]) + (f", … ({len(known)} in all)" if len(known) > MOST_LISTED else "")
    told = repr(given) if isinstance(given, str) else shown(given)
    return ArgumentError(f"unknown {kind} {told}{hint} Known: {listed}. {remedy}".rstrip())


def lookup(kind: str, name: str, table: Collection, remedy: str = ""):
    """The row `name` of a table, or the name itself if the table is a sequence of names; else `unknown_name`'s error.

    What is no text (a list, a mapping, null in a file of settings) is in no table.

    >>> lookup("precision", "float32", ("float32", "bfloat16"))
    'float32'
    """
    if not isinstance(name, str) or name not in table:
        raise unknown_name(kind, name, table, remedy)
    return table[name] if isinstance(table, Mapping) else name
