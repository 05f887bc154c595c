"""Plans, tables, goals and the page of results, from made figures."""

from __future__ import annotations

import json
import runpy
import shutil
import zipfile

import numpy as np
import pytest
from click.testing import CliRunner

import mxgan
from benchmarks.results import goals, judging
from benchmarks.results.__main__ import _write_page, chosen_plans, main
from benchmarks.results.budget import config_of
from benchmarks.results.jobs import ROOT, Job, Places, few_place, jobs_of
from benchmarks.results.judging import _test_accuracy
from benchmarks.results.page import HOW, PICTURES, page, shown_pictures
from benchmarks.results.photographs import CHOSEN
from benchmarks.results.pictures import draw_estimate
from benchmarks.results.plans import PLANS, SUITES, UNITS, plan_named
from benchmarks.results.record import publish, rows_in
from benchmarks.results.tables import COLUMNS, joined, table, tables, title_of
from mxgan.evaluation.metrics import DEFINITIONS
from mxgan.recipes import RECIPES
from mxgan.runtime import cv2
from mxgan.runtime.config import override

MACHINE = {"cpu": "a CPU", "cpus": 2, "mxgan": "0.1.0"}
CHANCE = {"value": 0.6, "standard_error": 0.01, "by_chance": 0.05, "by_chance_error": 0.02}
NO_COPIES, COPIES = ({**CHANCE, "nearest_trained": value} for value in (0.08, 0.1))


def row(name="dcgan", seed=0, weights="raw", minutes=12.4, **results):
    plan = plan_named(name)
    protocol = {"reference": {"image_shape": [1, 64, 64]}, "definitions": DEFINITIONS, "versions": {"mxgan": "0.0.9"}}
    found = {metric: score if isinstance(score, dict) else {"value": score} for metric, score in results.items()}
    told = {"name": name, "suite": plan.suite, "recipe": plan.recipe, "length": plan.length, "unit": plan.unit}
    told.update(seed=seed, weights=weights, minutes=minutes, steps=6000, folder=f"{name}-{seed}", busy_cpus=None)
    told.update(machine=MACHINE, clock="wall", threads=None)
    return {**told, "evaluation": {"results": found, "protocol": protocol}}


def test_a_row_is_named_by_its_recipe_and_what_its_plan_says_beside_it():
    named = {"dcgan": "`dcgan`", "headline": "`dcgan`, README's command", "ship-100-few": "`few`, ship 100"}
    assert {name: title_of(row(name)) for name in named} == named
    assert title_of(row("cifar-pytorch")) == "PyTorch's DCGAN"
    assert title_of(row("cifar-pytorch", weights="real")) == "other photographs"
    assert title_of({**row("headline"), "name": "a plan that is gone"}) == "`dcgan`"


def test_every_recipe_has_a_plan_and_every_plan_is_whole():
    assert {plan.recipe for plan in PLANS} >= set(RECIPES)
    assert len({plan.name for plan in PLANS}) == len(PLANS)
    for plan in PLANS:
        assert plan.suite in SUITES
        assert plan.unit in UNITS
    assert all(set(suite.columns) <= set(COLUMNS) for suite in SUITES.values())
    assert set(HOW) == set(PICTURES) == set(SUITES)


def test_the_table_says_what_is_there_and_nothing_else():
    scores = {"swd": 8.5, "swd_padded": 11.25, "ms_ssim": {"value": 0.14, "reference": 0.156}, "frechet": None}
    head, rule, line = table([row(weights="ema", **scores)]).splitlines()
    assert head.count("|") == rule.count("|") == line.count("|") == 4 + 7
    assert line == "| `dcgan` | 1 | 6,000 | 64 | average | 8.50 | 11.25 | 0.1400 (0.1560) | not finite | 12 |"


