"""The checks before `import mxnet`; a case that would leak state runs in its own process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mxgan import runtime
from mxgan.errors import ArgumentError, RuntimeUnavailableError
from mxgan.runtime import cpus, nvidia
from mxgan.runtime.guarded_import import guarded_import
from mxgan.runtime.mpi import World

ROOT = Path(__file__).resolve().parents[2]
LINUX = sys.platform == "linux"

# NVIDIA's driver as far as mxgan asks it; $STUB_GPUS lists compute capabilities, such as "70,90".
STUB_DRIVER = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int number(const char *name, int otherwise) { return getenv(name) ? atoi(getenv(name)) : otherwise; }
static int capability(int index) {
    const char *list = getenv("STUB_GPUS");
    for (; list && *list; list = strchr(list, ',') ? strchr(list, ',') + 1 : 0)
        if (index-- == 0) return atoi(list);
    return -1;
}
int cuDriverGetVersion(int *version) { *version = number("STUB_VERSION", 12040); return 0; }
int cuInit(unsigned flags) { return flags ? 1 : number("STUB_INIT", capability(0) < 0 ? 100 : 0); }
int cuDeviceGetCount(int *count) { for (*count = 0; capability(*count) >= 0; ++*count) ; return 0; }
int cuDeviceGet(int *device, int index) { *device = index; return capability(index) < 0 ? 101 : 0; }
int cuDeviceGetName(char *name, int size, int device) { snprintf(name, size, "Stub %d", device); return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) {
    *value = attribute == 75 ? capability(device) / 10 : attribute == 76 ? capability(device) % 10 : -1;
    return 0;
}
"""


def python(code, *options, **variables):
    """Run `code` with the repository on the path; variables that are None are unset."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", **variables}
    for name in ("OMP_NUM_THREADS", "MXNET_OMP_MAX_THREADS"):
        environment.setdefault(name, None)
        if name not in variables:
            environment[name] = None
    environment = {name: value for name, value in environment.items() if value is not None}
    done = subprocess.run(
        [sys.executable, *options, "-c", code], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def message(code, *options, **variables):
    """Return the text of the RuntimeUnavailableError that `code` raises in its own process."""
    lines = "\n    ".join(code.splitlines())
    guarded = (
        "from mxgan import runtime\nfrom mxgan.runtime import nvidia\n"
        "from mxgan.errors import RuntimeUnavailableError\n"
        f"try:\n    {lines}\nexcept RuntimeUnavailableError as error:\n    print(error)"
    )
    return python(guarded, *options, **variables)


def compile_library(path, source, *arguments):
    if shutil.which("gcc") is None:
        pytest.skip("gcc, which makes the test's libraries, is not installed")
    path.parent.mkdir(parents=True, exist_ok=True)
    code = path.parent / f"{path.name}.c"
    code.write_text(source)
    # The libraries to link with come after what needs them.
    command = ["gcc", "-shared", "-fPIC", f"-Wl,-soname,{path.name}", "-o", str(path), str(code), *arguments]
    subprocess.run(command, check=True)


@pytest.fixture(scope="module")
def stub_driver(tmp_path_factory):
    folder = tmp_path_factory.mktemp("driver")
    compile_library(folder / "libcuda.so.1", STUB_DRIVER)
    return str(folder)


# --- importing -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", ["mxgan", "mxgan.runtime", "mxgan.cli.doctor", "mxgan.errors"])
def test_importing_the_package_loads_nothing_heavy(module):
    loaded = f"import sys, {module}; print(sorted({{'mxnet', 'numpy', 'cv2', 'matplotlib'}} & set(sys.modules)))"
    assert python(loaded) == "[]"


def test_mxnet_imports_with_warnings_as_errors_and_computes():
    code = "from mxgan.runtime import mx; print(mx.__version__, mx.nd.ones(3).sum().asscalar())"
    assert python(code, "-W", "error") == "1.9.1 3.0"


@pytest.mark.long
def test_importing_mxnet_leaves_thread_variables_and_warning_filters_alone():
    code = """
