import errno
import gzip
import hashlib
import multiprocessing
import os
import socket
import sys
import time

import numpy as np
import pytest

from mxgan.data.download import Limits, RemoteFile, _by_fault, _in_short, download
from mxgan.errors import DownloadError
from tests.data.mirror import running_mirror

CONTENT = np.random.default_rng(0).integers(0, 256, 150_000).astype(np.uint8).tobytes()
PACKED = gzip.compress(CONTENT, mtime=0)
REMOTE = RemoteFile("file.gz", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
QUICK = Limits(connect=10, read=2, stall=0.6, stall_bytes=5_000)


@pytest.fixture(scope="module")
def server():
    other = gzip.compress(CONTENT[::-1], mtime=0)
    with running_mirror({"file.gz": PACKED, "other": other}) as running:
        yield running


@pytest.fixture
def mirror(server):
    server.requests.clear()
    return server


def fetch(mirror, folder, *behaviours, remote=REMOTE):
    return download(remote, folder, [mirror.base(b) for b in behaviours], limits=QUICK, progress=False)


def on_disk(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


@pytest.mark.parametrize("behaviour", ["good", "no-range", "no-length", "says-encoded"])
def test_arrives_whole(mirror, tmp_path, behaviour):
    path = fetch(mirror, tmp_path / "new" / "folder", behaviour)
    assert path == tmp_path / "new" / "folder" / "file.gz"
    assert path.read_bytes() == PACKED
    assert on_disk(path.parent) == ["file.gz"]


FAULTS = {
    "missing": "HTTP 404 Not Found",
    "broken": "HTTP 500",
    "html": "sent text/html, not a gzip file",
    "truncates": r"IncompleteRead\(\d+ bytes read",
    "claims-less": "broken gzip file",
    "claims-more": r"IncompleteRead\(\d+ bytes read, 1000 more expected",
    "other": "sha256 is not the known one",
    "flipped": "broken gzip file|sha256 is not",
    "endless": "sent more than",
    "stalls": "timed out",
    "silent": "timed out",
    "trickles": r"stalled: \d+ bytes",
}


@pytest.mark.long
@pytest.mark.parametrize("behaviour", FAULTS)
def test_a_faulty_mirror_is_named_and_leaves_no_file(mirror, tmp_path, behaviour):
    began = time.monotonic()
    with pytest.raises(DownloadError, match=FAULTS[behaviour]) as caught:
        fetch(mirror, tmp_path, behaviour)
    assert time.monotonic() - began < 15  # a mirror that stalls does so for 20 s
    assert f"{mirror.base(behaviour).split('/')[2]}: " in str(caught.value)
    assert set(on_disk(tmp_path)) <= {"file.gz.part"}


@pytest.mark.parametrize("behaviour", FAULTS)
def test_the_next_mirror_is_tried(mirror, tmp_path, behaviour):
    path = fetch(mirror, tmp_path, behaviour, "good")
    assert path.read_bytes() == PACKED
    assert on_disk(tmp_path) == ["file.gz"]


def test_what_is_wrong_is_not_kept_to_go_on_with(mirror, tmp_path):
    for behaviour in ("html", "other", "flipped", "claims-less"):
        with pytest.raises(DownloadError):
            fetch(mirror, tmp_path, behaviour)
        assert on_disk(tmp_path) == []


def test_goes_on_where_it_broke_off(mirror, tmp_path):
    (tmp_path / "file.gz.part").write_bytes(PACKED[:70_000])
    assert fetch(mirror, tmp_path, "good").read_bytes() == PACKED
    assert mirror.requests == [("good", "bytes=70000-")]


def test_goes_on_at_another_mirror(mirror, tmp_path):
    assert fetch(mirror, tmp_path, "truncates", "good").read_bytes() == PACKED
    assert mirror.requests == [("truncates", None), ("good", f"bytes={len(PACKED) // 2}-")]


@pytest.mark.parametrize("behaviour", ["no-range", "good"])
def test_a_part_of_something_else_is_dropped(mirror, tmp_path, behaviour):
    (tmp_path / "file.gz.part").write_bytes(b"\x1f\x8b" + bytes(50_000))
    assert fetch(mirror, tmp_path, behaviour).read_bytes() == PACKED


def test_a_part_that_is_already_whole(mirror, tmp_path):
    (tmp_path / "file.gz.part").write_bytes(PACKED)
    assert fetch(mirror, tmp_path, "good").read_bytes() == PACKED
    assert mirror.requests == [("good", f"bytes={len(PACKED)}-")]


def test_a_part_that_is_too_long(mirror, tmp_path):
    (tmp_path / "file.gz.part").write_bytes(PACKED + b"more")
    assert fetch(mirror, tmp_path, "good").read_bytes() == PACKED


def test_an_answer_with_another_range_is_refused(mirror, tmp_path):
    (tmp_path / "file.gz.part").write_bytes(PACKED[:1000])
    with pytest.raises(DownloadError, match="a range that was not requested"):
        fetch(mirror, tmp_path, "wrong-range")


def test_a_file_that_is_there_is_not_fetched(mirror, tmp_path):
    (tmp_path / "file.gz").write_bytes(b"anything")
    assert fetch(mirror, tmp_path, "good").read_bytes() == b"anything"
    assert mirror.requests == []


def test_nobody_listens(tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}/"
    with pytest.raises(DownloadError, match=r"file.gz could not be fetched \(.*Connection refused"):
        download(REMOTE, tmp_path, [address], limits=QUICK, progress=False)


def test_every_fault_is_told_in_one_error(mirror, tmp_path):
    with pytest.raises(DownloadError) as caught:
        fetch(mirror, tmp_path, "missing", "html", "broken")
    text = str(caught.value)
    assert "404" in text
    assert "text/html" in text
    assert "500" in text
    assert "\n" not in text


def test_mirrors_with_the_same_fault_are_told_together():
    """A machine without internet: three lines of the same words were one line of 600 characters."""
    resolution = OSError("Failed to resolve 'a.example' ([Errno -3] Temporary failure in name resolution)")
    assert _in_short(resolution) == "its name cannot be resolved"
    faults = [("https://a.example/x/", "no name"), ("http://b.example/", "HTTP 404"), ("https://c.example/", "no name")]
    assert _by_fault(faults) == "a.example, c.example: no name; b.example: HTTP 404"


def test_a_folder_that_cannot_be_made(mirror, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DownloadError, match="file/folder cannot be written: Not a directory"):
        fetch(mirror, tmp_path / "file" / "folder", "good")


def _fetch_with_small_disk(address, folder, answer):
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))  # writes beyond fail as on a full disk
    try:
        download(REMOTE, folder, [address], limits=QUICK, progress=False)
    except DownloadError as error:
        answer.put(str(error))


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="RLIMIT_FSIZE is a Unix limit")
def test_a_full_disk_is_named_and_given_back(mirror, tmp_path):
    fork = multiprocessing.get_context("spawn")
    answer = fork.Queue()
    child = fork.Process(target=_fetch_with_small_disk, args=(mirror.base("good"), tmp_path, answer))
    child.start()
    message = answer.get(timeout=60)
    child.join()
    assert message == f"{tmp_path} cannot be written: {os.strerror(errno.EFBIG)}."
    assert on_disk(tmp_path) == []


def _fetch_together(address, folder, answer):
    answer.put(download(REMOTE, folder, [address], limits=Limits(), progress=False).read_bytes() == PACKED)


@pytest.mark.long
def test_two_processes_do_not_mix_their_bytes(mirror, tmp_path):
    fork = multiprocessing.get_context("spawn")
    answer = fork.Queue()
    children = [fork.Process(target=_fetch_together, args=(mirror.base("good"), tmp_path, answer)) for _ in range(2)]
    for child in children:
        child.start()
    assert [answer.get(timeout=60) for _ in children] == [True, True]
    for child in children:
        child.join()
    assert mirror.requests == [("good", None)]
