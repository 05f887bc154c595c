"""Pictures: layout, colours, files; and windows on a virtual X display, with what can go wrong there."""

from __future__ import annotations

import ctypes
import logging
import os
import pty
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread  # reads PNG without OpenCV

from mxgan.errors import ArgumentError, DisplayError, RunFolderError, ShapeError
from mxgan.visualize import Display, display_problem, image_grid, save_grid, save_png, standardize

SAME_PATH = "import sys; sys.path[:] = sys.argv[1:]\n"
NO_SERVER = ":987"  # a display number that nobody serves

RED = np.concatenate([np.ones((1, 1, 8, 8)), -np.ones((1, 2, 8, 8))], axis=1).astype(np.float32)
GREEN = RED[:, [1, 0, 2]]
BLUE = RED[:, [1, 2, 0]]


def constant(values, channels=1, size=2):
    """One image a value, each of that value throughout."""
    return np.ones((len(values), channels, size, size), np.float32) * np.reshape(values, (-1, 1, 1, 1))


# --- grids


@pytest.mark.parametrize("count, rows, columns", [(1, 1, 1), (2, 1, 2), (4, 2, 2), (5, 2, 3), (7, 3, 3), (64, 8, 8)])
def test_a_grid_is_nearly_square(count, rows, columns):
    assert image_grid(constant([0] * count, size=4)).shape == (4 * rows, 4 * columns, 3)


def test_images_lie_row_by_row_and_unused_cells_are_black():
    grid = image_grid(constant([1, 0.6, 0.2, -0.2, 1]))
    assert grid[::2, ::2, 0].tolist() == [[255, 204, 153], [102, 255, 0]]
    assert (grid == np.kron(grid[::2, ::2], np.ones((2, 2, 1)))).all()


def test_height_and_width_are_not_mixed_up():
    image = np.linspace(-1, 1, 2 * 3 * 4 * 5).reshape(2, 3, 4, 5).astype(np.float32)
    grid = image_grid(image, columns=2)
    assert grid.shape == (4, 10, 3)
    assert (grid[:, 5:] == np.rint((image[1] + 1) * 127.5).transpose(1, 2, 0)).all()


def test_columns_and_padding():
    grid = image_grid(constant([1, 1, 1]), columns=3, padding=1)
    assert grid[..., 0].tolist() == [[255, 255, 0, 255, 255, 0, 255, 255]] * 2


def test_every_byte_survives_the_way_to_floats_and_back():
    values = np.arange(256)
    grid = image_grid(constant(values / 127.5 - 1, size=1), columns=256)
    assert grid[0, :, 0].tolist() == values.tolist()


def test_values_outside_are_clipped_and_the_input_is_left_alone():
    images = constant([-7, 7])
    assert image_grid(images)[0, ::2, 0].tolist() == [0, 255]
    assert images[:, 0, 0, 0].tolist() == [-7, 7]


def test_grey_becomes_three_equal_channels_and_rgb_stays_in_order():
    assert image_grid(constant([0.2]))[0, 0].tolist() == [153, 153, 153]
    pixels = [image_grid(colour)[0, 0].tolist() for colour in (RED, GREEN, BLUE)]
    assert pixels == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]


def test_mxnet_arrays_are_taken_too():
    from mxgan.runtime import mx

    assert (image_grid(mx.nd.array(RED)) == image_grid(RED)).all()
    assert (standardize(mx.nd.array([1, 3])) == [-1, 1]).all()


@pytest.mark.parametrize(
    "images, error, text",
    [
        (np.zeros((3, 8, 8)), ShapeError, r"images of shape \(3, 8, 8\): expected \(N, C, H, W\)"),
        (np.zeros((2, 2, 8, 8)), ShapeError, r"C = 1 or 3"),
        (np.zeros((0, 3, 8, 8)), ShapeError, r"\(0, 3, 8, 8\)"),
        (np.zeros((1, 3, 8, 8), np.uint8), ArgumentError, r"images of type uint8.*x / 127.5 - 1"),
        (
            constant([0, np.nan, 1, np.inf]),
            ArgumentError,
            r"image 1 of 4 holds NaN or infinity \(2 such in all\)",
        ),
    ],
)
def test_what_is_no_batch_of_images_is_refused(images, error, text):
    with pytest.raises(error, match=text):
        image_grid(images)


