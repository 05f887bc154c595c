"""What a program of this package owes to its terminal: errors in words, the log, and signals heeded."""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
import time
from contextlib import contextmanager, suppress

import click

from mxgan.errors import MXGANError

__all__ = ["INTERRUPTED", "readable_errors", "show_log", "stop_on_signals"]

INTERRUPTED = 128 + signal.SIGINT
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SAME_PRESS = 1.0  # seconds in which a second Ctrl-C counts as the first


@contextmanager
def readable_errors(debug: bool):
    """Turn an error into one line on standard error and an exit code; with `debug`, into a traceback."""
    try:
        yield
    except KeyboardInterrupt:
        _say("Ended at once; what was not saved is lost.")
        _leave(INTERRUPTED)
    except Exception as error:
        if debug or isinstance(error, click.ClickException):
            raise
        _say(f"Error: {_in_words(error)}")
        _leave(getattr(error, "exit_code", 1))


def _leave(code: int) -> None:
    """Exit with this code; a stream that takes no more would have Python 3.14 end with 120, for what it still holds."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):  # ValueError: no file, or closed
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(code)


def _in_words(error: Exception) -> str:
    if isinstance(error, MXGANError):
        return str(error)
    if isinstance(error, MemoryError) or re.search(r"bad_alloc|out of memory|allocate", str(error), re.IGNORECASE):
        return "out of memory. Give a smaller batch, narrower networks or fewer samples."
    first_line = (str(error).strip().splitlines() or ["no message"])[0]
    return (
        f"{type(error).__name__}: {first_line}\n"
        "This was not foreseen: a fault of mxgan, or of MXNet beneath it. --debug shows where it arose."
    )


def _say(text: str) -> None:
    """One line on standard error; where that is gone, with its terminal, nobody is left to tell."""
    with suppress(OSError, ValueError, RuntimeError):  # RuntimeError: a signal came in the middle of another line
        click.echo(text, err=True)


def show_log(err: bool = False) -> None:
    """Send mxgan's log to standard output, or to standard error, above a progress bar where there is one."""
    from tqdm import tqdm

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            try:
                stream = sys.stderr if err else sys.stdout
                tqdm.write(self.format(record), file=stream)
                stream.flush()  # for whoever follows it through a pipe
            except OSError as error:  # a pipe that was closed, a full disk: no reason to lose the training
                if not err:
                    sys.stdout = open(os.devnull, "w")  # noqa: SIM115
                _say(f"Standard output takes no more ({error.strerror}); the training goes on.")

    for name in ("mxgan", "root"):  # mx.mon.Monitor logs to the root logger
        log = logging.getLogger(None if name == "root" else name)
        log.handlers = [Handler()]
        log.setLevel(logging.INFO)
    logging.getLogger("mxgan").propagate = False


@contextmanager
def stop_on_signals(trainer):
    """Let Ctrl-C, SIGTERM and a closed terminal end the training after the step under way; a second one, at once.

    What the caller has this process ignore, as nohup does SIGHUP, stays ignored.
    """

    asked = 0.0

    def ask(number, frame) -> None:
        nonlocal asked
        if not trainer.stopping:
            asked = time.monotonic()
            trainer.stop(signal.Signals(number).name)
            _say("Ending after this step, to save. Again: end at once, and lose what is not saved.")
        elif time.monotonic() - asked > SAME_PRESS:
            raise KeyboardInterrupt

    heeded = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, ask) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
