"""Terminal behaviour of the commands: readable errors, the log, and a clean end on signals."""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
import time
from contextlib import contextmanager, suppress

import click

from mxgan.errors import INTERRUPTED, MXGANError

__all__ = ["readable_errors", "show_log", "stop_on_signals"]

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SAME_PRESS = 1.0  # seconds after a first Ctrl-C in which a second one is ignored


@contextmanager
def readable_errors(debug: bool):
    """Turn an error into one line on standard error and an exit code; with `debug`, show the traceback."""
    try:
        yield
    except KeyboardInterrupt:
        _say("Ended at once; everything since the last save is lost.")
        _leave(INTERRUPTED)
    except Exception as error:
        if debug or isinstance(error, (click.ClickException, BrokenPipeError)):
            raise  # click ends quietly on a closed pipe, as of `| head`
        _say(f"Error: {_in_words(error)}")
        _leave(getattr(error, "exit_code", 1))


def _leave(code: int) -> None:
    """Exit with this code; without this, Python 3.14 exits with 120 if it cannot flush a stream at the end."""
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
        "This error is unexpected: a fault of mxgan, or of MXNet below it. --debug shows where it happened."
    )


def _say(text: str) -> None:
    """Print one line on standard error; does nothing if standard error was closed with its terminal."""
    with suppress(OSError, ValueError, RuntimeError):  # RuntimeError: a signal interrupted another print
        click.echo(text, err=True)


def show_log(err: bool = False) -> None:
    """Send mxgan's log to standard output, or to standard error, above a progress bar if there is one."""
    from tqdm import tqdm

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            try:
                stream = sys.stderr if err else sys.stdout
                tqdm.write(self.format(record), file=stream)
                stream.flush()  # a reader at the end of a pipe sees each line at once
            except OSError as error:  # a closed pipe or a full disk must not end the training
                if not err:
                    sys.stdout = open(os.devnull, "w")  # noqa: SIM115
                _say(f"Standard output cannot be written ({error.strerror}); the training continues.")

    for name in ("mxgan", "root"):  # mx.mon.Monitor logs to the root logger
        log = logging.getLogger(None if name == "root" else name)
        log.handlers = [Handler()]
        log.setLevel(logging.INFO)
    logging.getLogger("mxgan").propagate = False


@contextmanager
def stop_on_signals(trainer):
    """End the training after the current step on Ctrl-C, SIGTERM or a closed terminal; at once on a second signal.

    Signals that this process ignores already, as SIGHUP under nohup, stay ignored.
    """

    asked = 0.0

    def ask(number, frame) -> None:
        nonlocal asked
        if not trainer.stopping:
            asked = time.monotonic()
            trainer.stop(signal.Signals(number).name)
            _say("Ending after this step, to save. A second signal ends at once, and loses what is not saved.")
        elif time.monotonic() - asked > SAME_PRESS:
            raise KeyboardInterrupt

    heeded = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, ask) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