import os, warnings, numpy
names = ("OMP_NUM_THREADS", "MXNET_OMP_MAX_THREADS", "GOMP_SPINCOUNT")
filters = list(warnings.filters)
from mxgan.runtime import mx
print([os.environ.get(name) for name in names], warnings.filters == filters)"""
    assert python(code) == "[None, None, None] True"
    assert python(code, OMP_NUM_THREADS="2") == "['2', None, None] True"


def test_an_import_of_mxnet_that_failed_before_is_told(tmp_path):
    """With NumPy's names gone, MXNet fails after most of its modules are there: loaded without what they need."""
    make_package(tmp_path, "mxnet", "from . import ndarray\nraise AttributeError('PZERO')")
    (tmp_path / "mxnet" / "ndarray.py").touch()
    code = "try:\n    import mxnet\nexcept AttributeError:\n    from mxgan.runtime import mx"
    said = message(code, **with_folder(tmp_path))
    assert said.startswith("an `import mxnet` has failed in this process")
    assert said.endswith("write `from mxgan.runtime import mx` in place of `import mxnet as mx`.")


def test_mxnet_imported_by_others_is_taken_as_it_is():
    code = """
import sys, types
sys.modules["mxnet"] = types.ModuleType("mxnet")
from mxgan.runtime import mx
print(mx is sys.modules["mxnet"])"""
    assert python(code) == "True"


def test_both_names_come_through_and_others_do_not():
    from mxgan.runtime import cv2, mx

    assert (mx.__name__, cv2.__name__) == ("mxnet", "cv2")
    with pytest.raises(AttributeError, match=r"module 'mxgan\.runtime' has no attribute 'torch'"):
        _ = runtime.torch


# --- what is missing -------------------------------------------------------------------------------------


def test_an_old_python_is_refused_and_a_new_one_is_not(monkeypatch):
    monkeypatch.setattr(runtime.platform, "python_version", lambda: "3.8.20")
    with pytest.raises(RuntimeUnavailableError) as caught:
        runtime.check_python()
    assert str(caught.value) == (
        "Python 3.8.20 is too old: mxgan runs with Python 3.9 and newer. Make an environment with a newer one."
    )
    monkeypatch.setattr(runtime.platform, "python_version", lambda: "3.15.0rc1")
    runtime.check_python()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="older Pythons have distutils themselves")
def test_python_312_without_setuptools_names_it():
    said = message("runtime.check_python()", "-S")  # -S: without site-packages
    assert said.endswith("Install it: pip install setuptools.")


def test_no_mxnet_at_all_names_both_commands():
    said = message("runtime.wheel()", "-S")
    assert said.startswith("MXNet is not installed.")
    assert "pip install --no-deps mxnet==1.9.1" in said
    assert 'pip install ".[cu112]" in the clone of mxgan, then pip install --no-deps mxnet-cu112==1.9.1' in said


def make_distribution(folder, name):
    info = folder / f"{name.replace('-', '_')}-1.9.1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.9.1\n")


def make_package(folder, name, text=""):
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text(text)


def with_folder(folder):
    return {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}


def test_both_wheels_are_refused_with_the_repair(tmp_path):
    for name in ("mxnet", "mxnet-cu112"):
        make_distribution(tmp_path, name)
    make_package(tmp_path, "mxnet")
    said = message("runtime.wheel()", "-S", **with_folder(tmp_path))
    assert said.startswith("both mxnet and mxnet-cu112 are installed")
    assert "pip uninstall -y mxnet mxnet-cu112" in said


def test_wheel_whose_files_are_gone(tmp_path):
    make_distribution(tmp_path, "mxnet")
    said = message("runtime.wheel()", "-S", **with_folder(tmp_path))
    assert said.startswith("mxnet is recorded as installed, but its files are gone.")


