"""The doctor's report: right about this machine, and never a traceback."""

from __future__ import annotations

import gzip
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from mxgan.cli import doctor
from mxgan.cli.doctor import Finding, examine, render

ROOT = Path(__file__).resolve().parents[2]
TOPICS = [
    *("Python", "NumPy", "MXNet", "Threads", "Numba", "GPU", "OpenCV"),
    *("Display", "Graphviz", "MPI", "Digits", "Disk", "MNIST", "Cache"),
]
REPORT = "from mxgan.cli.doctor import examine, render; print(render(examine()))"


def report(*options, first="", **variables):
    """Run the doctor in a process of its own, with the folder `first` on the path before the repository."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(first), str(ROOT)])),
        **variables,
    }
    done = subprocess.run(
        [sys.executable, *options, "-c", REPORT], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0
    assert done.stderr == ""
    return done.stdout


def find(topic, findings):
    (found,) = (finding for finding in findings if finding.topic == topic)
    return found


@pytest.fixture(scope="module")
def findings():
    return examine()


def test_its_children_find_the_same_package_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    found = doctor._child("import mxgan, sys; print(mxgan.__file__, *sys.path, sep='|')", "the package")
    package, *path = found.strip().split("|")
    assert Path(package) == ROOT / "mxgan" / "__init__.py"
    assert str(ROOT / "mxgan") not in path  # whose rooms would hide other modules of such names


def test_every_topic_once_in_order(findings):
    assert [finding.topic for finding in findings] == TOPICS
    assert {finding.status for finding in findings} <= set(doctor.STATUSES)


def test_this_environment_has_no_fault(findings):
    assert [finding for finding in findings if finding.status == "fault"] == []
    assert find("MXNet", findings).detail.startswith("1.9.1 from mxnet")


def test_a_python_that_nobody_tried_is_noted(monkeypatch):
    assert doctor._python()[0] == "ok"
    monkeypatch.setattr(sys, "version_info", (3, 15, 0))
    status, _, remedy = doctor._python()
    assert status == "note"
    assert remedy == "The newest Python that mxgan was tried with is 3.14; use it if anything fails."


@pytest.mark.parametrize("wheel", ["opencv-python-headless", "opencv-contrib-python-headless"])
def test_a_headless_opencv_is_noted(monkeypatch, wheel):
    monkeypatch.setattr(doctor, "_child", lambda code, what: "5.0.0")
    monkeypatch.setattr(doctor.runtime, "version_of", {wheel: "5.0.0"}.get)
    assert doctor._opencv() == (
        "note",
        f"5.0.0 from {wheel}, which opens no windows",
        "For windows, install opencv-python instead.",
    )


def test_report_of_some_findings():
    text = render(
        [
            Finding("Python", "ok", "3.11.7"),
            Finding("Display", "note", "none"),
            Finding("MXNet", "fault", "not installed.", "pip install it."),
        ]
    )
    assert text == (
        "ok     Python   3.11.7\n"
        "note   Display  none\n"
        "fault  MXNet    not installed.\n"
        "                -> pip install it.\n"
        "\n"
        "1 fault, 1 note."
    )


def test_with_nothing_installed_it_still_reports():
    text = report("-S")  # without site-packages
    assert "Install it for the CPU: pip install --no-deps mxnet==1.9.1" in text
    for topic in ("NumPy", "MXNet", "Digits"):
        assert f"fault  {topic} " in text


def test_mxnet_that_ends_the_process_is_reported(tmp_path):
    (tmp_path / "mxnet").mkdir()
    (tmp_path / "mxnet/__init__.py").write_text(
        "import os, sys\nprint('no AVX here', file=sys.stderr, flush=True)\nos.abort()\n"
    )
    assert "fault  MXNet     MXNet ends the process by SIGABRT: no AVX here." in report(first=tmp_path)


def test_mxnet_that_fails_to_import_is_reported(tmp_path):
    (tmp_path / "mxnet").mkdir()
    (tmp_path / "mxnet/__init__.py").write_text(
        "raise OSError('libgomp.so.1: cannot open shared object file: No such file or directory')\n"
    )
    text = report(first=tmp_path)
    assert "fault  MXNet     MXNet cannot be imported: libgomp.so.1: cannot open shared object file" in text
    assert "-> On Debian or Ubuntu: apt-get install libgomp1.\n" in text


def test_display_that_is_not_there(monkeypatch):
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", ":987")
    status, detail, remedy = doctor._display()
    assert status == "note"
    assert detail.startswith("DISPLAY=:987, but no window opens: ")
    assert remedy.startswith("Train with --display none")
    monkeypatch.delenv("DISPLAY")
    assert doctor._display()[:2][1].startswith("none (DISPLAY is not set)")


@pytest.mark.skipif(
    not (shutil.which("xvfb-run") and shutil.which("xauth")), reason="needs the packages xvfb and xauth"
)
def test_display_that_works():
    command = [
        "xvfb-run",
        "-a",
        sys.executable,
        "-c",
        "from mxgan.cli import doctor; print(doctor._display())",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.stdout.startswith("('ok', 'DISPLAY=:"), done.stderr
    assert "a window opens" in done.stdout


def test_windows_that_may_stay_black_are_noted(monkeypatch):
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", ":987")
    monkeypatch.setattr(doctor, "_child", lambda code, what: "")  # as though a window had opened
    monkeypatch.setattr(doctor, "lost_x_events", lambda: ("libX11-xcb.so.1 is missing", "Install it."))
    detail = "DISPLAY=:987: a window opens, but libX11-xcb.so.1 is missing"
    assert doctor._display() == ("note", detail, "Install it.")


def test_threads_set_to_nonsense_are_a_fault(monkeypatch):
    monkeypatch.setattr("mxgan.runtime.cpus._chosen", None)
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    finding = doctor._run("Threads", doctor._threads)
    assert finding.status == "fault"
    assert finding.detail == "OMP_NUM_THREADS='many': MXNet takes one whole number from 1 to 9999."
    assert finding.remedy == "Set one, or unset it."


def test_active_waiting_is_noted(monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    status, _, remedy = doctor._threads()
    assert (status, remedy.split(":")[0]) == ("note", "Unset OMP_WAIT_POLICY")


def test_missing_dot_is_noted(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert doctor._graphviz()[0] == "note"
    assert "apt-get install graphviz" in doctor._graphviz()[2]


def test_cache_folder_that_is_not_there_yet(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert doctor._cache() == ("ok", f"{tmp_path / 'mxgan'} (will be made when something is downloaded)")
    assert list(tmp_path.iterdir()) == []


def test_full_disk_is_noted(monkeypatch):
    usage = shutil.disk_usage(".")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=2 * 10**8))
    status, detail, remedy = doctor._disk()
    assert status == "note"
    assert detail.startswith("0.2 GB free in ")
    assert "--run-dir" in remedy


def test_a_check_that_fails_itself_is_a_finding():
    def check():
        raise KeyError("surprise")

    finding = doctor._run("Anything", check)
    assert finding == Finding("Anything", "fault", "cannot be examined: KeyError: 'surprise'")


def test_files_of_mnist_are_read_and_not_only_found(tmp_path):
    """The name says .gz and the content is plain, which is fine; a file packed twice is a fault in words."""
    assert doctor._mnist(tmp_path)[0] == "note"
    path = tmp_path / "train-images-idx3-ubyte.gz"
    plain = bytes([0, 0, 8, 3]) + struct.pack(">3I", 2, 3, 4) + bytes(24)
    path.write_bytes(plain)
    assert doctor._run("MNIST", lambda: doctor._mnist(tmp_path)) == Finding("MNIST", "ok", f"2 images in {tmp_path}")
    path.write_bytes(gzip.compress(gzip.compress(plain)))
    found = doctor._run("MNIST", lambda: doctor._mnist(tmp_path))
    assert (found.status, "is packed twice by gzip" in found.detail) == ("fault", True)
    assert found.remedy.startswith("Unpack it once")


@pytest.mark.parametrize("features, version, finding", [
    (["avx"], "0.60", ("ok", "operators of MXNet, since this CPU has no fma and no avx2")),
    (["fma", "avx2"], None, ("note", "not installed: a training has the operators of MXNet")),
])  # fmt: skip
def test_the_operators_that_a_training_has(features, version, finding, monkeypatch):
    monkeypatch.setattr("mxgan.runtime.cpus.cpu_features", lambda: features)
    monkeypatch.setattr(doctor.runtime, "version_of", lambda name: version)
    found = doctor._run("Numba", doctor._operators)
    assert (found.status, found.detail) == finding
    assert ("pip install '.[speed]'" in (found.remedy or "")) == (version is None)


def test_the_numba_that_is_used():
    numba = pytest.importorskip("numba", reason="Numba is not installed")
    found = doctor._run("Numba", doctor._operators)
    wanted = f"{numba.__version__}; trainings of large enough layers have the fast operators"
    assert (found.status, found.detail) == ("ok", wanted)
