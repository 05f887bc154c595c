"""One old program: run in its own folder, with what it needs, and with a report at the end."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import traceback
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import CodeType, ModuleType, TracebackType
from typing import Any, Callable, Optional

from mxgan.errors import ArgumentError, MXGANError, RunFolderError, exit_code_after, first_line
from mxgan.legacy.changes import Changes
from mxgan.legacy.datasets import Mnist, mend_mxnet_datasets, mend_sklearn
from mxgan.legacy.hints import hint_for
from mxgan.legacy.log import logged
from mxgan.legacy.modules import after_import, mend_yaml, note_imports
from mxgan.legacy.mxnet_names import give_old_names, note_replaced_layers, replace_missing_gpus
from mxgan.legacy.numpy_names import old_numpy
from mxgan.legacy.python2 import Python2Compiler, default_encoding, old_builtins, old_pickle
from mxgan.legacy.sources import is_own_file, own_modules_first
from mxgan.legacy.steps import count_updates
from mxgan.legacy.windows import Gallery, mend_matplotlib, mend_opencv, mend_pyplot

__all__ = ["Settings", "run_script"]


@dataclass(frozen=True)
class Settings:
    """One call of `mxgan run`.

    Parameters
    ----------
    script : the program's file.
    arguments : its own command line, without its name.
    keep_gpu : leave mx.gpu() as it is.
    data_dir : folder of MNIST's IDX files; None: found, or downloaded once.
    python2 : translate the program's modules from Python 2.
    show : print what --python2 translates.
    steps : the number of updates after which the program ends; None: it ends by itself.
    run_dir : a new folder for a log and the pictures; None: pictures go to runs/NAME-TIME, and there is no log.
    cwd : the folder to run in; None: the program's own.
    """

    script: Path
    arguments: tuple = ()
    keep_gpu: bool = False
    data_dir: Optional[str] = None
    python2: bool = False
    show: bool = False
    steps: Optional[int] = None
    run_dir: Optional[Path] = None
    cwd: Optional[Path] = None

    def __post_init__(self) -> None:
        if not self.script.is_file():
            raise ArgumentError(f"{self.script} is not a file; give the path of a Python program.")
        if self.cwd is not None and not self.cwd.is_dir():
            raise ArgumentError(f"{self.cwd} is not a folder; give the folder to run in, or leave --cwd out.")
        folder = self.run_dir
        if folder is not None and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise RunFolderError(f"{folder} is not an empty folder; give a new --run-dir.")
        if self.show and not self.python2:
            raise ArgumentError("--show prints what --python2 translates; give both, or leave --show out.")


def run_script(settings: Settings, say: Callable[[str], None]) -> int:
    """Run the program to its end; returns its exit code. MXNet's own functions stay changed for this process.

    Parameters
    ----------
    say : prints a text of mxgan's own on standard error.
    """
    script = settings.script.resolve()
    folder = (settings.run_dir or Path("runs") / f"{script.stem}-{datetime.now():%Y_%m_%d-%H_%M-%S}").absolute()
    changes = Changes(script.parent, is_own_file, say)
    compiler = Python2Compiler(changes, say if settings.show else None) if settings.python2 else _python3
    code = _compiled(compiler, script, settings.python2)
    gallery, mnist = Gallery(folder / "pictures", changes), Mnist(settings.data_dir, changes)
    program = _Program(script, code, settings, changes, gallery, say)
    _change_mxnet(settings, changes, mnist)
    if settings.steps is not None:
        program.counter = count_updates(settings.steps, program.leave)
    mended = {
        "cv2": mend_opencv(gallery),
        "matplotlib": mend_matplotlib(gallery),
        "matplotlib.pyplot": mend_pyplot(gallery),
        "sklearn.datasets": mend_sklearn(mnist),
        "yaml": mend_yaml(changes),
    }
    views, extra = {"numpy": old_numpy(changes)}, {}
    with ExitStack() as stack:
        if settings.run_dir is not None:
            stack.enter_context(logged(folder))
        if settings.python2:
            views["pickle"], extra = old_pickle(changes), old_builtins(changes)
            stack.enter_context(default_encoding(changes))
        stack.enter_context(after_import(mended))
        prepare = stack.enter_context(own_modules_first(compiler, views, extra, note_imports(changes)))
        result = program.executed(prepare)
        program.report()
    return result


def _change_mxnet(settings: Settings, changes: Changes, mnist: Mnist) -> None:
    give_old_names(changes)
    note_replaced_layers(changes)
    if not settings.keep_gpu:
        replace_missing_gpus(changes)
    mend_mxnet_datasets(mnist)


def _python3(source: str, file: str, in_package: bool) -> CodeType:
    return compile(source, file, "exec", dont_inherit=True)


def _compiled(compiler: Callable, script: Path, python2: bool) -> CodeType:
    from importlib.util import decode_source

    try:
        return compiler(decode_source(script.read_bytes()), str(script), False)
    except OSError as error:
        raise ArgumentError(f"{script} cannot be read: {error.strerror or error}.") from error
    except (SyntaxError, UnicodeDecodeError, ValueError) as error:
        if isinstance(error, ArgumentError):
            raise
        if not isinstance(error, SyntaxError):
            raise ArgumentError(f"{script} is no Python program: {first_line(error)}.") from error
        where = f"{script}, line {error.lineno}" if error.lineno else f"{script}"
        raise ArgumentError(f"{where}: {error.msg}. {hint_for(error, python2)}".rstrip()) from error


def _own_frames(trace: Optional[TracebackType]) -> Optional[TracebackType]:
    """The part of a traceback that is in the program's files."""
    if trace is None:
        return None
    rest = _own_frames(trace.tb_next)
    own = is_own_file(trace.tb_frame.f_code.co_filename)
    return TracebackType(rest, trace.tb_frame, trace.tb_lasti, trace.tb_lineno) if own else rest


