"""`python -m benchmarks.results`: training and evaluation of every recipe on MNIST, for the table of the README.

Each run is `mxgan train … --resume auto` and `mxgan evaluate` in their own processes: after a stop, the same command
continues. No checkpoint is chosen by its score: the last one of each run is measured.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, Optional

import click
import numpy as np

from mxgan.runtime.cpus import usable_cpus

SMALL = "--nc 1 --ngf 32 --ndf 32 --set image_size=32"
MEDIUM = "--nc 1 --ngf 32 --ndf 32"  # 64×64
LINES = 10  # number of log lines over which the critic's estimate is averaged
PUBLISHED = 16_384  # number of images in the only published SWD of a DCGAN on MNIST at 64×64


class Plan(NamedTuple):
    """The training of a recipe here: number of steps, flags that change the recipe, number of measured samples."""

    steps: int
    flags: str = ""
    samples: int = 10_000


PLANS = {
    "dcgan": Plan(6_000, f"{MEDIUM} --ema 0.999", PUBLISHED),
    "dcgan-original": Plan(6_000, f"{MEDIUM} --ema 0.999", PUBLISHED),
    "wgan-gp": Plan(3_000, f"{SMALL} --ema 0.999 --evaluate-every 250"),
    "cgan": Plan(12_000, "--ema 0.999"),
    "acgan": Plan(12_000, "--ema 0.999"),
    "lsgan": Plan(4_000, SMALL),
    "hinge": Plan(4_000, SMALL),
    "wgan": Plan(1_500, SMALL),
    "ssgan": Plan(4_000),
    "mlp-gan": Plan(18_760),
    "mlp-gan-64": Plan(3_000, "--set nc=1"),
    "encoder-decoder-gan": Plan(1_600, "--set nc=1"),
    "cbr-gan": Plan(500, "--set width=1 --set nc=1 --batch-size 32 --limit 10000"),
}
COLUMNS = {
    "swd": ("SWD ×10³", ".2f"),
    "swd_padded": ("the same, padded", ".2f"),
    "ms_ssim": ("MS-SSIM (data)", ".4f"),
    "frechet": ("Fréchet", ".2f"),
    "label_kl": ("KL of labels", ".4f"),
    "missing_classes": ("missing", ".0f"),
    "precision": ("precision", ".3f"),
    "recall": ("recall", ".3f"),
    "digits_right": ("digits right", ".4f"),  # class_agreement, or test accuracy of a classifying D
}
WEIGHTS = {"raw": "G's own", "ema": "average"}


class Job(NamedTuple):
    """One run and its folder."""

    recipe: str
    seed: int
    steps: int
    folder: Path


@click.command()
@click.option("--recipe", "recipes", multiple=True, default=("all",), help="One of PLANS, or all; may be given again.")
@click.option("--data-dir", type=click.Path(exists=True, file_okay=False), help="MNIST; left out: as `mxgan train`.")
@click.option("--seed", "seeds", type=int, multiple=True, default=(0,), show_default=True, help="May be given again.")
@click.option("--share", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True, help="Of the steps.")
@click.option("--jobs", type=click.IntRange(1), default=2, show_default=True, help="Runs at a time.")
@click.option("--output", type=click.Path(), default="results", show_default=True, help="Folder of runs and table.")
def main(
    recipes: Sequence[str], data_dir: Optional[str], seeds: Sequence[int], share: float, jobs: int, output: str
) -> None:
    """Train and measure recipes, and print the tables of all results in the output folder, which also has pictures."""
    folder, names = Path(output), list(PLANS) if "all" in recipes else list(dict.fromkeys(recipes))
    unknown = sorted(set(names) - set(PLANS))
    if unknown:
        raise click.ClickException(f"no plan for {', '.join(unknown)}; there are {', '.join(PLANS)}.")
    folder.mkdir(parents=True, exist_ok=True)
    every = [_job(folder, name, seed, max(1, round(share * PLANS[name].steps)))
             for seed in dict.fromkeys(seeds) for name in names]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": str(max(1, usable_cpus() // jobs))}
    with ThreadPoolExecutor(jobs) as pool:
        rows = [row for found in pool.map(lambda job: measured(job, data_dir, environment), every) for row in found]
    rows = with_earlier(rows, folder / "results.json")
    (folder / "results.json").write_text(json.dumps(rows, indent=1) + "\n")
    found = tables(rows)
    (folder / "results.md").write_text(found)
    draw_grids(first_seeds(rows, folder), folder / "grids.png")
    for job in every:
        if job.recipe == "wgan-gp":
            draw_estimate(job, folder / f"wgan-gp-{job.seed}.png")
    click.echo(found)


def _job(folder: Path, recipe: str, seed: int, steps: int) -> Job:
    return Job(recipe, seed, steps, folder / f"{recipe}-{seed}-{steps}")


def measured(job: Job, data_dir: Optional[str], environment: dict) -> list:
    """The rows of one run: for the generator's weights, and for their average if the run has one."""
    plan, data = PLANS[job.recipe], ["--data-dir", data_dir] if data_dir else []
    train = ["train", "--recipe", job.recipe, "--dataset", "mnist", *data, "--seed", str(job.seed), *plan.flags.split()]
    train += ["--steps", str(job.steps), "--display", "none", "--sample-every", str(max(1, job.steps // 10))]
    timed = job.folder.with_name(f"{job.folder.name}.seconds")
    spent = float(timed.read_text()) if timed.exists() else 0.0  # over all parts of a resumed run
    if not (job.folder / "checkpoints" / f"{job.steps:06d}").exists():
        began = time.monotonic()
        try:
            run([*train, "--run-dir", str(job.folder), "--resume", "auto"], job, environment)
        finally:
            spent += time.monotonic() - began
            timed.write_text(str(spent))
    rows = []
    for weights in ["raw", *["ema"] * ("--ema" in plan.flags)]:
        found = evaluated(job, weights, [], data, environment)
        if plan.samples == PUBLISHED:
            padded = evaluated(job, weights, ["--metric", "swd", "--pyramid", "padded"], data, environment)
            found["results"]["swd_padded"] = padded["results"]["swd"]
        rows.append({**job._asdict(), "folder": job.folder.name, "weights": weights, "minutes": spent / 60,
                     "evaluation": found})  # fmt: skip
        right = _test_accuracy(job) or found["results"].get("class_agreement")
        if right is not None:
            found["results"]["digits_right"] = right
    return rows


def evaluated(job: Job, weights: str, flags: list, data: list, environment: dict) -> dict:
    """The JSON of `mxgan evaluate` for "raw" or "ema" weights, in a file beside the run; renewed for another plan."""
    kept = job.folder.with_name("-".join([job.folder.name, weights, *flags[-1:]]) + ".json")
    wanted = PLANS[job.recipe].samples
    if kept.exists() and json.loads(kept.read_text())["protocol"]["samples"] != wanted:
        kept.unlink()
    if not kept.exists():
        run(["evaluate", str(job.folder), f"--{weights}", "--samples", str(wanted), *flags, *data, "--output",
             str(kept)], job, environment)  # fmt: skip
    return json.loads(kept.read_text())


def run(arguments: list, job: Job, environment: dict) -> None:
    """Run `mxgan …` with its output in a log file beside the run; ClickException with the log's path if it fails."""
    log = job.folder.with_name(f"{job.folder.name}.log")
    with log.open("a") as stream:
        command = [sys.executable, "-m", "mxgan", *arguments]
        found = subprocess.run(command, env=environment, stdout=stream, stderr=subprocess.STDOUT, check=False)
    if found.returncode:
        raise click.ClickException(f"{' '.join(arguments)} ended with {found.returncode}: see {log}")


def _test_accuracy(job: Job) -> Optional[dict]:
    path = job.folder / "evaluation.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return next(({"value": line["test_accuracy"]} for line in reversed(lines) if "test_accuracy" in line), None)


def with_earlier(rows: Sequence[dict], path: Path) -> list:
    """These rows and the rows of earlier commands in the same folder, in the order of PLANS."""
    earlier = json.loads(path.read_text()) if path.exists() else []
    known = {_key(row): row for row in [*earlier, *rows]}
    return sorted(known.values(), key=lambda row: (list(PLANS).index(row["recipe"]), *_key(row)[1:]))


def _key(row: dict) -> tuple:
    return row["recipe"], row["steps"], row["weights"] != "raw", row["seed"]


def first_seeds(rows: Sequence[dict], folder: Path) -> list:
    """The job of the first seed for each recipe and number of steps."""
    jobs = {(row["recipe"], row["steps"]): row for row in reversed(rows)}
    return [Job(row["recipe"], row["seed"], row["steps"], folder / row["folder"]) for row in reversed(jobs.values())]


def tables(rows: Sequence[dict]) -> str:
    """Markdown: a line for each recipe and kind of weights; with several seeds, also a table with a line for each."""
    several = len({row["seed"] for row in rows}) > 1
    return table(rows) + ("\n" + table(rows, each_seed=True) if several else "")


def table(rows: Sequence[dict], each_seed: bool = False) -> str:
    """A Markdown table; if a line has several seeds, its cells are mean ± standard deviation (n - 1)."""
    groups: dict = {}
    for row in rows:
        groups.setdefault(_key(row)[: 4 if each_seed else 3], []).append(row)
    heads = ["recipe", "seed" if each_seed else "seeds", "steps", "side", "weights", *COLUMNS, "minutes"]
    titles = [COLUMNS[head][0] if head in COLUMNS else head for head in heads]
    lines = [f"| {' | '.join(titles)} |", f"| --- | ---: | ---: | ---: | --- |{' ---: |' * (len(heads) - 5)}"]
    for found in groups.values():
        row = found[0]
        results = [each["evaluation"]["results"] for each in found]
        cells = [_cell([each.get(name) for each in results], form) for name, (_, form) in COLUMNS.items()]
        first = [f"`{row['recipe']}`", row["seed"] if each_seed else len(found), f"{row['steps']:,}", _side(row)]
        minutes = np.mean([each["minutes"] for each in found])
        lines.append(f"| {' | '.join(map(str, [*first, WEIGHTS[row['weights']], *cells, f'{minutes:.0f}']))} |")
    return "\n".join(lines) + "\n"


def _side(row: dict) -> int:
    return row["evaluation"]["protocol"]["reference"]["image_shape"][-1]


def _cell(scores: Sequence[Optional[dict]], form: str) -> str:
    if None in scores:
        return ""
    values = [score["value"] for score in scores]
    if None in values:
        return "not finite"
    spread = f" ± {np.std(values, ddof=1):{form}}" if len(values) > 1 else ""
    own = scores[0].get("reference")
    return f"{np.mean(values):{form}}{spread}" + (f" ({own:{form}})" if isinstance(own, float) else "")


def draw_grids(jobs: Sequence[Job], target: Path) -> None:
    """One row for each run: ten images from its last picture, evenly spaced so that all classes appear."""
    from mxgan.pictures.grid import GAP, save_png
    from mxgan.runs.config import recorded_config
    from mxgan.runtime import cv2
    from mxgan.training.run_folder import RunFolder

    strips = []
    for job in jobs:
        picture = cv2.imread(str(max(job.folder.glob("samples/gout-*.png"))))
        *_, side = recorded_config(RunFolder.open(job.folder)).recipe.network.image_shape
        places = [range(0, length, side + GAP) for length in picture.shape[:2]]
        cells = [picture[top : top + side, left : left + side] for top in places[0] for left in places[1]]
        chosen = np.concatenate(cells[:: max(1, len(cells) // 10)][:10], axis=1)
        shown = cv2.resize(chosen, (64 * chosen.shape[1] // side, 64), interpolation=cv2.INTER_AREA)
        strips.append(np.pad(shown, ((0, 0), (0, 640 - shown.shape[1]), (0, 0))))
    save_png(target, np.concatenate(strips)[..., ::-1])


def draw_estimate(job: Job, target: Path) -> None:
    """Plot the critic's Wasserstein estimate and the Fréchet distance over the steps, with their correlation."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import LogLocator
    from scipy.stats import pearsonr, spearmanr

    scores = [json.loads(line) for line in (job.folder / "evaluation.jsonl").read_text().splitlines()]
    history = [json.loads(line) for line in (job.folder / "history.jsonl").read_text().splitlines()]
    found = [each for each in scores if each.get("frechet") is not None and history[0]["step"] <= each["step"]]
    steps, distances = [each["step"] for each in found], [each["frechet"] for each in found]
    estimates = [np.mean([each["wasserstein"] for each in history if each["step"] <= step][-LINES:]) for step in steps]
    linear, ranks = pearsonr(distances, estimates)[0], spearmanr(distances, estimates)[0]
    figure, axes = pyplot.subplots(figsize=(6, 3.5), layout="constrained")
    axes.plot(steps, estimates, "b.-", label=f"critic's estimate, mean of {LINES} log lines")
    axes.set(xlabel="step", ylabel="Wasserstein estimate")
    axes.set_title(f"wgan-gp: correlation {linear:.2f}, of the ranks {ranks:.2f}")
    other = axes.twinx()
    other.plot(steps, distances, "r.-", label="Fréchet distance of 1,000 samples")
    other.set(ylabel="Fréchet distance")
    for each, values in ((axes, estimates), (other, distances)):
        if min(values) > 0:  # a critic's first estimates may be negative
            each.set_yscale("log")
            each.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            each.yaxis.set_major_formatter("{x:g}")
            each.yaxis.set_minor_formatter("")
    figure.legend(loc="upper right", bbox_to_anchor=(0.85, 0.85))
    figure.savefig(target, dpi=100)
    pyplot.close(figure)


if __name__ == "__main__":
    main()