@pytest.mark.parametrize("distribution, expected", [("mxnet", "mxnet"), ("mxnet-cu112", "mxnet-cu112"), (None, "None")])
def test_wheel_found(tmp_path, distribution, expected):
    make_package(tmp_path, "mxnet")
    if distribution:
        make_distribution(tmp_path, distribution)
    assert message("print(runtime.wheel())", "-S", **with_folder(tmp_path)) == expected


def test_a_folder_that_happens_to_be_called_mxnet_is_not_mxnet(tmp_path):
    (tmp_path / "mxnet").mkdir()
    assert message("runtime.wheel()", "-S", **with_folder(tmp_path)).startswith("MXNet is not installed.")


@pytest.mark.parametrize(
    "version, said",
    [
        (
            "1.21.6",
            "NumPy 1.21.6 is too old: mxgan runs with NumPy 1.22 and newer. Update it: pip install --upgrade numpy.",
        ),
        ("1.22.0", "1.22.0"),
        ("2.5.5", "2.5.5"),
        ("3.0.0.dev0+git", "3.0.0.dev0+git"),
    ],
)
def test_numpy_of_any_age_but_an_old_one(tmp_path, version, said):
    make_package(tmp_path, "numpy", f"__version__ = {version!r}")
    assert message("print(runtime.check_numpy())", "-S", **with_folder(tmp_path)) == said


def test_numpy_missing():
    assert message("runtime.check_numpy()", "-S").endswith("Install it: pip install numpy.")


@pytest.mark.parametrize(
    "library, remedy",
    [
        ("libgomp.so.1", "apt-get install libgomp1"),
        ("libquadmath.so.0", "apt-get install libquadmath0"),
        ("libGL.so.1", "apt-get install libgl1"),
        ("libgthread-2.0.so.0", "apt-get install libglib2.0-0"),
        ("libunheard-of.so.3", "Install the package that holds libunheard-of.so"),
    ],
)
def test_missing_system_library_is_named_with_its_package(tmp_path, monkeypatch, library, remedy):
    text = f"raise OSError('{library}: cannot open shared object file: No such file or directory')"
    make_package(tmp_path, "lacking", text)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RuntimeUnavailableError) as caught:
        guarded_import("lacking", "OpenCV", "pip install opencv-python")
    assert str(caught.value).startswith(f"OpenCV cannot be imported: {library}: cannot open shared object file")
    assert remedy in str(caught.value)


