"""Terminal behaviour of the commands: readable errors, the log, and a clean end on signals."""

from __future__ import annotations

import logging
import signal
import sys
import time
from contextlib import contextmanager

import click

from mxgan.cli.messages import in_words, laid_out
from mxgan.cli.streams import leave, nowhere, printable, warn
from mxgan.errors import (
    ArgumentError,
    DisplayError,
    DivergedError,
    RankError,
    RanksPartedError,
    RunFolderError,
    exit_code_after,
)
from mxgan.runtime.mpi import is_launched, leave_to_first, world
from mxgan.runtime.signals import ENDING, FORWARDED, handled

__all__ = ["UNSAVED", "readable_errors", "show_log", "show_nothing", "stop_on_signals"]

UNSAVED = "everything since the last save is lost"  # by a command that trains and is ended at once
SAME_PRESS = 1.0  # seconds after a first Ctrl-C in which a second one is ignored


class _Ended(KeyboardInterrupt):
    """A signal that ends the command at once; `number` is the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextmanager
def readable_errors(debug: bool, heeded: tuple = ENDING[1:], lost: str = "nothing that was there before is changed"):
    """Turn an error into a message on standard error and an exit code; with `debug`, show the traceback.

    The signals `heeded` end the command like Ctrl-C: temporary files are removed, the exit code is 128 + signal, and
    the message says what is `lost`.
    """
    try:
        with handled(heeded, _end):
            yield
    except KeyboardInterrupt as ending:
        if not is_launched():  # else the launcher of MPI ends the job, for a reason that one line tells already
            warn(f"Ended at once; {lost}.")
        leave(exit_code_after(getattr(ending, "number", signal.SIGINT)))
    except Exception as error:
        if debug or isinstance(error, (click.ClickException, BrokenPipeError)):
            raise  # click ends quietly on a closed pipe, as of `| head`
        code = getattr(error, "exit_code", 1)
        if _may_tell(code):
            fact, remedy = in_words(error)
            warn(laid_out(f"Error: {_rank_of(error)}{fact}", remedy))
        leave(code)


def _may_tell(code: int) -> bool:
    """Whether this process tells its error; of several ranks, one of them tells it once."""
    if not _is_of_several():
        leave_to_first(code)
        return True
    from mxgan.training.parallel.mpi_ranks import all_ranks  # here: `mxgan launch` loads no NumPy

    return not all_ranks.cache_info().currsize or all_ranks().take_line()


def _is_of_several() -> bool:
    """Whether this process is one of several ranks, as far as MPI has begun."""
    return bool(world.cache_info().currsize) and world().size > 1


def _rank_of(error: Exception) -> str:
    """The rank, for an error that one of several has and that does not say so; nothing in an ordinary process."""
    alike = (ArgumentError, DivergedError, RankError, RanksPartedError)  # on all ranks, or with a rank in their text
    of_first = (
        RunFolderError,
        DisplayError,
    )  # of the call, and known to rank 0 alone, which has the folder and windows
    if isinstance(error, (*alike, *of_first)) or not _is_of_several():
        return ""
    return f"rank {world().rank} on {world().host}: "


def _end(number: int, frame) -> None:
    raise _Ended(number)


def show_log(err: bool = False) -> None:
    """Send mxgan's log to standard output, or to standard error, above a progress bar if there is one."""
    from tqdm import tqdm

    class Handler(logging.Handler):
        @property
        def stream(self):
            return sys.stderr if err else sys.stdout

        def emit(self, record: logging.LogRecord) -> None:
            try:
                tqdm.write(printable(self.format(record), but="\n\t"), file=self.stream)
                self.stream.flush()  # a reader at the end of a pipe sees each line at once
            except OSError as error:  # a closed pipe or a full disk must not end the training
                if not err:
                    sys.stdout = nowhere()
                warn(f"Standard output cannot be written ({error.strerror}); the training continues.")

    for name in ("mxgan", "root"):  # mx.mon.Monitor logs to the root logger
        log = logging.getLogger(None if name == "root" else name)
        log.handlers = [Handler()]
        log.setLevel(logging.INFO)
    logging.getLogger("mxgan").propagate = False


def show_nothing() -> None:
    """Drop mxgan's log and its warnings: those of a rank that is not the first, which the first one shows."""
    for name in ("mxgan", None):
        logging.getLogger(name).handlers = [logging.NullHandler()]
    logging.getLogger("mxgan").propagate = False


@contextmanager
def stop_on_signals(trainer, ranks=None):
    """End the training after the current step on Ctrl-C, SIGTERM or a closed terminal; at once on a second signal.

    Signals that this process ignores already, as SIGHUP under nohup, stay ignored. `ranks` are those of a training by
    several processes, which also heed the signals that `mxgan launch` sends.
    """

    asked, alone = 0.0, ranks is None or ranks.size == 1

    def ask(number, frame) -> None:
        nonlocal asked
        if not trainer.stopping:
            asked = time.monotonic()
            trainer.stop(FORWARDED.get(number, signal.Signals(number)).name)
            if alone or (ranks.is_first and number in FORWARDED):  # by another one mpirun ends the job
                warn("Ending after this step, to save. A second signal ends at once, and loses what is not saved.")
        elif time.monotonic() - asked > SAME_PRESS:
            _end(number, frame)

    with handled(ENDING if alone else (*ENDING, *FORWARDED), ask):
        yield
