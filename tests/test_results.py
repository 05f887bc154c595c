"""The script of results on a tiny share of a plan, from nothing to the table; gone on with, it trains nothing again."""

from __future__ import annotations

import json

from click.testing import CliRunner

from benchmarks import results
from benchmarks.results import COLUMNS, PLANS, Plan, main, over_seeds, table
from mxgan.recipes import RECIPES


def test_every_recipe_has_a_plan():
    assert set(PLANS) == set(RECIPES)


def test_the_table_says_what_is_there_and_nothing_else():
    found = {
        "swd": {"value": 8.5, "better": "min"},
        "swd_padded": {"value": 11.25, "better": "min"},
        "ms_ssim": {"value": 0.14, "reference": 0.156},
        "frechet": {"value": None},
    }
    row = {"recipe": "dcgan", "seed": 0, "steps": 6000, "weights": "ema", "test_accuracy": None, "minutes": 12.4}
    text = table([{**row, "evaluation": {"results": found}}])
    assert text.splitlines()[0].count("|") == len(COLUMNS) + 7
    assert (
        "| dcgan | 0 | 6,000 | ema | 8.50 | 11.25 | 0.1400 (data 0.1560) | not finite |  |  |  |  |  |  | 12 |" in text
    )


def test_several_seeds_come_with_their_mean_and_spread():
    def row(recipe, seed, swd, frechet):
        found = {"results": {"swd": {"value": swd}, "frechet": {"value": frechet}}}
        return {
            "recipe": recipe,
            "seed": seed,
            "steps": 10,
            "weights": "raw",
            "test_accuracy": None,
            "evaluation": found,
        }

    rows = [row("dcgan", 0, 5.0, 1.0), row("hinge", 0, 9.0, 9.0), row("dcgan", 1, 6.0, None), row("dcgan", 2, 7.0, 1.0)]
    head, rule, *lines = over_seeds(rows).splitlines()
    assert head.count("|") == rule.count("|") == lines[0].count("|")
    assert lines == ["| dcgan | 3 | 10 | raw | 6.00 ± 1.00 |  |  |  |  |  |  |  |  |  |"]
    assert over_seeds(rows[:2]) == ""


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
    assert {path.name for path in (tmp_path / "results").glob("*.png")} == {"grids.png", "wgan-gp.png"}
    before = (tmp_path / "results" / "wgan-gp-0-4" / "history.jsonl").read_bytes()
    again = CliRunner().invoke(main, arguments)
    assert again.exit_code == 0, again.output
    assert (tmp_path / "results" / "wgan-gp-0-4" / "history.jsonl").read_bytes() == before


def test_a_recipe_without_a_plan_is_refused(tmp_path):
    found = CliRunner().invoke(main, ["--recipe", "dcgann", "--output", str(tmp_path / "results")])
    assert found.exit_code == 1
    assert "no plan for dcgann; there are dcgan, dcgan-original" in found.output