def test_any_other_failure_names_the_installation(tmp_path, monkeypatch):
    make_package(tmp_path, "broken", "raise ValueError('first line\\nsecond')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RuntimeUnavailableError, match=r"^MXNet cannot be imported: first line\. .*: pip install m\.$"):
        guarded_import("broken", "MXNet", "pip install m")


def test_opencv_missing():
    said = message("from mxgan.runtime import cv2", "-S")
    assert said.startswith("OpenCV is not installed. Install it: pip install opencv-python (or opencv-python-headless")


def test_what_is_left_of_an_opencv_is_none(tmp_path):
    (tmp_path / "cv2").mkdir()
    said = message("from mxgan.runtime import cv2", "-S", **with_folder(tmp_path))
    assert said.startswith("OpenCV is not installed.")


@pytest.mark.parametrize("wheel", ["opencv-python-headless", "opencv-contrib-python"])
def test_the_remedy_is_of_the_opencv_that_is_there(tmp_path, wheel):
    make_package(tmp_path, "cv2", "raise ImportError('numpy.core.multiarray failed to import')")
    make_distribution(tmp_path, wheel)
    said = message("from mxgan.runtime import cv2", "-S", **with_folder(tmp_path))
    assert said.endswith(f"Install it again: pip install --force-reinstall --no-deps {wheel}.")


def test_an_old_opencv_is_refused(tmp_path):
    make_package(tmp_path, "cv2", "__version__ = '4.4.0'")
    said = message("from mxgan.runtime import cv2", "-S", **with_folder(tmp_path))
    assert said == (
        "OpenCV 4.4.0 is too old: mxgan runs with OpenCV 4.5 and newer. Update it: pip install --upgrade opencv-python."
    )


# --- threads ---------------------------------------------------------------------------------------------


@pytest.fixture
def undecided(monkeypatch):
    """The state before MXNet was loaded."""
    monkeypatch.setattr(cpus, "_chosen", None)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("MXNET_OMP_MAX_THREADS", raising=False)
    return monkeypatch


@pytest.mark.parametrize("variable", ["OMP_NUM_THREADS", "MXNET_OMP_MAX_THREADS"])
def test_threads_that_the_user_set(undecided, variable):
    undecided.setenv(variable, " 3 ")
    assert runtime.threads() == runtime.Threads(3, f"{variable} is set")


@pytest.mark.parametrize("text", ["0", "-1", "two", "4,2", "1.5", "10000"])
def test_threads_set_to_nonsense(undecided, text):
    undecided.setenv("OMP_NUM_THREADS", text)
    with pytest.raises(ArgumentError, match=f"^OMP_NUM_THREADS='{text}': MXNet takes one whole number from 1 to 9999"):
        runtime.threads()


@pytest.mark.skipif(not LINUX, reason="affinity is Linux's")
def test_threads_follow_affinity():
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
    code += "from mxgan.runtime import threads; print(threads())"
    assert python(code) == "Threads(count=1, reason='this process may run on 1 CPU')"


@pytest.mark.parametrize("quota, count", [(0.5, 1), (1.0, 1), (2.2, 3), (7.0, 7), (8.0, 8), (64.0, 8), (None, 8)])
def test_threads_follow_the_control_group(undecided, quota, count):
    undecided.setattr(cpus, "_all_cpus", lambda: 8)
    undecided.setattr(cpus, "_cgroup_quota", lambda: quota)
    assert runtime.threads().count == count


@pytest.mark.parametrize(
    "sharers, local_size, quota, count",
    [(1, 1, None, 16), (4, 4, None, 4), (1, 4, None, 16), (1, 4, 8.0, 2), (4, 4, 64.0, 4), (32, 32, None, 1)],
)
def test_ranks_share_the_cpus_and_the_quota(undecided, sharers, local_size, quota, count):
    undecided.setattr(cpus, "_all_cpus", lambda: 16)
    undecided.setattr(cpus, "_cgroup_quota", lambda: quota)
    undecided.setattr(cpus, "world", lambda: World(size=local_size, local_size=local_size, sharers=sharers))
    assert runtime.threads().count == count
    assert cpus.usable_cpus() == max(1, 16 // sharers)


def control_group(root, line, **files):
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(line)
    for name, text in files.items():
        path = root / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize(
    "line, files, expected",
    [
        ("0::/a/b\n", {"a/b/cpu.max": "150000 100000\n"}, 1.5),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "300000 100000\n"}, 3.0),
        ("0::/a/b\n", {"a/b/cpu.max": "400000 100000\n", "a/cpu.max": "300000 100000\n"}, 3.0),
        ("0::/a\n", {"a/cpu.max": "max 100000\n"}, None),
        ("0::/\n", {"cpu.max": "50000 100000\n"}, 0.5),
        (
            "0::/elsewhere\n",
            {"cpu.max": "200000 100000\n"},
            2.0,
        ),  # a container that sees its own group as the root
        ("0::/a\n", {"unified/a/cpu.max": "250000 100000\n"}, 2.5),
        (
            "4:cpu,cpuacct:/d\n1:name=systemd:/d\n",
            {"cpu,cpuacct/d/cpu.cfs_quota_us": "120000\n", "cpu,cpuacct/d/cpu.cfs_period_us": "100000\n"},
            1.2,
        ),
        ("4:cpu:/d\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ("4:memory:/d\n", {"memory/d/cpu.max": "100000 100000\n"}, None),
        ("nonsense\n", {}, None),
        ("0::/a\n", {"a/cpu.max": "nonsense\n"}, None),
    ],
)
def test_control_group_quota(tmp_path, line, files, expected):
    control_group(tmp_path, line, **files)
    assert cpus._cgroup_quota(tmp_path) == expected


def test_no_control_groups(tmp_path):
    assert cpus._cgroup_quota(tmp_path) is None


COUNT_TASKS = """
{before}
from mxgan.runtime import mx, threads
x, w = mx.nd.ones((32, 64, 16, 16)), mx.nd.ones((64, 64, 3, 3))
mx.nd.Convolution(x, w, kernel=(3, 3), num_filter=64, no_bias=True).wait_to_read()
import os
print(threads().count, len(os.listdir("/proc/self/task")))"""
LOAD_OPENMP = 'import ctypes; ctypes.CDLL("libgomp.so.1").omp_get_max_threads()'
SET_LATE = f'import os; {LOAD_OPENMP}; os.environ["OMP_NUM_THREADS"] = "1"'


def tasks(before="", **variables):
    return [int(word) for word in python(COUNT_TASKS.format(before=before), **variables).split()]


@pytest.mark.long
@pytest.mark.skipif(not LINUX or cpus.usable_cpus() < 2, reason="needs Linux and two CPUs")
@pytest.mark.parametrize("before", ["", LOAD_OPENMP], ids=["alone", "OpenMP loaded before"])
def test_mxnet_really_uses_that_many_threads(before):
    count_one, tasks_one = tasks(before, MXNET_OMP_MAX_THREADS="1")
    count_two, tasks_two = tasks(before, MXNET_OMP_MAX_THREADS="2")
    assert (count_one, count_two) == (1, 2)
    assert tasks_two == tasks_one + 1  # one more in the team of the thread that computes


@pytest.mark.long
@pytest.mark.skipif(not LINUX or cpus.usable_cpus() < 2, reason="needs Linux and two CPUs")
def test_a_number_set_too_late_for_openmp_still_reaches_mxnet():
    assert tasks(SET_LATE) == tasks(LOAD_OPENMP, MXNET_OMP_MAX_THREADS="1")


@pytest.mark.long
@pytest.mark.skipif(not LINUX, reason="libgomp is Linux's")
def test_more_threads_than_openmp_was_started_with_are_not_claimed():
    code = f"import os; {LOAD_OPENMP}; os.environ['OMP_NUM_THREADS'] = '500'\n"
    code += "from mxgan.runtime import mx, threads; print(threads().count == len(os.sched_getaffinity(0)))"
    assert python(code) == "True"


# --- GPUs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "capability, supported",
    [
        *(((major, minor), True) for major, minor in [(5, 0), (5, 2), (6, 1), (7, 0), (7, 5), (8, 0), (8, 6), (8, 9)]),
        *(((major, minor), False) for major, minor in [(3, 7), (9, 0), (10, 0), (12, 0)]),
    ],
)
def test_architectures_that_the_wheel_has_code_for(capability, supported):
    assert nvidia.Gpu(0, "any", capability).supported is supported


