"""Checks of the installed software, the machine and the data, with a remedy for each fault.

::

    print(render(examine()))

`examine` never raises. Checks that may end a process (MXNet on a processor that it has no code for, a window on a
lost display) run in a child process.
"""

from __future__ import annotations

import os
import platform
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Optional, Union

import mxgan
from mxgan import runtime
from mxgan.errors import MXGANError
from mxgan.runtime import nvidia
from mxgan.runtime.cpus import lacking_instructions
from mxgan.runtime.x11 import lost_x_events

__all__ = ["Finding", "examine", "render"]

STATUSES = ("ok", "note", "fault")
GIGABYTE = 1e9
CHILD_SECONDS = 120

TRY_MXNET = "from mxgan.runtime import mx; print(mx.__version__, mx.nd.ones(2).sum().asscalar())"
TRY_NUMBA = "import numba; print(numba.__version__)"
TRY_OPENCV = "from mxgan.runtime import cv2; print(cv2.__version__)"
TRY_WINDOW = "from mxgan.runtime import cv2; cv2.namedWindow('mxgan'); cv2.waitKey(1); cv2.destroyAllWindows()"


@dataclass(frozen=True)
class Finding:
    """One line of the report: `status` is "ok", "note" (works with limits) or "fault" (does not work)."""

    topic: str
    status: str
    detail: str
    remedy: str = ""


def examine(data_dir: Union[str, Path, None] = None) -> list[Finding]:
    """Check everything that a run needs; `data_dir` is the first folder in the search for MNIST."""
    checks = {
        "Python": _python,
        "NumPy": _numpy,
        "MXNet": _mxnet,
        "Threads": _threads,
        "Numba": _operators,
        "GPU": _gpu,
        "OpenCV": _opencv,
        "Display": _display,
        "Graphviz": _graphviz,
        "MPI": _mpi,
        "Digits": _digits,
        "Disk": _disk,
    }
    findings = [_run(topic, check) for topic, check in checks.items()]
    works = not any(finding.topic in ("MXNet", "OpenCV") and finding.status == "fault" for finding in findings)
    # mxgan.data imports both into this process; a broken one might end it.
    for topic, check in {"MNIST": lambda: _mnist(data_dir), "Cache": _cache}.items():
        findings.append(_run(topic, check if works else _unseen))
    return findings


def render(findings: list[Finding]) -> str:
    """The findings as a plain-text table; each remedy is below its finding."""
    width = max((len(finding.topic) for finding in findings), default=0)
    lines = []
    for finding in findings:
        lines.append(f"{finding.status:<5}  {finding.topic:<{width}}  {finding.detail}")
        if finding.remedy:
            lines.append(f"{'':<5}  {'':<{width}}  -> {finding.remedy}")
    faults, notes = (sum(f.status == status for f in findings) for status in ("fault", "note"))
    lines += ["", f"{_count(faults, 'fault')}, {_count(notes, 'note')}."]
    return "\n".join(lines)


def _run(topic: str, check: Callable[[], tuple[str, ...]]) -> Finding:
    try:
        status, detail, remedy = (*check(), "")[:3]
    except MXGANError as error:
        status, detail, remedy = "fault", error.fact, error.remedy
    except Exception as error:  # a report with a hole is better than none
        status, detail, remedy = "fault", f"cannot be examined: {type(error).__name__}: {error}", ""
    return Finding(topic, status, " ".join(detail.split()), remedy)


# Each check returns (status, detail) or (status, detail, remedy), or raises.


def _python():
    runtime.check_python()
    detail = f"{platform.python_version()} at {sys.executable}, {platform.machine()}"
    if sys.version_info[:2] > runtime.NEWEST_TRIED:
        newest = ".".join(map(str, runtime.NEWEST_TRIED))
        return "note", detail, f"The newest Python that mxgan was tried with is {newest}; use it if anything fails."
    return "ok", detail


def _numpy():
    return "ok", runtime.check_numpy()


def _mxnet():
    wheel = runtime.wheel()
    version = _child(TRY_MXNET, "MXNet").split()[0]
    known = "; pip check's complaint that it wants numpy<2 and graphviz<0.9 can be ignored" if wheel else ""
    return "ok", f"{version} from {wheel or 'a folder, not from a wheel'}{known}"


def _threads():
    chosen = runtime.threads()
    detail = f"{chosen.count}: {chosen.reason}; instruction sets: {', '.join(runtime.cpu_features()) or 'unknown'}"
    kernels = runtime.kernel_variables()
    detail += f"; set for the math libraries: {', '.join(kernels)}" if kernels else ""
    if os.environ.get("OMP_WAIT_POLICY", "").lower() == "active":
        return "note", detail, "Unset OMP_WAIT_POLICY: with 'active', training was three times slower."
    return "ok", detail


def _operators():
    if lacking_instructions():
        return "ok", f"operators of MXNet, since this CPU has no {' and no '.join(lacking_instructions())}"
    if runtime.version_of("numba") is None:
        return "note", "not installed: a training has the operators of MXNet", "Faster: pip install '.[speed]'."
    return "ok", f"{_child(TRY_NUMBA, 'Numba').strip()}; trainings of large enough layers have the fast operators"


