"""Windows on a virtual X display, and the failures that can happen there."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import mxgan
from mxgan.errors import ArgumentError, DisplayError
from mxgan.pictures import windows
from mxgan.pictures.grid import image_grid
from mxgan.pictures.windows import Display
from mxgan.runtime import x11
from mxgan.training.callback import Callback
from tests.support import assert_same, is_alive, params_of, tiny_config

SAME_PATH = "import sys; sys.path[:] = sys.argv[1:]\n"
NO_SERVER = ":987"  # a display number that nobody serves
# The last one on a bare machine.
NO_WINDOW = "could not connect to display :987|the display :987 does not answer|Qt's X11 plugin lacks a system library"

RED = np.concatenate([np.ones((1, 1, 8, 8)), -np.ones((1, 2, 8, 8))], axis=1).astype(np.float32)
GREEN = RED[:, [1, 0, 2]]
BLUE = RED[:, [1, 2, 0]]


# --- windows: where there is no display


def run_on_terminal(code, **environment):
    """Run Python code with standard output on a pseudo terminal; returns exit status, output and errors."""
    master, slave = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", SAME_PATH + code, *sys.path],
        stdout=slave,
        stderr=subprocess.PIPE,
        env={**without_display(), **environment},
    ) as process:
        os.close(slave)
        errors = process.stderr.read().decode()
    os.close(master)
    return process.returncode, errors


def without_display():
    return {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}


AUTO = """
import logging
logging.basicConfig(level=logging.INFO, format="%(message)s")
import numpy as np
from mxgan.pictures.windows import Display
with Display("auto", saved_to="runs/a/samples") as display:
    display.show("gout", np.zeros((8, 8, 3), np.uint8))
    assert not display.is_open
"""


def test_on_a_terminal_without_display_one_line_says_where_pictures_go():
    status, errors = run_on_terminal(AUTO)
    assert (status, errors) == (0, "No windows (DISPLAY is not set); pictures go to runs/a/samples.\n")


def test_a_display_that_does_not_answer_ends_nothing():
    status, errors = run_on_terminal(AUTO, DISPLAY=NO_SERVER)
    assert status == 0
    assert errors.count("\n") == 1
    assert re.search(rf"({NO_WINDOW})[^)]*\); pictures go to runs/a/samples\.", errors)


def test_without_a_terminal_no_window_is_tried(monkeypatch, caplog, capsys):
    monkeypatch.setenv("DISPLAY", NO_SERVER)
    with caplog.at_level(logging.INFO), Display(saved_to="out") as display:
        assert not display.is_open
    assert caplog.messages == ["No windows (standard output is not a terminal); pictures go to out."]


def test_a_window_that_is_insisted_on_is_an_error_with_a_remedy(monkeypatch):
    monkeypatch.setenv("DISPLAY", NO_SERVER)
    with pytest.raises(DisplayError, match=rf"({NO_WINDOW}).*or choose 'none'"):
        Display("window")


def test_a_display_that_is_not_set_is_the_reason(monkeypatch):
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(DisplayError, match="DISPLAY is not set"):
        Display("window")


def test_mode_none_says_nothing_and_unknown_modes_are_refused(caplog):
    with caplog.at_level(logging.INFO):
        Display("none").show("gout", np.zeros((8, 8, 3), np.uint8))
    assert not caplog.messages
    with pytest.raises(ArgumentError, match="unknown display mode 'windows'; did you mean 'window'"):
        Display("windows")


# --- windows: on a virtual X display


class VirtualScreen:
    """An Xvfb of its own, with eyes (its frame buffer is a file) and a hand (libX11) that closes windows.

    The hand's connection stays open, as those of a desktop do. Without any, `alone`, the server starts anew when its
    last program closes, and may refuse the next one.
    """

    def __init__(self, folder: Path, alone: bool = False) -> None:
        self.folder = folder
        reader, writer = os.pipe()
        options = ["-fbdir", str(folder), "-screen", "0", "1280x600x24", "-nocursor", "-nolisten", "tcp"]
        self.server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writer), *options], pass_fds=[writer], stderr=subprocess.DEVNULL
        )
        os.close(writer)
        with os.fdopen(reader) as pipe:
            self.name = f":{pipe.readline().strip()}"
        self.hand = None if alone else Xlib(self.name)

    def close(self) -> None:
        self.server.kill()
        self.server.wait()

    def pixels(self) -> np.ndarray:
        """What is on the screen, (H, W, 3) RGB: the frame buffer is in the XWD format."""
        data = (self.folder / "Xvfb_screen0").read_bytes()
        header = struct.unpack(">25I", data[:100])
        size, width, height, byte_order, bits, stride, colours = (header[i] for i in (0, 4, 5, 7, 11, 12, 19))
        assert (bits, header[14:17]) == (32, (0xFF0000, 0xFF00, 0xFF))
        rows = np.frombuffer(data, np.uint8, height * stride, size + 12 * colours).reshape(height, stride)
        rows = rows.reshape(height, -1, 4)[:, :width]
        return rows[..., 2::-1] if byte_order == 0 else rows[..., 1:]

    def windows(self) -> dict:
        """Title to identifier of every mapped top-level window that has a title."""
        return self.hand.titles()

    def close_window(self, title: str) -> None:
        """What a click on the cross in the title bar does."""
        self.hand.ask_to_close(self.windows()[title])


@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
def ignore_x_error(display, error):
    """A window may vanish while it is looked at; Xlib's own handler would end the test run for that."""
    return 0


