"""The script of results on a tiny share of a plan, from nothing to the table; gone on with, it trains nothing again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks import results
from benchmarks.results import COLUMNS, PLANS, Plan, first_seeds, main, table, tables, with_earlier
from mxgan.recipes import RECIPES


def test_every_recipe_has_a_plan():
    assert set(PLANS) == set(RECIPES)


def row(recipe="dcgan", seed=0, weights="raw", minutes=12.4, **results):
    protocol = {"reference": {"image_shape": [1, 64, 64]}}
    found = {name: score if isinstance(score, dict) else {"value": score} for name, score in results.items()}
    given = {"recipe": recipe, "seed": seed, "steps": 6000, "weights": weights, "minutes": minutes}
    return {**given, "evaluation": {"results": found, "protocol": protocol}, "folder": f"{recipe}-{seed}-6000"}


def test_the_table_says_what_is_there_and_nothing_else():
    scores = {"swd": 8.5, "swd_padded": 11.25, "ms_ssim": {"value": 0.14, "reference": 0.156}, "frechet": None}
    head, rule, line = table([row(weights="ema", **scores)]).splitlines()
    assert head.count("|") == rule.count("|") == line.count("|") == len(COLUMNS) + 7
    assert line == (
        "| `dcgan` | 1 | 6,000 | 64 | average | 8.50 | 11.25 | 0.1400 (0.1560) | not finite |  |  |  |  |  | 12 |"
    )


def test_several_seeds_come_with_their_mean_and_spread(written):
    rows = [row(seed=0, swd=5.0, frechet=1.0), row("hinge", swd=9.0, frechet=9.0), row(seed=1, swd=6.0, frechet=None)]
    rows = with_earlier([row(seed=2, swd=7.0, frechet=1.0)], written(rows))
    whole, each = tables(rows).split("\n\n")
    assert [line.split(" | ")[:7] for line in whole.splitlines()[2:]] == [
        ["| `dcgan`", "3", "6,000", "64", "G's own", "6.00 ± 1.00", ""],
        ["| `hinge`", "1", "6,000", "64", "G's own", "9.00", ""],
    ]
    assert "not finite" in whole.splitlines()[2]
    assert [line.split(" | ")[1] for line in each.splitlines()[2:]] == ["0", "1", "2", "0"]
    assert [(job.recipe, job.seed) for job in first_seeds(rows, Path())] == [("dcgan", 0), ("hinge", 0)]


@pytest.fixture
def written(tmp_path):
    def write(rows):
        (tmp_path / "results.json").write_text(json.dumps(rows))
        return tmp_path / "results.json"

    return write


@pytest.mark.long
def test_a_recipe_from_nothing_to_the_table(tmp_path, monkeypatch, mxgan_data):
    flags = "--nc 1 --ngf 4 --ndf 4 --set image_size=16 --limit 600 --ema 0.9 --evaluate-every 1 --log-every 1"
    monkeypatch.setitem(results.PLANS, "wgan-gp", Plan(4, flags, 200))
    monkeypatch.setattr(results, "PUBLISHED", 200)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    arguments = ["--recipe", "wgan-gp", "--data-dir", str(mxgan_data / "mnist"), "--output", str(tmp_path / "results")]
    found = CliRunner().invoke(main, arguments)
    assert found.exit_code == 0, found.output
    rows = json.loads((tmp_path / "results" / "results.json").read_text())
    assert [(row["recipe"], row["steps"], row["weights"]) for row in rows] == [
        ("wgan-gp", 4, "raw"),
        ("wgan-gp", 4, "ema"),
    ]
    assert rows[0]["evaluation"]["results"]["frechet"]["value"] > 0
    padded = json.loads((tmp_path / "results" / "wgan-gp-0-4-ema-padded.json").read_text())
    assert padded["protocol"]["settings"]["pyramid"] == "padded"
    assert rows[1]["evaluation"]["results"]["swd_padded"] == padded["results"]["swd"]
    assert {path.name for path in (tmp_path / "results").glob("*.png")} == {"grids.png", "wgan-gp-0.png"}
    before = (tmp_path / "results" / "wgan-gp-0-4" / "history.jsonl").read_bytes()
    again = CliRunner().invoke(main, arguments)
    assert again.exit_code == 0, again.output
    assert (tmp_path / "results" / "wgan-gp-0-4" / "history.jsonl").read_bytes() == before
    monkeypatch.setitem(results.PLANS, "wgan-gp", Plan(4, flags, 150))  # other samples, another seed beside the first
    more = CliRunner().invoke(main, [*arguments, "--seed", "0", "--seed", "1"])
    assert more.exit_code == 0, more.output
    rows = json.loads((tmp_path / "results" / "results.json").read_text())
    assert [(row["seed"], row["weights"], row["evaluation"]["protocol"]["samples"]) for row in rows] == [
        (0, "raw", 150),
        (1, "raw", 150),
        (0, "ema", 150),
        (1, "ema", 150),
    ]
    assert (tmp_path / "results" / "wgan-gp-1.png").exists()


def test_a_recipe_without_a_plan_is_refused(tmp_path):
    found = CliRunner().invoke(main, ["--recipe", "dcgann", "--output", str(tmp_path / "results")])
    assert found.exit_code == 1
    assert "no plan for dcgann; there are dcgan, dcgan-original" in found.output