@pytest.mark.parametrize("options", [{"columns": 0}, {"padding": -1}])
def test_bad_layout_is_refused(options):
    with pytest.raises(ArgumentError, match=r"columns .* must be at least 1 and padding .* at least 0"):
        image_grid(RED, **options)


# --- standardize


def test_standardize_is_over_the_whole_array():
    gradients = np.random.default_rng(0).normal(3, 1e-6, (4, 3, 8, 8)).astype(np.float32)
    result = standardize(gradients)
    assert result.dtype == np.float32
    exact = gradients.astype(np.float64)
    np.testing.assert_allclose(result, (exact - np.mean(exact)) / np.std(exact), rtol=1e-6)


@pytest.mark.parametrize("value", [0, 0.1, 1e30])
def test_standardize_of_a_constant_is_zero(value):
    assert not standardize(np.full((4, 3, 7, 7), value, np.float32)).any()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_standardize_of_what_is_not_finite_is_nan_without_a_warning(bad):
    assert np.isnan(standardize(np.array([1, bad, 2]))).all()


# --- files


def test_red_is_red_in_the_file(tmp_path):
    path = save_grid(tmp_path / "red.png", np.concatenate([RED, GREEN, BLUE]))
    pixels = imread(str(path))[..., :3]
    assert [pixels[4, 4].tolist(), pixels[4, 12].tolist(), pixels[12, 4].tolist()] == np.eye(3).tolist()


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path):
    save_grid(tmp_path / "a.png", RED)
    save_grid(tmp_path / "a.png", BLUE)
    assert imread(str(tmp_path / "a.png"))[0, 0, :3].tolist() == [0, 0, 1]
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]


def test_a_write_that_fails_half_way_leaves_the_old_file(tmp_path):
    resource = pytest.importorskip("resource", reason="no file size limit on this system")
    path = save_grid(tmp_path / "a.png", RED)
    before = path.read_bytes()
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(RunFolderError, match=r"a\.png cannot be written: File too large\. .*the disk has room"):
            save_png(path, noise)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]