def test_a_single_seed_comes_with_its_sampling_error_and_the_real_value():
    agreement = {"value": 0.5, "standard_error": 0.005, "real": 0.86}
    line = table([row("cifar-sngan-projection", frechet=2.0, class_agreement=agreement)]).splitlines()[2]
    assert line.endswith("| 2.00 | 0.500 ± 0.005 (0.860) | 12 |")


def test_several_seeds_come_with_their_mean_and_spread():
    rows = [row(seed=0, swd=5.0, frechet=1.0), row("hinge", swd=9.0, frechet=9.0), row(seed=1, swd=6.0, frechet=None)]
    rows = joined([row(seed=2, swd=7.0, frechet=1.0)], rows)
    whole, _, each = tables(rows, "mnist").split("\n\n")
    assert [line.split(" | ")[:6] for line in whole.splitlines()[2:]] == [
        ["| `dcgan`", "3", "6,000", "64", "G's own", "6.00 ± 1.00"],
        ["| `hinge`", "1", "6,000", "64", "G's own", "9.00"],
    ]
    assert "not finite" in whole.splitlines()[2]
    assert [line.split(" | ")[1] for line in each.splitlines()[2:]] == ["0", "1", "2"]


def test_rows_of_a_later_command_replace_their_own_and_no_others():
    earlier = [row("hinge", swd=1.0), row(seed=1, swd=2.0), row(seed=0, swd=3.0)]
    found = joined([row(seed=1, swd=4.0)], earlier)
    assert [(each["name"], each["seed"], each["evaluation"]["results"]["swd"]["value"]) for each in found] == [
        ("dcgan", 0, 3.0),
        ("dcgan", 1, 4.0),
        ("hinge", 0, 1.0),
    ]


