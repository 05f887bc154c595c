"""The drawing of a graph, on small symbols."""

from __future__ import annotations

import re
import shutil
import subprocess

import numpy as np
import pytest
from matplotlib.image import imread

from mxgan.errors import ArgumentError, OutputError, RuntimeUnavailableError
from mxgan.pictures.network_graph import render_graph
from tests.graphs.test_layers import IMAGES, LATENTS, small_discriminator, small_generator

needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="no Graphviz (apt install graphviz)")


def test_the_dot_file_has_layers_numbers_and_shapes_on_the_edges(tmp_path):
    path = render_graph(small_generator(fix_gamma=True), tmp_path / "g.dot", LATENTS, title='the "small" one')
    text = path.read_text(encoding="utf-8")
    labels = re.findall(r'^  n\d+ \[label="([^"]*)"', text, re.M)
    assert labels[:3] == [
        "rand",
        r"g1\nDeconvolution 4×4\n480 trained",
        r"gbn1\nBatchNorm\n6 trained, 6 fixed, 12 auxiliary",
    ]
    assert labels[4] == r"g2\nDeconvolution 4×4, stride 2×2, pad 1×1\n288 trained"
    edges = re.findall(r'-> \w+ \[label="\s*([^"]*)"', text)
    assert edges == ["2×5×1×1", "2×6×4×4", "2×6×4×4", "2×6×4×4", "2×3×8×8", "2×3×8×8"]
    assert r'label="the \"small\" one"' in text


def test_without_shapes_parameters_are_still_left_out(tmp_path):
    text = render_graph(small_discriminator(), tmp_path / "d.dot").read_text(encoding="utf-8")
    boxes = re.findall(r'^  n\d+ \[label="(\w+)', text, re.M)
    assert boxes == ["data", "d1", "dact1", "d2", "label", "dloss"]
    assert "weight" not in text


@needs_dot
@pytest.mark.parametrize("suffix, start", [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")])
def test_graphviz_draws_every_format(tmp_path, suffix, start):
    path = render_graph(small_discriminator(), tmp_path / f"d{suffix}", IMAGES, title=r"back\slash")
    assert path.read_bytes().startswith(start)


@needs_dot
def test_the_picture_has_the_colours_of_the_layers(tmp_path):
    pixels = imread(str(render_graph(small_generator(), tmp_path / "g.png", LATENTS)))[..., :3]
    for colour in ([0xCF, 0xE2, 0xF3], [0xD9, 0xEA, 0xD3], [0xFF, 0xF2, 0xCC]):
        assert (np.rint(pixels * 255) == colour).all(axis=2).sum() > 1000


@needs_dot
def test_graphviz_reads_the_dot_file_without_complaint(tmp_path):
    path = render_graph(small_discriminator(), tmp_path / "d.dot", IMAGES)
    plain = subprocess.run(["dot", "-Tplain", str(path)], capture_output=True, check=True)
    assert plain.stderr == b""
    assert plain.stdout.count(b"\nedge") == 6


def test_without_graphviz_the_package_is_named_and_dot_files_work(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeUnavailableError, match=r"g\.png: .*`dot`.*apt install graphviz.*ends in \.dot"):
        render_graph(small_generator(), tmp_path / "g.png", LATENTS)
    assert not (tmp_path / "g.png").exists()
    assert render_graph(small_generator(), tmp_path / "g.dot", LATENTS).exists()


def test_a_graphviz_that_fails_is_quoted(tmp_path, monkeypatch):
    program = tmp_path / "dot"
    program.write_text("#!/bin/sh\necho 'no png renderer' >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(RuntimeUnavailableError, match=r"`dot` failed \(no png renderer\)"):
        render_graph(small_generator(), tmp_path / "g.png", LATENTS)


def test_bad_paths_are_refused(tmp_path):
    with pytest.raises(ArgumentError, match=r"g\.bmp: the suffix must be one of \.dot, \.pdf, \.png, \.svg"):
        render_graph(small_generator(), tmp_path / "g.bmp", LATENTS)
    with pytest.raises(OutputError, match=r"g\.dot cannot be written: No such file"):
        render_graph(small_generator(), tmp_path / "no" / "g.dot", LATENTS)
