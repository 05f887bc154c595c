"""Package metadata. Tool settings are in pyproject.toml, the version in mxgan/version.py."""

import re
import sys
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).resolve().parent

# pip 24 reads a local tree's python_requires only after it has tried for many minutes to compile NumPy 1.
if not (3, 9) <= sys.version_info[:2] <= (3, 12):
    sys.exit(f"mxgan needs Python 3.9 to 3.12, for MXNet 1.9.1 and NumPy 1; this is {sys.version.split()[0]}.")


def version():
    """Read the version without importing the package, which may not be installable yet."""
    text = (HERE / "mxgan" / "version.py").read_text(encoding="utf-8")
    return re.search(r'^__version__ = "([^"]+)"$', text, flags=re.MULTILINE).group(1)


def long_description():
    readme = HERE / "README.md"
    return readme.read_text(encoding="utf-8") if readme.exists() else ""


# Upper bounds stand only where a break is known; each says which.
BASE = [
    # MXNet 1.9.1 is compiled against NumPy 1 and uses names that NumPy 2 removed.
    "numpy>=1.22,<2",
    # From 4.12 on OpenCV's wheels want NumPy 2 on Python 3.9 and later.
    "opencv-python>=4.5.5,<4.12",
    "matplotlib>=3.5",
    "scikit-learn>=1.0",
    "scipy>=1.7",
    "tqdm>=4.60",
    "click>=8.0",
    "requests>=2.20",
    "Pillow>=9.0",
    # MXNet imports distutils, which left the standard library in Python 3.12; setuptools brings it along.
    'setuptools; python_version >= "3.12"',
]

# MXNet is in no base requirement: its CPU and CUDA wheels own the same folder, and pip would install both.
CPU = ["mxnet==1.9.1"]

# mxnet-cu112 and every CUDA library that it loads, so that a driver is all the system must have.
CU112 = [
    "mxnet-cu112==1.9.1",
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
BENCH = ['torch==2.13.0; python_version >= "3.10"', "onnx>=1.13.1,<1.19", "onnxruntime>=1.14"]

# FID by the user's own Inception network.
ONNX = ["onnxruntime>=1.14"]

TEST = ["pytest>=7.0", "ruff>=0.5", "onnx>=1.13.1,<1.19", *ONNX]

setup(
    name="mxgan",
    version=version(),
    description="Generative adversarial networks on MXNet's symbolic Module API",
    long_description=long_description(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    packages=find_packages(include=["mxgan", "mxgan.*"]),
    python_requires=">=3.9,<3.13",  # NumPy 1 has no wheels for 3.13
    install_requires=BASE,
    extras_require={"cpu": CPU, "cu112": CU112, "bench": BENCH, "onnx": ONNX, "test": TEST},
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
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