def test_the_accuracy_of_a_classifying_d_is_that_of_its_own_weights_or_of_the_average(tmp_path):
    lines = [{"step": 1, "test_accuracy": 0.1, "ema_test_accuracy": 0.2}, {"step": 2, "test_accuracy": 0.3}]
    job = Job(plan_named("ssgan"), 0, 2, tmp_path)
    assert _test_accuracy(job, "raw") is None
    (tmp_path / "evaluation.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert _test_accuracy(job, "raw") == {"value": 0.3}
    assert _test_accuracy(job, "ema") == {"value": 0.2}


def found_of(text: str, rows) -> tuple:
    return next(goal for goal in goals.GOALS if text in goal.text).found(rows)


def test_goals_are_told_from_the_rows_and_only_with_them():
    assert goals.as_markdown([]) == ""
    seeds = [row("ssgan", seed=seed, weights="ema", right=0.97) for seed in range(3)]
    assert found_of("ssgan", seeds) == ("97.00 %, 97.00 %, 97.00 %", True)
    assert found_of("ssgan", [*seeds[:2], row("ssgan", seed=2, weights="ema", right=0.96)])[1] is False
    assert found_of("ssgan", seeds[:2])[1] is False  # three seeds are wanted
    assert found_of("README", [row("headline", weights="ema", swd=9.0, missing_classes=1)])[1] is False
    assert found_of("README", [row("headline", weights="ema", swd=9.0, missing_classes=0)])[1] is True
    assert found_of("README", [row("headline", weights="raw", swd=9.0, missing_classes=0)]) is None


def test_the_better_samples_of_the_peer_count():
    ours = row("cifar-sngan", weights="ema", frechet=2.0)
    peer = [row("cifar-pytorch", weights="batch", frechet=5.0), row("cifar-pytorch", weights="moving", frechet=3.9)]
    real = row("cifar-pytorch", weights="real", frechet=0.1)
    assert found_of("PyTorch", [ours, peer[0], real])[1] is True
    told, reached = found_of("PyTorch", [ours, *peer, real])
    assert told.endswith(": Fréchet 2.00 against 3.90 of PyTorch's DCGAN: 0.51 of it")
    assert reached is False


def test_runs_of_each_same_time_are_compared_and_none_is_chosen():
    """All are told; the longest of each clock counts, as a minute of one CPU is not a minute of the machine."""
    ours = [row("cifar-sngan", weights="ema", frechet=value) for value in (2.0, 1.0, 0.5)]
    peer = [row("cifar-pytorch", weights="batch", frechet=5.0), row("cifar-pytorch", weights="batch", frechet=3.0)]
    for each, length in zip(ours, (25, 60, 90)):
        each["length"] = length
    for each, length in zip(peer, (25, 60)):
        each["length"] = length
    told, reached = found_of("PyTorch", [*ours, *peer])
    assert told.startswith("After 60 minutes of the whole machine: Fréchet 1.00 against 3.00")
    assert ". After 25 minutes of the whole machine: Fréchet 2.00 against 5.00" in told
    assert reached is True
    ours[0]["evaluation"]["results"]["frechet"]["value"] = 2.6  # more than half, in the shorter time alone
    told, reached = found_of("PyTorch", [*ours, *peer])
    assert "Fréchet 2.60 against 5.00" in told
    assert reached is True
    for each in (ours[1], peer[1]):  # not the shorter one of the same clock any more
        each["clock"] = "cpu"
    told, reached = found_of("PyTorch", [*ours, *peer])
    assert told.startswith("After 60 minutes of one CPU: Fréchet 1.00 against 3.00")
    assert reached is False
    ours[1]["clock"] = "wall"
    assert found_of("PyTorch", [*ours, *peer])[0].startswith("After 25 minutes of the whole machine: Fréchet 2.60")
    assert found_of("PyTorch", [ours[2], *peer]) is None


def test_the_weights_used_by_default_count_and_the_mean_of_their_seeds():
    """Neither the better kind of weights nor the better seed is chosen, and a seed that diverged is not left out."""
    name = "cifar-sngan-projection"
    rows = [row(name, weights="raw", class_agreement=0.7), row(name, weights="ema", class_agreement=0.5)]
    assert found_of("`sngan-projection`", rows) == ("50.0 %", False)
    seeds = [row("cifar-sngan", seed, weights="ema", frechet=value) for seed, value in enumerate((1.0, 3.0))]
    peer = row("cifar-pytorch", weights="batch", frechet=3.0)
    assert "Fréchet 2.00 against 3.00" in found_of("PyTorch", [*seeds, peer])[0]
    seeds[0]["evaluation"]["results"]["frechet"]["value"] = None
    assert found_of("PyTorch", [*seeds, peer]) is None


def test_minutes_of_a_cpu_are_named_as_such():
    of_cpu = {**row("cifar-sngan", frechet=2.0), "clock": "cpu", "threads": 1}
    text = tables([of_cpu, row("cifar-sngan", frechet=3.0)], "cifar")
    assert [line.rpartition("| ")[2] for line in text.splitlines()[2:]] == ["12 of 1 CPU |", "12 |"]


def test_the_page_has_what_was_measured_and_the_pictures_that_exist(tmp_path):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "results-ship-100.png").write_bytes(b"")
    rows = [row("ship-100-few", weights="ema", frechet=1.0, copies=NO_COPIES), row("ship-100-dcgan", frechet=2.5)]
    rows[1]["busy_cpus"] = 0.5
    text = page(rows, tmp_path)
    assert "## Few photographs" in text
    assert "## MNIST" not in text
    assert "| `few` on ship 100: at most half the Fréchet distance of `dcgan`, and no copies: " in text
    assert "Fréchet 1.00 against 2.50 of `dcgan`: 0.40 of it; nearest 0.080, by chance 0.050 ± 0.020 | yes |" in text
    assert "| 1.00 | 0.600 ± 0.010 | 0.080 ± 0.020 (0.050) | 12 |" in text
    assert "Measured on: a CPU, 2 CPUs; mxgan 0.1.0.\n" in text
    assert "pictures/results-ship-100.png" in text
    assert "results-ship-500" not in text
    assert "kept up to 0.50 CPUs busy" in text
    assert max(map(len, (line for line in text.splitlines() if line[:1] not in "|!*"))) <= 120