def test_gpus_as_the_driver_lists_them(stub_driver):
    listed = message("print(*nvidia.gpus(), sep='\\n')", LD_LIBRARY_PATH=stub_driver, STUB_GPUS="70,90")
    assert listed.splitlines() == [
        "0: Stub 0 (compute capability 7.0)",
        "1: Stub 1 (compute capability 9.0)",
    ]


def test_gpu_of_an_architecture_without_code_is_named(stub_driver):
    code = "nvidia.require_machine_code(nvidia.gpus()[1])"
    said = message(code, LD_LIBRARY_PATH=stub_driver, STUB_GPUS="70,90")
    assert said.startswith("GPU 1: Stub 1 (compute capability 9.0) cannot be used")
    assert message(code, LD_LIBRARY_PATH=stub_driver, STUB_GPUS="70,86") == ""


@pytest.mark.parametrize(
    "variables, said",
    [
        ({}, "[]"),
        ({"STUB_VERSION": "10020"}, "NVIDIA's driver knows CUDA 10.2; mxnet-cu112 needs CUDA 11 or later."),
        ({"STUB_INIT": "803"}, "NVIDIA's driver is installed but does not work: cuInit returned CUDA error 803."),
    ],
)
def test_driver_without_gpu_too_old_or_broken(stub_driver, variables, said):
    assert message("print(nvidia.gpus())", LD_LIBRARY_PATH=stub_driver, **variables).startswith(said)


