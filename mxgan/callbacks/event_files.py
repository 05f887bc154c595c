"""`EventFile`: a file of events that TensorBoard reads, and the summaries in it.

The package tensorboardX has the protocol, the checksum, and the summaries of text and of hyper-parameters. Its
SummaryWriter is not used. It writes in a thread: a full disk ends this thread without a word, and the training then
waits without end for a place in its queue.
"""

from __future__ import annotations

import importlib
import io
import struct
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Optional

from PIL import Image

from mxgan.errors import OutputError
from mxgan.runtime.extras import needed
from mxgan.runtime.line_file import GrowingFile

__all__ = ["EventFile", "tensorboard_modules"]

VERSION = "brain.Event:2"  # of the protocol; since this one, a START of a session hides what an earlier one wrote

# tensorboardX imports these if they are installed, for what is not used here. That of PyTorch alone takes seconds and
# hundreds of megabytes; comet_ml changes other packages.
_UNUSED = ("torch", "comet_ml", "boto3")


class _Modules(NamedTuple):
    """The parts of tensorboardX that are used."""

    events: Any
    summaries: Any
    checksum: Any


def tensorboard_modules() -> _Modules:
    """The parts of tensorboardX; RuntimeUnavailableError, which names the extra, if it cannot be imported."""
    with _hidden(name for name in _UNUSED if name not in sys.modules):
        needed("tensorboardX", "tensorboard", "Event files for TensorBoard are")
    return _Modules(
        importlib.import_module("tensorboardX.proto.event_pb2"),
        importlib.import_module("tensorboardX.summary"),
        importlib.import_module("tensorboardX.record_writer").masked_crc32c,
    )


@contextmanager
def _hidden(names) -> Iterator[None]:
    """Make each `import` of these modules an ImportError during the block."""
    names = list(names)
    sys.modules.update(dict.fromkeys(names))  # None stands for a module that cannot be imported
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]


class EventFile:
    """A file of events; each call appends all of its events or, with an OutputError, none.

    Parameters
    ----------
    folder : gets the file `events.out.tfevents.NUMBER`, with a number above those of all files in it: TensorBoard reads
        them in the order of their names.
    """

    def __init__(self, folder: Path) -> None:
        self._modules = tensorboard_modules()
        try:
            numbers = [path.name.rpartition(".")[2] for path in folder.glob("events.out.tfevents.*")]
        except OSError as error:
            raise OutputError(f"{folder} cannot be read: {error.strerror}. Allow reading it.") from error
        last = max((int(number) for number in numbers if number.isascii() and number.isdigit()), default=0)
        self._file = GrowingFile(folder / f"events.out.tfevents.{last + 1:010d}")
        self._extend([self._modules.events.Event(wall_time=time.time(), file_version=VERSION)])

    def begin(self, step: int) -> None:
        """Begin a session: TensorBoard hides all that was written before of this step and of later ones."""
        session = self._modules.events.SessionLog(status=self._modules.events.SessionLog.START)
        self._extend([self._modules.events.Event(wall_time=time.time(), step=step, session_log=session)])

    def add(self, step: int, summaries: Sequence, when: Optional[float] = None) -> None:
        """Append the events of these summaries; `when`: seconds since 1970, None for now."""
        when = time.time() if when is None else when
        self._extend([self._modules.events.Event(wall_time=when, step=step, summary=each) for each in summaries])

    def sync(self) -> None:
        """Wait until the events are on the disk."""
        self._file.sync()

    def scalars(self, values: Mapping[str, float]):
        """The summary of {tag: number}."""
        summary = self._modules.summaries.Summary
        return summary(value=[summary.Value(tag=tag, simple_value=value) for tag, value in values.items()])

    def picture(self, tag: str, content: bytes):
        """The summary of an image; `content` is the file, which stays as it is. OSError if it is no image."""
        summary = self._modules.summaries.Summary
        with Image.open(io.BytesIO(content)) as image:
            (width, height), channels = image.size, len(image.getbands())
        found = summary.Image(height=height, width=width, colorspace=channels, encoded_image_string=content)
        return summary(value=[summary.Value(tag=tag, image=found)])

    def text(self, tag: str, content: str):
        """The summary of a text in Markdown."""
        return self._modules.summaries.text(tag, content)

    def settings(self, values: Mapping[str, Any], metrics: Sequence[str]) -> tuple:
        """(experiment, begin, end): the summaries of hyper-parameters.

        Parameters
        ----------
        values : {setting: text, number, bool or None}. metrics : the tags of the scalars that TensorBoard shows beside
            them, each with its last value.
        """
        return self._modules.summaries.hparams(dict(values), dict.fromkeys(metrics))

    def _extend(self, events: Sequence) -> None:
        records = (event.SerializeToString() for event in events)
        self._file.extend(b"".join(map(self._framed, records)))

    def _framed(self, record: bytes) -> bytes:
        """A record of the format TFRecord: its length and its bytes, each with a checksum."""
        length = struct.pack("<Q", len(record))
        first, second = (struct.pack("<I", self._modules.checksum(part)) for part in (length, record))
        return length + first + record + second
