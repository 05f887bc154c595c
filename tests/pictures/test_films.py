"""Films read back by other programs than those that wrote them: Pillow's frames, imageio's frames."""

import sys

import numpy as np
import pytest
from PIL import Image

from mxgan.errors import ArgumentError, OutputError, RuntimeUnavailableError, ShapeError
from mxgan.pictures.films import CAPTION, FILMS, captioned, check_film, save_film, stacked

# imageio's reader leaves the pipes of its ffmpeg to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore:unclosed file:ResourceWarning"
)


def frames_of(count, height=22, width=26, grey=False):
    """Pictures with a bar that moves, all different."""
    frames = np.full((count, height, width, 3), 30, np.uint8)
    for i in range(count):
        frames[i, :, i : i + 6] = 200 if grey else (250, 40, 90)
    return frames


def read_back(path):
    """Every frame of a film as RGB."""
    if path.suffix == ".mp4":
        import imageio.v2 as imageio

        with imageio.get_reader(path) as reader:
            return np.stack(list(reader.iter_data()))
    with Image.open(path) as film:
        found = []
        for i in range(film.n_frames):
            film.seek(i)
            found.append(np.asarray(film.convert("RGB")))
        return np.stack(found)


@pytest.mark.parametrize("ending, apart", [(".gif", 0), (".webp", 12), (".mp4", 25)])
@pytest.mark.parametrize("size", [(22, 26), (21, 27)])
def test_a_film_has_the_frames_that_it_was_given(ending, apart, size, tmp_path):
    """H.264 wants even sides: a film of odd ones has one black row and column more. Its colours are those of 2×2."""
    if ending == ".mp4":
        pytest.importorskip("imageio_ffmpeg")
    given = frames_of(7, *size)
    found = read_back(save_film(tmp_path / f"a{ending}", iter(given), 7, 10))
    padded = [side + side % 2 * (ending == ".mp4") for side in size]
    assert found.shape == (7, *padded, 3)
    difference = np.abs(found[:, : size[0], : size[1]].astype(int) - given)
    assert difference.max() <= apart or np.percentile(difference, 90) <= apart
    assert [path.name for path in tmp_path.iterdir()] == [f"a{ending}"]


def test_a_grey_gif_keeps_every_value(tmp_path):
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    given = np.stack([np.repeat(np.roll(ramp, i)[..., None], 3, axis=2) for i in range(3)])
    np.testing.assert_array_equal(read_back(save_film(tmp_path / "a.gif", given, 3, 10)), given)


def test_gif_and_webp_repeat_for_ever_and_last_as_long_as_they_should(tmp_path):
    """30 frames a second are no whole hundredths: the frames of a GIF take 3 or 4 of them."""
    for ending in (".gif", ".webp"):
        with Image.open(save_film(tmp_path / f"a{ending}", frames_of(15), 15, 30)) as film:
            times = []
            for i in range(film.n_frames):
                film.seek(i)
                film.load()
                times.append(film.info["duration"])
            assert film.info["loop"] == 0
            assert sum(times) == 500
            assert set(times) <= ({30, 40} if ending == ".gif" else {33, 34})


def test_an_mp4_has_its_speed_and_colours_that_browsers_play(tmp_path):
    imageio = pytest.importorskip("imageio.v2")
    pytest.importorskip("imageio_ffmpeg")
    with imageio.get_reader(save_film(tmp_path / "a.mp4", frames_of(9), 9, 12.5)) as reader:
        about = reader.get_meta_data()
    assert (about["fps"], about["codec"], about["pix_fmt"].partition("(")[0]) == (12.5, "h264", "yuv420p")
    assert about["duration"] == pytest.approx(9 / 12.5, abs=0.02)


@pytest.mark.parametrize("ending", FILMS)
def test_what_fails_on_the_way_leaves_the_old_film(ending, tmp_path):
    if ending == ".mp4":
        pytest.importorskip("imageio_ffmpeg")
    target = tmp_path / f"a{ending}"
    target.write_bytes(b"old")
    broken = [*frames_of(2), *frames_of(1, 10, 10)]
    with pytest.raises(ShapeError, match=r"frame 2 is \(10, 10, 3\), and those before it are \(22, 26, 3\)"):
        save_film(target, broken, 3, 10)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("ending", FILMS)
@pytest.mark.parametrize(
    "frames, words", [(0, "are 0 frames, and"), (2, "are 2 frames, and"), (4, "are more frames than the 3")]
)
def test_another_number_of_frames_than_said(frames, words, ending, tmp_path):
    if ending == ".mp4":
        pytest.importorskip("imageio_ffmpeg")
    with pytest.raises(ShapeError, match=words):
        save_film(tmp_path / f"a{ending}", frames_of(frames), 3, 10)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_missing(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        save_film(tmp_path / "none" / "a.gif", frames_of(2), 2, 10)


@pytest.mark.parametrize(
    "name, fps, words",
    [
        ("a.avi", 10, "unknown ending of a film '.avi'"),
        ("a", 10, "Give a name that ends in .gif, .webp, .mp4."),
        ("a.gif", 51, "fps is 51; give a number of frames a second from 0.1 to 50 for .gif."),
        ("a.webp", 0, "fps is 0; give"),
        ("a.gif", float("nan"), "fps is nan; give"),
    ],
)
def test_bad_films(name, fps, words):
    with pytest.raises(ArgumentError) as refused:
        check_film(name, fps)
    assert words in str(refused.value)


def test_a_frame_that_is_too_large_for_its_format(tmp_path):
    with pytest.raises(ShapeError, match=r"20000×2 pixels is too large for .webp, at most 16383 a side"):
        save_film(tmp_path / "a.webp", [np.zeros((2, 20000, 3), np.uint8)], 1, 10)


def test_libraries_that_are_missing_are_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(RuntimeUnavailableError, match=r"pip install '.\[film\]'"):
        check_film("a.mp4", 10)
    monkeypatch.setattr("PIL.features.check", lambda name: False)
    with pytest.raises(RuntimeUnavailableError, match="this Pillow cannot write WebP"):
        check_film("a.webp", 10)
    check_film("a.gif", 10)


def test_a_caption_stands_under_the_picture():
    picture = frames_of(1, 20, 60)[0]
    found = captioned(picture, "step 12")
    assert found.shape == (20 + CAPTION, 60, 3)
    np.testing.assert_array_equal(found[:20], picture)
    assert 10 < (found[20:] > 128).all(axis=2).sum() < 400
    assert (found[20:] != captioned(picture, "step 13")[20:]).any()


def test_pictures_below_each_other():
    first, second = frames_of(2, 5, 8)
    found = stacked([first, second], 3)
    np.testing.assert_array_equal(found, np.concatenate([first, np.zeros((3, 8, 3), np.uint8), second]))
