"""One old program: run in its own folder, with what it needs, and with a report at the end."""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Callable, Optional

from mxgan.errors import ArgumentError, RunFolderError, first_line
from mxgan.legacy.changes import Changes
from mxgan.legacy.datasets import Mnist, mend_mxnet_datasets, mend_sklearn
from mxgan.legacy.hints import hint_for
from mxgan.legacy.modules import after_import, mend_yaml
from mxgan.legacy.mxnet_names import give_old_names, replace_missing_gpus
from mxgan.legacy.numpy_names import old_numpy
from mxgan.legacy.python2 import Python2Compiler, division
from mxgan.legacy.sources import is_own_file, own_modules_first
from mxgan.legacy.steps import count_updates
from mxgan.legacy.windows import Gallery, mend_matplotlib, mend_opencv, mend_pyplot

__all__ = ["Settings", "run_script"]

INTERRUPTED = 130


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
    """

    script: Path
    arguments: tuple = ()
    keep_gpu: bool = False
    data_dir: Optional[str] = None
    python2: bool = False
    show: bool = False
    steps: Optional[int] = None
    run_dir: Optional[Path] = None

    def __post_init__(self) -> None:
        if not self.script.is_file():
            raise ArgumentError(f"{self.script} is not a file; give the path of a Python program.")
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
    code = _compiled(compiler, script)
    gallery, mnist = Gallery(folder / "pictures", changes), Mnist(settings.data_dir, changes)
    _change_mxnet(settings, changes, mnist)
    mended = {
        "cv2": mend_opencv(gallery),
        "matplotlib": mend_matplotlib(gallery),
        "matplotlib.pyplot": mend_pyplot(gallery),
        "sklearn.datasets": mend_sklearn(mnist),
        "yaml": mend_yaml(changes),
    }
    with ExitStack() as stack:
        if settings.run_dir is not None:
            stack.enter_context(_logged(folder))
        stack.enter_context(after_import(mended))
        prepare = stack.enter_context(own_modules_first(compiler, old_numpy(changes), division(changes)))
        result = _executed(code, script, settings, prepare, say)
        _report(changes, gallery, script, say)
    return result


def _change_mxnet(settings: Settings, changes: Changes, mnist: Mnist) -> None:
    give_old_names(changes)
    if not settings.keep_gpu:
        replace_missing_gpus(changes)
    mend_mxnet_datasets(mnist)
    count_updates(settings.steps)


def _python3(source: str, file: str, in_package: bool) -> CodeType:
    return compile(source, file, "exec", dont_inherit=True)


def _compiled(compiler: Callable, script: Path) -> CodeType:
    from importlib.util import decode_source

    try:
        return compiler(decode_source(script.read_bytes()), str(script), False)
    except OSError as error:
        raise ArgumentError(f"{script} cannot be read: {error.strerror or error}.") from error
    except (SyntaxError, UnicodeDecodeError, ValueError) as error:
        if isinstance(error, ArgumentError):
            raise
        line = getattr(error, "lineno", None)
        where = f"{script}, line {line}" if line else f"{script}"
        raise ArgumentError(f"{where}: {first_line(error)}. {hint_for(error)}".rstrip()) from error


def _executed(code: CodeType, script: Path, settings: Settings, prepare: Callable, say: Callable) -> int:
    """Run the code as `__main__`; the exit code."""
    main = ModuleType("__main__")
    main.__file__ = str(script)
    prepare(main)
    before = (sys.argv, sys.path[:], sys.modules["__main__"], os.getcwd())
    sys.argv, sys.modules["__main__"] = [script.name, *settings.arguments], main
    sys.path.insert(0, str(script.parent))
    os.chdir(script.parent)
    try:
        exec(code, main.__dict__)
        return 0
    except SystemExit as ending:
        return _exit_code(ending.code, say)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BaseException as error:
        _show_error(error, say)
        return 1
    finally:
        sys.argv, sys.path[:], sys.modules["__main__"] = before[:3]
        os.chdir(before[3])


def _exit_code(given: Any, say: Callable[[str], None]) -> int:
    if given is None or isinstance(given, int):
        return given or 0
    say(str(given))  # as sys.exit("text") does
    return 1


def _show_error(error: BaseException, say: Callable[[str], None]) -> None:
    """The traceback from the program's first line on, and a remedy if one is known."""
    trace = error.__traceback__
    while trace is not None and not is_own_file(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace or error.__traceback__)
    hint = hint_for(error)
    if hint:
        say(f"mxgan run: {hint}")


def _report(changes: Changes, gallery: Gallery, script: Path, say: Callable[[str], None]) -> None:
    lines = changes.lines()
    if lines:
        say("\n".join([f"mxgan run: changed for {script.name}:", *lines]))
    if gallery.count:
        say(f"mxgan run: pictures: {gallery.count} in {gallery.folder}")


class _Tee:
    """A stream whose text also goes into the log."""

    def __init__(self, stream: Any, log: Any) -> None:
        self._stream, self._log = stream, log

    def write(self, text: str) -> int:
        self._log.write(text)
        return self._stream.write(text)

    def flush(self) -> None:
        self._log.flush()
        self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def _logged(folder: Path):
    """Copy standard output and standard error into FOLDER/log.txt."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        log = open(folder / "log.txt", "w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
    except OSError as error:
        raise RunFolderError(f"the folder {folder} cannot be written: {error.strerror}. Give another.") from error
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_Tee(stream, log) for stream in before)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = before
        log.close()