class _Program:
    """The program's code, with its report at the end; the arguments are those of `run_script`."""

    def __init__(self, script: Path, code: CodeType, settings: Settings, changes: Changes, gallery, say) -> None:
        self._script, self._code, self._settings = script, code, settings
        self._changes, self._gallery, self._say = changes, gallery, say
        self.counter: Any = None  # of the updates, if their number is limited

    def executed(self, prepare: Callable[[ModuleType], None]) -> int:
        """Run the code as `__main__`, its threads and its functions of atexit included; the exit code."""
        main = ModuleType("__main__")
        main.__file__ = str(self._script)
        prepare(main)
        before = (sys.argv, sys.path[:], sys.modules["__main__"], os.getcwd(), sys.excepthook)
        running = set(threading.enumerate())
        sys.argv, sys.modules["__main__"] = [self._script.name, *self._settings.arguments], main
        sys.path[:1] = [str(self._script.parent)]  # as Python does for `python FILE`
        os.chdir(self._settings.cwd or self._script.parent)
        try:
            return self._exit_code_of(main, before[-1], running)
        finally:
            sys.argv, sys.path[:], sys.modules["__main__"], _, sys.excepthook = before
            os.chdir(before[3])

    def _exit_code_of(self, main: ModuleType, usual_hook: Callable, running: set) -> int:
        try:
            exec(self._code, main.__dict__)
            code = 0
        except SystemExit as ending:
            code = self._exit_code(ending.code)
        except KeyboardInterrupt:
            self._say("mxgan run: interrupted.")
            return exit_code_after(signal.SIGINT)
        except BaseException as error:
            self._show_error(error, sys.excepthook if sys.excepthook is not usual_hook else None)
            code = 1
        for thread in set(threading.enumerate()) - running:
            if not thread.daemon:
                thread.join()
        atexit._run_exitfuncs()
        return code

    def _exit_code(self, given: Any) -> int:
        if given is None or isinstance(given, int):
            return given or 0
        self._say(str(given))  # as sys.exit("text") does
        return 1

    def _show_error(self, error: BaseException, hook: Optional[Callable]) -> None:
        """The traceback from the program's first line on, and a remedy if one is known."""
        trace = error.__traceback__
        while trace is not None and not is_own_file(trace.tb_frame.f_code.co_filename):
            trace = trace.tb_next
        if isinstance(error, MXGANError):  # it says what to do: how mxgan came to it is of no use
            error.__suppress_context__, error.__cause__, trace = True, None, _own_frames(trace)
        (hook or traceback.print_exception)(type(error), error, trace or error.__traceback__)
        hint = hint_for(error, self._settings.python2)
        if hint:
            self._say(f"mxgan run: {hint}")

    def report(self) -> None:
        """Say what was changed, where the pictures are, and whether the program ended before its updates."""
        if sys.stdout is not None and not sys.stdout.closed:
            sys.stdout.flush()  # through a pipe, what the program printed comes first
        lines = self._changes.lines()
        if lines:
            self._say("\n".join([f"mxgan run: changed for {self._script.name}:", *lines]))
        if self._gallery.count:
            self._say(f"mxgan run: pictures: {self._gallery.count} in {self._gallery.folder}")
        if self.counter is not None:
            by_itself = "" if self.counter.ended else ", by itself"
            done, steps = self.counter.done, self._settings.steps
            self._say(f"mxgan run: the program ended after {done} of {steps} updates{by_itself}.")

    def leave(self) -> None:
        """End the process at once: the program has caught the exception that ends it after its updates."""
        self.report()
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
        os._exit(0)