def test_places_that_cannot_be_written_are_named(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.png").mkdir()
    reasons = {"no/a.png": "No such file", "file/a.png": "Not a directory", "folder.png": "directory"}
    for name, reason in reasons.items():
        with pytest.raises(RunFolderError, match=f"picture .*{name} cannot be written: .*{reason}"):
            save_grid(tmp_path / name, RED)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder.png"]


def test_only_pictures_are_saved_and_only_as_png(tmp_path):
    with pytest.raises(ArgumentError, match=r"a name that ends in \.png"):
        save_grid(tmp_path / "a.jpg", RED)
    with pytest.raises(ShapeError, match=r"a picture of shape \(1, 3, 8, 8\), type float32: expected \(H, W, 3\)"):
        save_png(tmp_path / "a.png", RED)


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
from mxgan.visualize import Display
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
    assert "could not connect to display :987); pictures go to runs/a/samples." in errors


def test_without_a_terminal_no_window_is_tried(monkeypatch, caplog, capsys):
    monkeypatch.setenv("DISPLAY", NO_SERVER)
    with caplog.at_level(logging.INFO), Display(saved_to="out") as display:
        assert not display.is_open
    assert caplog.messages == ["No windows (standard output is no terminal); pictures go to out."]


def test_a_window_that_is_insisted_on_is_an_error_with_a_remedy(monkeypatch):
    monkeypatch.setenv("DISPLAY", NO_SERVER)
    with pytest.raises(DisplayError, match=r"could not connect to display :987.*or choose 'none'"):
        Display("window")


def test_display_problem_names_the_reason(monkeypatch):
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("DISPLAY", raising=False)
    assert display_problem() == "DISPLAY is not set"


def test_mode_none_says_nothing_and_unknown_modes_are_refused(caplog):
    with caplog.at_level(logging.INFO):
        Display("none").show("gout", np.zeros((8, 8, 3), np.uint8))
    assert not caplog.messages
    with pytest.raises(ArgumentError, match="unknown display mode 'windows'; did you mean 'window'"):
        Display("windows")


# --- windows: on a virtual X display


class VirtualScreen:
    """An Xvfb of its own, with eyes (its frame buffer is a file) and a hand (libX11) that closes windows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        reader, writer = os.pipe()
        options = ["-fbdir", str(folder), "-screen", "0", "1280x600x24", "-nocursor", "-nolisten", "tcp"]
        self.server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writer), *options], pass_fds=[writer], stderr=subprocess.DEVNULL
        )
        os.close(writer)
        with os.fdopen(reader) as pipe:
            self.name = f":{pipe.readline().strip()}"

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
        x11 = Xlib(self.name)
        try:
            return x11.titles()
        finally:
            x11.close()

    def close_window(self, title: str) -> None:
        """What a click on the cross in the title bar does."""
        window, x11 = self.windows()[title], Xlib(self.name)
        x11.ask_to_close(window)
        x11.close()


class Xlib:
    """The few calls of libX11 that the tests need."""

    def __init__(self, display: str) -> None:
        self.lib = ctypes.CDLL("libX11.so.6")
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


@pytest.fixture
def screen(tmp_path, monkeypatch):
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed (Debian: apt install xvfb)")
    screen = VirtualScreen(tmp_path)
    monkeypatch.setenv("DISPLAY", screen.name)
    yield screen
    screen.close()


def wait_until(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def coloured(screen, colour):
    """Number of pixels on the screen of exactly this colour."""
    return int((screen.pixels() == colour).all(axis=2).sum())


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


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
    wait_until(lambda: not screen.windows())


def test_the_newest_picture_wins_over_those_that_wait(screen):
    with Display("window") as display:
        for value in range(200):
            display.show("gout", np.full((600, 600, 3), value, np.uint8))
        wait_until(lambda: coloured(screen, [199, 199, 199]) > 300_000)


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
    wait_until(lambda: not is_running(pid))
    for _ in range(3):
        display.show("gout", image_grid(RED))
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("The windows are gone (The X11 connection broke")
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
    assert time.monotonic() - start < 1
    display.close()
    assert time.monotonic() - start < 5
    assert not Path(f"/proc/{pid}").exists()


OPEN_AND_WAIT = """
import sys, time
import numpy as np
from mxgan.visualize import Display
display = Display("auto")
display.show("gout", np.zeros((8, 8, 3), np.uint8))
print(display._windows.process.pid, file=sys.stderr, flush=True)
"""


def test_auto_opens_windows_on_a_terminal_and_they_end_with_the_program(screen):
    status, errors = run_on_terminal(OPEN_AND_WAIT, DISPLAY=screen.name)
    assert status == 0
    assert not is_running(int(errors))


def test_windows_end_when_the_program_is_killed(screen):
    code = OPEN_AND_WAIT.replace('"auto"', '"window"') + "time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", SAME_PATH + code, *sys.path], stderr=subprocess.PIPE) as program:
        windows = int(program.stderr.readline())
        wait_until(lambda: set(screen.windows()) == {"gout"})
        program.kill()
    wait_until(lambda: not is_running(windows))


def test_a_forgotten_display_is_closed(screen):
    display = Display("window")
    pid = display._windows.process.pid
    del display
    assert not Path(f"/proc/{pid}").exists()
    assert display_problem() is None
