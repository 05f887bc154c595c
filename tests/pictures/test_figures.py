"""Figures, checked by the pixels of the decoded PNG."""

from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

from mxgan.errors import ArgumentError
from mxgan.pictures.figures import Line, Panel, _smoothed, loss_figure, panels_figure, scored_figure


def decoded(content: bytes) -> np.ndarray:
    """RGB pixels of a PNG."""
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[..., ::-1].astype(int)


def coloured(pixels, channel: int) -> np.ndarray:
    """(rows, columns) of the pixels in which one channel stands well above the two others."""
    others = np.delete(pixels, channel, axis=2).max(axis=2)
    return np.argwhere(pixels[..., channel] - others > 50)


def test_g_is_blue_and_d_is_red_each_at_its_height():
    pixels = decoded(loss_figure([1, 2, 3], {"G": [5.0, 5.0, 5.0], "D": [1.0, 1.0, 1.0]}))
    middle = pixels[:, pixels.shape[1] // 3 : pixels.shape[1] // 2]  # between the axis and the legend
    blue, red = coloured(middle, 2), coloured(middle, 0)
    assert len(blue) > 20
    assert len(red) > 20
    assert blue[:, 0].max() < red[:, 0].min()  # G's loss is the larger, so it is drawn above


def test_gaps_and_a_single_point_can_be_drawn():
    pixels = decoded(loss_figure([10], {"G": [1.0], "D": [None]}))
    assert len(coloured(pixels, 2)) > 5


@pytest.mark.parametrize("steps, g", [([], []), ([1, 2], [0.5])])
def test_lengths_that_differ_are_an_error(steps, g):
    with pytest.raises(ArgumentError, match="give equal lengths, at least 1"):
        loss_figure(steps, {"G": g})


def test_each_image_stands_under_its_own_score():
    black, white = np.full((1, 3, 8, 8), -1, np.float32), np.ones((1, 3, 8, 8), np.float32)
    images = np.concatenate([black, white])
    plain = decoded(scored_figure({"fake": (images, np.array([0.25, 0.75]))}))
    other = decoded(scored_figure({"fake": (images, np.array([0.25, 0.125]))}))
    assert plain.shape == other.shape
    differs = np.argwhere((plain != other).any(axis=2))
    assert differs[:, 1].min() > plain.shape[1] // 2  # the right image's title
    assert differs[:, 0].max() < plain.shape[0] // 3  # above it
    left = plain[plain.shape[0] // 3 : -20, 40 : plain.shape[1] // 2 - 20]
    assert left.min() == 0


def test_rows_may_be_of_different_lengths():
    images = np.zeros((3, 1, 4, 4), np.float32)
    two = decoded(scored_figure({"fake": (images, np.ones(3)), "real": (images[:1], np.ones(1))}))
    one = decoded(scored_figure({"fake": (images, np.ones(3))}))
    assert two.shape[0] == 2 * one.shape[0]


def test_a_smoothed_curve_has_the_mean_of_its_neighbours_and_keeps_gaps():
    values = np.array([0.0, 3.0, 6.0, np.nan, 2.0, 4.0])
    np.testing.assert_array_equal(_smoothed(values, 3), [1.5, 3.0, 4.5, np.nan, 3.0, 3.0])
    np.testing.assert_array_equal(_smoothed(values, 1), values)
    np.testing.assert_array_equal(_smoothed(values, 100), [3.0, 3.0, 3.0, np.nan, 3.0, 3.0])


def test_several_panels_and_names_that_matplotlib_would_take_for_formulas():
    names = ["$\\frac{$", "_hidden", "a\x00\x1b[2Jb", "$a$"]
    panels = [Panel(name, [Line(name, [1, 2], [1.0, 2.0], "tab:blue")], name) for name in names]
    assert panels_figure(panels, names[0]).startswith(b"\x89PNG")
    svg = panels_figure(panels[2:3], names[2], "svg")
    assert ElementTree.fromstring(svg).tag.endswith("svg")  # no character that XML does not have
    with pytest.raises(ArgumentError, match="no panels to draw"):
        panels_figure([])


def test_the_losses_of_a_run_whose_name_has_dollar_signs_can_be_drawn():
    assert loss_figure([1], {"G": [1.0]}, "$\\frac{$").startswith(b"\x89PNG")