@pytest.mark.parametrize(
    "frechet, copies, reached",
    [(1.0, NO_COPIES, True), (1.3, NO_COPIES, False), (1.0, COPIES, False), (1.0, None, False)],
)
def test_few_photographs_must_not_be_copied(frechet, copies, reached):
    scores = {"frechet": frechet, **({} if copies is None else {"copies": copies})}
    rows = [row("ship-100-few", weights="ema", **scores), row("ship-100-few", frechet=0.1, copies=NO_COPIES)]
    assert found_of("ship 100", [*rows, row("ship-100-dcgan", frechet=2.5)])[1] is reached


def test_the_page_tells_machines_and_versions_apart(tmp_path):
    rows = [row(), row("hinge"), row("lsgan")]
    rows[1]["machine"] = {**MACHINE, "mxgan": "0.2.0"}
    rows[2]["machine"] = None
    told = page(rows, tmp_path).partition("several versions:\n\n")[2].partition("\n\n")[0]
    assert told.splitlines() == [
        "- a CPU, 2 CPUs; mxgan 0.1.0: dcgan",
        "- a CPU, 2 CPUs; mxgan 0.2.0: hinge",
        "- a machine that was not noted; mxgan 0.0.9: lsgan",
    ]


@pytest.mark.parametrize("recipe", ["sngan", "sngan-projection"])
def test_the_rows_of_sngan_have_the_settings_of_its_examples(recipe):
    example = runpy.run_path(f"{ROOT}/examples/{recipe.replace('-', '_')}.py")["NARROW"]
    asked = ["--recipe", recipe, "--nc", "3", *(word for each in example for word in ("--set", each))]
    planned = ["--recipe", recipe, *plan_named(f"cifar-{recipe}").flags.split()]
    assert config_of(planned).recipe == config_of(asked).recipe


@pytest.mark.parametrize("definitions", [None, DEFINITIONS - 1])
def test_figures_by_earlier_metrics_are_not_used(definitions, tmp_path, capsys):
    figures = {"results": {}, "protocol": {"samples": 10_000, "definitions": DEFINITIONS}}
    places = Places(tmp_path, None, None)
    (job,) = jobs_of([plan_named("hinge")], places)
    (tmp_path / "a.json").write_text(json.dumps(figures))
    assert judging._read(tmp_path / "a.json", job, places) == figures
    rows = [row(), row("hinge")]
    for each in (figures, rows[1]["evaluation"]):
        each["protocol"]["definitions"] = definitions
    (tmp_path / "a.json").write_text(json.dumps(figures))
    assert judging._read(tmp_path / "a.json", job, places) is None
    (tmp_path / "results.json").write_text(json.dumps({"rows": rows}))
    assert rows_in(tmp_path / "results.json") == rows[:1]
    assert "left out, until they are measured by today's metrics: hinge" in capsys.readouterr().err


def judged_by(fingerprint: str, made: dict) -> dict:
    made["evaluation"]["protocol"]["reference"]["classifier"] = {"fingerprint": fingerprint, "seconds": 3.0}
    return made


