"""Networks in files of ONNX, run by onnxruntime on the CPU."""

from __future__ import annotations

import os
from pathlib import Path

from mxgan.errors import CorruptFileError, first_line
from mxgan.runtime.cpus import threads
from mxgan.runtime.extras import needed

__all__ = ["onnx_session"]

EXTERNAL_WEIGHTS = "session.model_external_initializers_file_folder_path"


def onnx_session(content: bytes, path: Path):
    """An onnxruntime.InferenceSession of a file's content, on the threads that mxgan uses.

    Parameters
    ----------
    path : of the file, for the message; nothing is read from it or beside it.

    Raises
    ------
    RuntimeUnavailableError : onnxruntime is not installed.
    CorruptFileError : onnxruntime cannot run the file, or its weights are in other files.
    """
    runtime = needed("onnxruntime", "onnx", "A file of ONNX is")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads().count
    options.log_severity_level = 4  # no log output: errors are raised
    # Weights in other files are refused: no fingerprint covers them. This path cannot exist, so they are not found.
    options.add_session_config_entry(EXTERNAL_WEIGHTS, f"{os.devnull}/nothing")
    try:
        return runtime.InferenceSession(content, sess_options=options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has many error classes
        raise CorruptFileError(
            path, f"is not an ONNX file that runs and contains its weights: {first_line(error)}"
        ) from error