def _gpu():
    wanted = bool(runtime.version_of("mxnet-cu112"))
    try:
        gpus = nvidia.gpus()
    except MXGANError:
        if wanted:
            raise
        gpus = []
    listed = "; ".join(map(str, gpus)) or "none"
    if not wanted:
        if any(gpu.supported for gpu in gpus):
            return "note", f"{listed}; unused, for mxnet-cu112 is not installed", f"{runtime.SWITCH_TO_GPU}."
        return "ok", f"{listed}; training runs on the CPU"
    if not gpus:
        remedy = "Look at nvidia-smi and CUDA_VISIBLE_DEVICES, or train on the CPU."
        return "note", "the driver shows no GPU", remedy
    for gpu in (each for each in gpus if not each.supported):
        if not any(each.supported for each in gpus):
            nvidia.require_machine_code(gpu)
        return "note", listed, f"Leave GPU {gpu.index} out of --gpu: mxnet-cu112 has no code for it."
    return "ok", listed


def _opencv():
    version = _child(TRY_OPENCV, "OpenCV").strip()
    wheels = [name for name in runtime.OPENCV_WHEELS if runtime.version_of(name)]
    detail = f"{version} from {', '.join(wheels) or 'a folder'}"
    if len(wheels) > 1:
        return "note", detail, f"They share a folder: pip uninstall -y {' '.join(wheels)}, then install one."
    if wheels and wheels[0].endswith("-headless"):
        return "note", f"{detail}, which opens no windows", "For windows, install opencv-python instead."
    return "ok", detail


def _display():
    names = [f"{name}={os.environ[name]}" for name in ("DISPLAY", "WAYLAND_DISPLAY") if os.environ.get(name)]
    if not names:
        return "note", "none (DISPLAY is not set): pictures go to files in the run folder only"
    try:
        _child(TRY_WINDOW, "A window")
    except MXGANError as error:
        fact = error.fact
        return (
            "note",
            f"{', '.join(names)}, but no window opens: {fact}",
            "Train with --display none, or repair the display.",
        )
    if lost_x_events():
        problem, remedy = lost_x_events()
        return "note", f"{', '.join(names)}: a window opens, but {problem}", remedy
    return "ok", f"{', '.join(names)}: a window opens"


def _graphviz():
    found = shutil.which("dot")
    if found:
        return "ok", found
    return (
        "note",
        "no program 'dot': graphs of networks are not drawn",
        "On Debian or Ubuntu: apt-get install graphviz.",
    )


def _mpi():
    from mxgan.runs.launching.mpirun import INSTALL

    version, program = runtime.version_of("mpi4py"), shutil.which(str(Path(sys.executable).parent / "mpirun"))
    program = program or shutil.which("mpirun")
    if version and program:
        return "ok", f"mpi4py {version}, {program}"
    missing = " and ".join(["mpi4py"] * (not version) + ["mpirun"] * (not program))
    return "note", f"no {missing}: a training is one process", f"{INSTALL}."


def _unseen():
    return "note", "not checked: the check needs a working MXNet and OpenCV"


def _mnist(data_dir):
    from mxgan.data.mnist import find_mnist, load_mnist

    folder = find_mnist("train", data_dir)
    if folder is not None:
        images, *_ = load_mnist("train", folder)  # found by name; a broken file is a fault here
        return "ok", f"{len(images):,} images in {folder}"
    remedy = "Give the files' folder by --data-dir or MXGAN_DATA, or train on --dataset digits."
    return "note", "not found; training on it downloads it first", remedy


def _digits():
    if find_spec("sklearn") is None:
        return "fault", "scikit-learn, which contains them, is not installed", "pip install scikit-learn."
    return "ok", "embedded in scikit-learn"


def _disk():
    folder = Path.cwd()
    free = shutil.disk_usage(folder).free / GIGABYTE
    detail = f"{free:.1f} GB free in {folder}"
    if not os.access(folder, os.W_OK):
        return "note", f"{folder} cannot be written to", "Give a --run-dir where you may write."
    if free < 1:
        return (
            "note",
            detail,
            "A run of some thousand steps with its checkpoints can need 1 GB: give a --run-dir on another disk.",
        )
    return "ok", detail


def _cache():
    from mxgan.runtime.cache import cache_folder

    folder = cache_folder()
    nearest = next(each for each in (folder, *folder.parents) if each.exists())
    if not os.access(nearest, os.W_OK):
        return "note", f"{folder} cannot be written to", "Set XDG_CACHE_HOME to a folder where you may write."
    return "ok", f"{folder}{'' if folder.exists() else ' (will be made when something is downloaded)'}"


def _child(code: str, title: str) -> str:
    """Run a line of Python in its own process; returns its output, raises MXGANError if it fails."""
    guarded = (
        "import sys\nfrom mxgan.errors import MXGANError\ntry:\n    " + code.replace("; ", "\n    ") + "\n"
        "except MXGANError as error:\n    sys.exit(f'MXGAN {error}')\n"
    )
    here = str(Path(mxgan.__file__).resolve().parent.parent)  # the child finds the same package
    path = os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])
    try:
        done = subprocess.run(
            [sys.executable, "-c", guarded],
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=CHILD_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise MXGANError(f"{title} did not finish within {CHILD_SECONDS} s.") from error
    if done.returncode != 0:
        raise MXGANError(_why(title, done))
    return done.stdout


def _why(title: str, done: subprocess.CompletedProcess) -> str:
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    ours: Optional[str] = next((line[len("MXGAN ") :] for line in lines if line.startswith("MXGAN ")), None)
    if ours:
        return ours
    if done.returncode < 0:  # the cause is the first line of C++ output, and the last line of a traceback
        said = f": {lines[0]}" if lines else ""
        return f"{title} ends the process by {signal.Signals(-done.returncode).name}{said}."
    return f"{title} fails{f': {lines[-1]}' if lines else ''}."


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