def test_rows_are_added_to_those_of_a_folder_in_brief(tmp_path):
    """What the output folder no longer has stays: its rows and its pictures; the page is that of all rows."""
    docs, output = tmp_path / "docs", tmp_path / "output"
    (output / "pictures").mkdir(parents=True)
    (docs / "pictures").mkdir(parents=True)
    (docs / "pictures" / "results-hinge-ten.png").write_bytes(b"old")
    (output / "pictures" / "results-dcgan-ten.png").write_bytes(b"new")
    (output / "pictures" / "results-dcgan.png").write_bytes(b"of no page")
    error = {"value": 8.4512345678, "standard_error": 0.5, "unit": "×10³", "better": "min"}
    publish([judged_by("a" * 64, row("hinge", swd=9.25))], tmp_path / "none", docs)
    publish([judged_by("b" * 64, row("dcgan", swd=error, density=1.0))], output, docs)
    made = rows_in(docs / "results.json")
    assert [(each["name"], each["evaluation"]["results"]) for each in made] == [
        ("dcgan", {"swd": {"value": 8.45123, "standard_error": 0.5}}),
        ("hinge", {"swd": {"value": 9.25}}),
    ]
    assert made[0]["evaluation"]["protocol"]["reference"]["classifier"] == {"fingerprint": "b" * 64}
    text = (docs / "results.md").read_text()
    assert all(each["minutes"] is None for each in made)  # as an earlier version noted them for runs of steps
    assert text == page(made, docs)
    assert "| `dcgan` | 1 | 6,000 | 64 | G's own | 8.45 ± 0.50 |" in text
    assert "by the first digits of their sha256: bbbbbbbb: dcgan; aaaaaaaa: hinge." in text
    for name in ("dcgan", "hinge"):
        assert f"| `{name}` | ![ten images](pictures/results-{name}-ten.png) |" in text
    assert {path.name for path in (docs / "pictures").iterdir()} == {
        "results-dcgan-ten.png",
        "results-hinge-ten.png",
    }
    assert set(shown_pictures()["results-ship-100.png"]) == {"ship-100-few", "ship-100-dcgan"}
    assert all(shown_pictures().values())
    (output / "pictures" / "results-dcgan-ten.png").write_bytes(b"of fewer steps")
    publish([{**row("dcgan", swd=50.0), "length": 600}], output, docs)
    assert (docs / "pictures" / "results-dcgan-ten.png").read_bytes() == b"new"
    (docs / "results.json").write_text(json.dumps({"rows": made}))
    publish([row("dcgan", swd=4.0)], output, docs)
    assert [each["evaluation"]["results"]["swd"]["value"] for each in rows_in(docs / "results.json")] == [4.0, 9.25]


def test_a_folder_to_which_no_rows_can_be_added_is_refused_before_anything_is_trained(tmp_path):
    old = row("hinge", swd=9.25)
    old["evaluation"]["protocol"]["definitions"] = DEFINITIONS - 1
    (tmp_path / "results.json").write_text(json.dumps({"rows": [old]}))
    for output, words in (("a", "has rows by earlier metrics, which cannot stand beside today's: hinge."),
                          (".", "--publish and --output are both")):  # fmt: skip
        given = ["--recipe", "hinge", "--output", tmp_path / output, "--publish", tmp_path]
        found = CliRunner().invoke(main, list(map(str, given)))
        assert found.exit_code == 1
        assert words in found.output
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


def test_the_page_of_the_docs_is_that_of_its_figures():
    assert (ROOT / "docs" / "results.md").read_text() == page(rows_in(ROOT / "docs" / "results.json"), ROOT / "docs")


