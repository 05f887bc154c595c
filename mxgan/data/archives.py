"""Images in a zip archive, read without unpacking it to disk.

Only stored and deflated files are read: their size while unpacking has a bound, that of bzip2 and LZMA has none here.
"""

from __future__ import annotations

import logging
import os
import stat
import zipfile
from operator import itemgetter
from pathlib import Path

from mxgan.errors import CorruptFileError, DatasetError, DatasetNotFoundError, counted, listed

__all__ = ["LABEL_FILES", "Archive", "archive_hint", "has_image_suffix", "is_archive", "unreadable_archive"]

logger = logging.getLogger(__name__)

LABEL_FILES = ("dataset.json", "labels.csv")  # found by themselves in the top folder; the first one wins

# An unreadable file with one of these suffixes is broken; with another suffix it is ignored (notes, labels, an index).
_SUFFIXES = frozenset(
    f".{ending}"
    for ending in (
        *("jpg", "jpeg", "jpe", "jfif", "png", "apng", "bmp", "dib", "gif", "webp", "tif", "tiff"),
        *("ppm", "pgm", "pbm", "pnm", "jp2", "j2k", "jxl", "avif", "heic", "heif", "tga", "psd", "exr", "hdr"),
    )
)
_UNPACKED = 24 * 2**20  # a higher rate is a bomb: at most this, plus twice its size in the archive, is unpacked
_READ = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_METHODS = {9: "deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "XZ", 99: "AES"}  # for the message
_ENCRYPTED, _UTF8 = 0x1, 0x800  # bits of `ZipInfo.flag_bits`
_OTHERS = (".tar", ".tgz", ".tbz2", ".txz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar")
_REMEDY = "Fetch it, or make it, again."


def has_image_suffix(path: Path) -> bool:
    """Whether the suffix of a file says that it is an image."""
    return path.suffix.lower() in _SUFFIXES


class Archive:
    """The files in a zip archive; the same things as of `places.Folder`.

    A member's path is the archive's path with the member's name behind it. Folders, hidden names, `__MACOSX` and names
    with ".." are left out; of two members with one name, the later one counts, as after unpacking.

    Attributes
    ----------
    path : the archive.
    top : the folder inside that counts as the top, the path itself in general. If all images are in one folder, and
        that has several subfolders with images, or a labels file, it is that folder: archives are often made so.
    files : the paths of the members under `top`, sorted by their parts.

    Raises
    ------
    CorruptFileError : no zip archive, or a broken or hostile one.
    DatasetNotFoundError : the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._stream = path.open("rb")
        except OSError as error:
            raise DatasetNotFoundError(f"{path} cannot be read: {error.strerror or error}.") from error
        try:
            self._opened = self._status()
            self._zip = zipfile.ZipFile(self._stream)
        except Exception as error:  # zipfile raises many types on broken archives
            self._stream.close()
            raise CorruptFileError(path, f"is no whole zip archive ({error})", remedy=_REMEDY) from error
        members = self._zip.infolist()
        if sum(member.compress_size for member in members) > self._opened[0]:
            self.close()
            raise CorruptFileError(path, "claims more bytes in its files than it has itself", remedy=_REMEDY)
        named = _named(members, path)
        top = _top(named)
        named = {parts: member for parts, member in named.items() if parts[: len(top)] == top}
        self.top = path.joinpath(*top)
        if self.top != path:
            logger.info("%s has all images in the folder %s, which is taken as its top", path, self.top.name)
        # In the order of paths, which is that of their parts.
        self._members = {path.joinpath(*parts): member for parts, member in sorted(named.items(), key=itemgetter(0))}
        self.files = list(self._members)

    def state(self, file: Path) -> tuple:
        """What tells that a file has changed, for the key of a cache."""
        member = self._members[file]
        return member.file_size, member.CRC, member.compress_type, self._opened

    def source(self, file: Path, most: int) -> bytes:
        """What `read_header` reads: the bytes; see `read`."""
        return self.read(file, most)

    def read(self, file: Path, most: int) -> bytes:
        """The bytes of a member, at most `most`. Call it from one thread only.

        Raises
        ------
        DatasetError : it cannot be read, or not safely. The message is only the reason.
        CorruptFileError : the archive was changed since it was opened.
        """
        member = self._members[file]
        _check(member, most)
        try:
            with self._zip.open(member) as stream:
                # With a size, zipfile unpacks no more than that, whatever the member holds; its CRC comes last.
                content = stream.read(member.file_size)
                whole = len(content) == member.file_size and not stream.read(1)
            reason = "" if whole else "its size is not the size claimed"
        except Exception as error:  # as in `__init__`
            reason = str(error) or type(error).__name__
        if self._status() != self._opened:
            raise CorruptFileError(self.path, "was changed while it was read", remedy="Start again.")
        if reason:
            raise DatasetError(f"broken in the archive ({reason})")
        return content

    def _status(self) -> tuple:
        status = os.fstat(self._stream.fileno())
        return status.st_size, status.st_mtime_ns

    def close(self) -> None:
        """Close the file."""
        self._zip.close()
        self._stream.close()


def _named(members: list, path: Path) -> dict:
    """{parts of its name: member} of the files that are neither hidden nor outside."""
    found: dict = {}
    outside, twice = [], []
    for member in members:
        name = _name(member)
        parts = tuple(part for part in name.split("/") if part not in ("", "."))
        if ".." in parts:
            outside.append(name)
        if not parts or name.endswith("/") or any(part[0] == "." or part == "__MACOSX" for part in parts):
            continue
        if parts in found:
            twice.append(name)
        found[parts] = member
    for names, fault in ((outside, 'left out because of ".."'), (twice, "found twice, the last file counts")):
        if names:
            logger.warning("%s: %s %s: %s", path, counted(len(names), "name"), fault, listed(names, 3))
    return found


def _top(named: dict) -> tuple:
    """The parts of the folder that counts as the top, see `Archive.top`."""
    # Notes and licences beside the folder do not count; images may have no suffix at all.
    counting = [parts for parts in named if parts[-1] in LABEL_FILES or has_image_suffix(Path(parts[-1]))] or named
    if len({parts[0] for parts in counting}) != 1 or any(len(parts) == 1 for parts in counting):
        return ()
    subfolders = {parts[1] for parts in counting if len(parts) > 2}
    has_labels = any(len(parts) == 2 and parts[1] in LABEL_FILES for parts in counting)
    return next(iter(counting))[:1] if len(subfolders) > 1 or has_labels else ()


def _name(member: zipfile.ZipInfo) -> str:
    """A member's name with "/" between its parts, in UTF-8 where it is that without saying so, as macOS writes it."""
    name = member.filename
    if not member.flag_bits & _UTF8:
        try:
            name = name.encode("cp437").decode("utf-8")
        except UnicodeError:
            name = member.filename
    return name if "/" in name else name.replace("\\", "/")  # some programs for Windows write "\"


def _check(member: zipfile.ZipInfo, most: int) -> None:
    """Raise DatasetError with the reason if a member is not to be opened."""
    if member.flag_bits & _ENCRYPTED:
        raise DatasetError("encrypted; unpack the archive with its password")
    if member.compress_type not in _READ:
        method = _METHODS.get(member.compress_type, f"method {member.compress_type}")
        raise DatasetError(f"packed by {method}; only stored and deflated files are read")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise DatasetError("a link, which is not followed inside an archive")
    room = min(most, _UNPACKED + 2 * member.compress_size)
    if member.file_size > room:
        sizes = [f"{size / 1e6:.1f} MB" for size in (member.compress_size, member.file_size, room)]
        raise DatasetError("its {} unpack to {}, and {} are allowed; unpack the archive yourself".format(*sizes))


def is_archive(path: Path) -> bool:
    """Whether a file is a zip archive by its name or its content."""
    return path.is_file() and (path.suffix.lower() == ".zip" or zipfile.is_zipfile(path))


def archive_hint(path: Path) -> str:
    """A sentence on what to do with an archive for a reader that takes none; "" for any other path."""
    if path.suffix.lower() == ".zip" and path.is_file():
        return "A zip archive of images is read by the data set 'folder' (--dataset folder)."
    return unreadable_archive(path)


def unreadable_archive(path: Path) -> str:
    """A sentence on what to do with an archive that is no zip, by its name; "" for any other path."""
    if path.suffix.lower() in _OTHERS and path.is_file():
        return f"Archives of the kind {path.suffix} are not read: unpack it, or make a zip archive of its files."
    return ""