class Xlib:
    """The few calls of libX11 that the tests need."""

    def __init__(self, display: str) -> None:
        self.lib = ctypes.CDLL("libX11.so.6")
        self.lib.XSetErrorHandler(ignore_x_error)
        for function in ("XOpenDisplay", "XInternAtom", "XDefaultRootWindow"):
            getattr(self.lib, function).restype = ctypes.c_void_p
        self.display = ctypes.c_void_p(self.lib.XOpenDisplay(display.encode()))
        assert self.display.value

    def close(self) -> None:
        self.lib.XCloseDisplay(self.display)

    def titles(self) -> dict:
        root = ctypes.c_void_p(self.lib.XDefaultRootWindow(self.display))
        ignored, children, count = ctypes.c_ulong(), ctypes.POINTER(ctypes.c_ulong)(), ctypes.c_uint()
        results = (ctypes.byref(result) for result in (ignored, ignored, children, count))
        self.lib.XQueryTree(self.display, root, *results)
        found = {}
        for window in children[: count.value]:
            title, attributes = ctypes.c_char_p(), (ctypes.c_int * 64)()
            self.lib.XFetchName(self.display, ctypes.c_ulong(window), ctypes.byref(title))
            self.lib.XGetWindowAttributes(self.display, ctypes.c_ulong(window), attributes)
            if title.value and attributes[23] != 0:  # map_state
                found[title.value.decode()] = window
        return found

    def ask_to_close(self, window: int) -> None:
        atoms = [self.lib.XInternAtom(self.display, name, 0) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW")]
        # XClientMessageEvent: type 33, serial, send_event, display, window, message_type, format, data[5]
        head = (33, 0, 1, self.display.value, window, atoms[0], 32)
        event = struct.pack("@iLiPLLilllll", *head, atoms[1], 0, 0, 0, 0).ljust(192, b"\0")
        self.lib.XSendEvent(self.display, ctypes.c_ulong(window), 0, ctypes.c_long(0), event)
        self.lib.XFlush(self.display)


@pytest.fixture
def screen(tmp_path, monkeypatch):
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed (Debian: apt install xvfb)")
    screen = VirtualScreen(tmp_path)
    monkeypatch.setenv("DISPLAY", screen.name)
    yield screen
    screen.close()


def wait_until(condition, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def coloured(screen, colour):
    """Number of pixels on the screen of exactly this colour."""
    return int((screen.pixels() == colour).all(axis=2).sum())


def test_three_windows_show_their_pictures_in_the_right_colours(screen):
    with Display("window") as display:
        for name, image in [("gout", RED), ("diff", GREEN), ("data", BLUE)]:
            display.show(name, image_grid(image))
        wait_until(lambda: set(screen.windows()) == {"gout", "diff", "data"})
        area = 384 * 384  # small grids are magnified
        primaries = np.eye(3) * 255
        wait_until(lambda: [coloured(screen, primary) for primary in primaries] == [area] * 3)
        display.show("gout", image_grid(GREEN))
        wait_until(lambda: coloured(screen, [255, 0, 0]) == 0 and coloured(screen, [0, 255, 0]) == 2 * area)
        process = display._windows.process
    assert process.returncode == 0  # it went by itself when the pipe closed
    assert not screen.windows()


def test_the_newest_picture_wins_over_those_that_wait(screen):
    with Display("window") as display:
        for value in range(200):
            display.show("gout", np.full((600, 600, 3), value, np.uint8))
        wait_until(lambda: coloured(screen, [199, 199, 199]) > 300_000)
        assert display.is_open


@pytest.mark.skipif(sys.platform != "linux", reason="asks the loader of glibc")
def test_who_owns_the_x_events_is_said_by_the_systems_library_and_not_by_opencvs(screen, tmp_path):
    """With OpenCV's own copy, one window in five stayed black on a busy machine."""
    code = "from mxgan.runtime import cv2; cv2.namedWindow('mxgan'); cv2.waitKey(1)"
    loader = {"LD_DEBUG": "bindings", "LD_DEBUG_OUTPUT": str(tmp_path / "bindings"), "QT_QPA_PLATFORM": "xcb"}
    command = [sys.executable, "-c", SAME_PATH + code, *sys.path]
    subprocess.run(command, env={**os.environ, **loader}, check=True, timeout=60)
    report = "".join(path.read_text() for path in tmp_path.glob("bindings.*"))
    providers = re.findall(r" to (\S+) \[0\]: normal symbol `XSetEventQueueOwner'", report)
    assert [Path(provider).name for provider in providers] == ["libX11-xcb.so.1"]


def test_without_that_library_a_warning_says_so(screen, monkeypatch, caplog):
    monkeypatch.setattr(x11, "ctypes", SimpleNamespace(CDLL=cannot_load, RTLD_GLOBAL=ctypes.RTLD_GLOBAL))
    x11.lost_x_events.cache_clear()
    Display("window").close()
    x11.lost_x_events.cache_clear()
    assert caplog.messages == [
        "libX11-xcb.so.1 is missing; without it, a window may stay black on a busy machine. "
        "On Debian or Ubuntu: apt-get install libx11-xcb1."
    ]


def cannot_load(name, mode):
    raise OSError(f"{name}: cannot open shared object file: No such file or directory")


def test_a_child_that_says_much_does_not_stop_the_pictures(screen, monkeypatch):
    """More than a pipe holds, for nobody reads it while the child lives."""
    chatty = "import os, sys; os.write(2, b'a warning of Qt\\n' * 20_000); "
    monkeypatch.setattr(windows, "_CHILD", chatty + windows._CHILD)
    with Display("window") as display:
        display.show("gout", image_grid(GREEN))
        wait_until(lambda: coloured(screen, [0, 255, 0]))
        display._windows.process.kill()
        display._windows.process.wait()
        assert display._windows.last_words() == "a warning of Qt"


def test_a_window_that_the_user_closed_stays_closed(screen):
    with Display("window") as display:
        display.show("gout", image_grid(RED))
        display.show("data", image_grid(BLUE))
        wait_until(lambda: set(screen.windows()) == {"gout", "data"})
        screen.close_window("gout")
        wait_until(lambda: set(screen.windows()) == {"data"})
        display.show("gout", image_grid(RED))
        display.show("data", image_grid(GREEN))
        wait_until(lambda: coloured(screen, [0, 255, 0]))
        assert set(screen.windows()) == {"data"}
        assert display.is_open


def test_a_lost_display_is_one_warning_and_no_zombie(screen, caplog):
    display = Display("window", saved_to="out")
    pid = display._windows.process.pid
    display.show("gout", image_grid(RED))
    wait_until(screen.windows)
    screen.close()
    wait_until(lambda: display._windows.process.poll() is not None)  # later than a zombie, whose threads may go on
    for _ in range(3):
        display.show("gout", image_grid(RED))
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("The windows are gone (")  # what Qt says depends on what it was doing
    assert caplog.messages[0].endswith("pictures go to out.")
    assert not display.is_open
    assert not Path(f"/proc/{pid}").exists()


def test_windows_that_hang_do_not_hold_up_the_caller(screen):
    display = Display("window")
    pid = display._windows.process.pid
    os.kill(pid, signal.SIGSTOP)
    start = time.monotonic()
    for _ in range(100):
        display.show("gout", np.zeros((512, 512, 3), np.uint8))
    assert time.monotonic() - start < 10  # of 100 pictures, where one that waits would wait for ever
    display.close()
    assert time.monotonic() - start < 30
    assert not Path(f"/proc/{pid}").exists()


OPEN_AND_WAIT = """
import sys, time
import numpy as np
from mxgan.pictures.windows import Display
display = Display("auto")
display.show("gout", np.zeros((8, 8, 3), np.uint8))
print(display._windows.process.pid, file=sys.stderr, flush=True)
"""


def test_auto_opens_windows_on_a_terminal_and_they_end_with_the_program(screen):
    status, errors = run_on_terminal(OPEN_AND_WAIT, DISPLAY=screen.name)
    assert status == 0
    assert not is_alive(int(errors))


def test_windows_end_when_the_program_is_killed(screen):
    code = OPEN_AND_WAIT.replace('"auto"', '"window"') + "time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", SAME_PATH + code, *sys.path], stderr=subprocess.PIPE) as program:
        windows = int(program.stderr.readline())
        wait_until(lambda: set(screen.windows()) == {"gout"})
        program.kill()
    wait_until(lambda: not is_alive(windows))
    wait_until(lambda: not screen.windows())