@pytest.mark.parametrize("scores", [None, [], [{"step": 2, "frechet": 3.0}]])
def test_a_course_of_less_than_two_points_is_not_drawn(scores, tmp_path):
    (job,) = jobs_of([plan_named("wgan-gp")._replace(seeds=(0,))], Places(tmp_path, None, None))
    job.folder.mkdir()
    (job.folder / "history.jsonl").write_text('{"step": 1, "wasserstein": 0.5}\n')
    if scores is not None:
        (job.folder / "evaluation.jsonl").write_text("".join(json.dumps(each) + "\n" for each in scores))
    draw_estimate(job, tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()


def test_few_photographs_are_drawn_without_their_archive(tmp_path):
    """As by a later command on another suite, which has none."""
    places = Places(tmp_path, None, None)
    (job,) = jobs_of([plan_named("ship-100-dcgan")], places, minutes=1)
    recipe = override(RECIPES["dcgan"], {"nc": 3, "image_size": 16, "ngf": 4, "ndf": 4, "batch_size": 8})
    photographs = few_place(job, places) / CHOSEN
    photographs.mkdir(parents=True)
    for number in range(64):
        pixels = np.random.default_rng(number).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        cv2.imwrite(str(photographs / f"{number}.png"), pixels)
    config = mxgan.RunConfig(recipe, dataset="folder", data_dir=str(photographs), steps=1)
    mxgan.start(config, job.folder, "none").run()
    rows = [{**row("ship-100-dcgan", frechet=2.5), "length": 1, "folder": job.folder.name}]
    _write_page(rows, places)
    assert (tmp_path / "pictures" / "results-ship-100.png").is_file()
    shutil.rmtree(few_place(job, places))
    (tmp_path / "pictures" / "results-ship-100.png").unlink()
    _write_page(rows, places)
    assert not (tmp_path / "pictures" / "results-ship-100.png").exists()


def test_no_error_of_a_job_ends_the_others(tmp_path):
    """An OSError and an MXGANError, before anything is trained: a time file that is a folder, an archive too small."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("ship/0.png", b"")
    output = tmp_path / "results"
    for seed in (0, 1):
        (output / f"hinge-{seed}-4000steps.time.json").mkdir(parents=True)
    words = ["--suite", "mnist", "--recipe", "hinge", "--suite", "few", "--recipe", "ship-100-few"]
    words += ["--photographs", tmp_path / "a.zip", "--seed", 0, "--seed", 1, "--output", output]
    found = CliRunner().invoke(main, list(map(str, words)))
    assert isinstance(found.exception, SystemExit), found.exception
    told = found.output[found.output.index("Error: ") :]
    for name in ("hinge-0-4000steps", "hinge-1-4000steps", "ship-100-few-0-45minutes", "ship-100-few-1-45minutes"):
        assert f"{name}: " in told
    assert "100 photographs of 1 cannot be chosen" in told


def test_shares_seeds_and_minutes_make_other_folders(tmp_path):
    places, plans = Places(tmp_path, None, None), [plan_named("dcgan"), plan_named("ship-100-few")]
    names = [job.folder.name for job in jobs_of(plans, places)]
    assert names == ["dcgan-0-6000steps", "dcgan-1-6000steps", "dcgan-2-6000steps", "ship-100-few-0-45minutes"]
    names = [job.folder.name for job in jobs_of(plans, places, share=0.001, seeds=[7], minutes=10)]
    assert names == ["dcgan-7-6steps", "ship-100-few-7-0.01minutes"]
    names = [job.folder.name for job in jobs_of(plans, places, seeds=[7], minutes=10, clock="cpu")]
    assert names == ["dcgan-7-6000steps", "ship-100-few-7-10minutes-cpu"]


def test_plans_are_chosen_by_suite_recipe_and_name():
    assert chosen_plans(["mnist"], ["dcgan"]) == [plan_named("headline"), plan_named("dcgan")]
    assert chosen_plans(["cifar", "few"], ["cifar-pytorch"]) == [plan_named("cifar-pytorch")]
    assert chosen_plans(["all"], ["all"]) == PLANS


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--recipe", "dcgann"], "no plan for dcgann; there are dcgan, headline"),
        (["--suite", "cifar"], "cifar10_train.zip does not exist; name the archive"),
    ],
)
def test_what_cannot_be_run_is_refused(arguments, message, tmp_path, monkeypatch):
    monkeypatch.setenv("MXGAN_DATA", str(tmp_path))
    found = CliRunner().invoke(main, [*arguments, "--output", str(tmp_path / "results")])
    assert found.exit_code == 1
    assert message in found.output
    assert not (tmp_path / "results").exists()


def test_the_list_names_every_run_and_trains_nothing(tmp_path):
    found = CliRunner().invoke(main, ["--suite", "all", "--list", "--output", str(tmp_path / "results")])
    assert found.exit_code == 0, found.output
    assert len(found.output.splitlines()) == sum(len(plan.seeds) for plan in PLANS)
    assert not (tmp_path / "results").exists()