def test_missing_driver_names_the_way_to_the_cpu(tmp_path):
    (tmp_path / "libcuda.so.1").write_text("not a library")  # hides a real one
    said = message("nvidia.driver()", LD_LIBRARY_PATH=str(tmp_path))
    if not said:
        pytest.skip("this machine's loader found a real driver all the same")
    assert "libcuda.so.1 cannot be loaded" in said
    assert said.endswith("then pip install --no-deps mxnet==1.9.1.")


def test_cuda_libraries_are_loaded_by_full_path_in_an_order_that_works(tmp_path):
    libraries = tmp_path / "nvidia/cublas/lib"
    light, full = libraries / "libcublasLt.so.11", libraries / "libcublas.so.11"
    compile_library(light, "int light(void) { return 7; }")
    # No run path: the loader finds the first only if it is loaded already.
    compile_library(full, "int light(void); int full(void) { return light(); }", str(light))
    code = "import ctypes\nprint(*[p.name for p in nvidia.preload_libraries()])\n"
    code += "print(ctypes.CDLL('libcublas.so.11').full())"
    said = message(code, "-S", LD_LIBRARY_PATH=None, **with_folder(tmp_path))
    assert said.splitlines() == ["libcublasLt.so.11 libcublas.so.11", "7"]


def test_cuda_library_that_is_broken_is_named(tmp_path):
    path = tmp_path / "nvidia/cudnn/lib/libcudnn.so.8"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\x7fELF, cut short")
    said = message("nvidia.preload_libraries()", "-S", **with_folder(tmp_path))
    assert said.startswith("the CUDA library libcudnn.so.8 cannot be loaded: ")


# --- contexts and versions -------------------------------------------------------------------------------


def test_no_gpu_asked_for_is_the_cpu():
    from mxgan.runtime import mx

    assert runtime.contexts() == [mx.cpu()]


@pytest.mark.parametrize("given", ["", "a", "0;1", "-1", "0,", "1.0", "cpu", [], [-1], [0.5], [True], 0])
def test_gpu_lists_that_are_none(given):
    with pytest.raises(ArgumentError, match="give GPU numbers from 0 with commas between them, such as 0 or 0,1"):
        runtime.contexts(given)


@pytest.mark.parametrize("given", ["0,0", [1, 1], "00,0"])
def test_gpu_named_twice(given):
    with pytest.raises(ArgumentError, match="a GPU is named twice"):
        runtime.contexts(given)


@pytest.mark.skipif(runtime.wheel() != "mxnet", reason="for the CPU wheel")
@pytest.mark.parametrize("given, shown", [("0,1", "0,1"), (" 0 , 2 ", "0,2"), ([3], "3")])
def test_gpu_with_the_cpu_wheel(given, shown):
    with pytest.raises(
        RuntimeUnavailableError, match=rf"^--gpu {shown} was asked for, but .* CPU only\. .*\.\[cu112\]"
    ):
        runtime.contexts(given)


@pytest.mark.skipif(runtime.wheel() != "mxnet-cu112", reason="for the CUDA wheel, with a driver")
def test_gpu_that_is_not_there():
    with pytest.raises(ArgumentError, match="there is no GPU 999"):
        runtime.contexts("999")


def test_versions_go_into_json_and_name_what_bits_depend_on():
    recorded = json.loads(json.dumps(runtime.versions()))
    assert set(recorded) == {
        *("mxgan", "mxnet", "wheel", "numpy", "opencv", "python", "platform", "threads", "cpu_features"),
        *("kernel_variables", "numba"),
    }
    assert recorded["mxnet"] == "1.9.1"
    assert recorded["threads"]["count"] == runtime.threads().count >= 1