def test_the_question_for_a_display_follows_the_environment(screen, monkeypatch):
    assert x11.display_problem() == ""
    monkeypatch.setenv("DISPLAY", NO_SERVER)
    assert x11.display_problem() == f"the display {NO_SERVER} does not answer"
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert x11.display_problem() == "DISPLAY is not set"
    monkeypatch.setenv("DISPLAY", screen.name)
    assert x11.display_problem() == ""


def test_the_question_for_a_display_keeps_it_answering(tmp_path, monkeypatch):
    """Without the connection that the question keeps, a server refuses 1 of 60 programs that come one after another."""
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed (Debian: apt install xvfb)")
    with contextlib.closing(VirtualScreen(tmp_path, alone=True)) as alone:
        monkeypatch.setenv("DISPLAY", alone.name)
        x11._problem_of.cache_clear()  # an earlier server may have had the same name
        assert x11.display_problem() == ""
        for _ in range(300):
            Xlib(alone.name).close()  # fails if it was refused


def test_a_forgotten_display_is_closed(screen):
    display = Display("window")
    pid = display._windows.process.pid
    del display
    assert not Path(f"/proc/{pid}").exists()
    Display("window").close()  # another one can be opened


class Watching(Callback):
    """Looks at the screen after each step, and waits for what step 3 and step 6 show."""

    def __init__(self, screen) -> None:
        self.screen, self.seen = screen, {}

    def on_step_end(self, trainer, batch, result) -> None:
        if trainer.step == 3:
            wait_until(lambda: set(self.screen.windows()) == {"gout", "diff", "data"})
            wait_until(lambda: coloured(self.screen, [0, 0, 0]) < 0.8 * 600 * 1280)
            time.sleep(0.5)  # all three are drawn
        if trainer.step == 6:
            wait_until(lambda: not np.array_equal(self.screen.pixels(), self.seen[5][1]))
        self.seen[trainer.step] = set(self.screen.windows()), self.screen.pixels()


def test_windows_are_refreshed_more_often_than_files_are_saved(screen, tmp_path):
    config = tiny_config(steps=7, sample_every=100, show_every=3)
    watching = Watching(screen)
    shown = mxgan.start(config, tmp_path / "shown", "window", progress=False, callbacks=[watching])
    shown.run()
    assert [len(watching.seen[step][0]) for step in range(1, 8)] == [0, 0, 3, 3, 3, 3, 3]
    np.testing.assert_array_equal(watching.seen[3][1], watching.seen[5][1])
    assert sorted(path.name for path in shown.folder.samples.iterdir()) == [
        f"{title}-000007.png" for title in ("data", "diff", "gout")
    ]
    unseen = mxgan.start(replace(config, show_every=None), tmp_path / "unseen", "none", progress=False)
    unseen.run()
    assert_same(params_of(shown.trainer.pair), params_of(unseen.trainer.pair))
