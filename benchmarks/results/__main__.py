"""`python -m benchmarks.results`: train and judge all that docs/results.md tells of.

Each run is a process of its own that can be stopped: the same command continues. Runs of a number of steps come first,
several at a time; then those of a wall time, one after the other. By `--clock cpu` the time is that of each run's own
share of the CPUs, so they run several at a time too, beside whatever else the machine does. No checkpoint is chosen by
its score: the last one of each run is measured. The tables, the page results.md and the folder pictures are written
into the output folder; `--publish docs` adds them to those that are there.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Optional

import click

from benchmarks.results import pictures
from benchmarks.results.clocks import CLOCKS
from benchmarks.results.jobs import Job, Places, check_ranks, few_place, jobs_of, trained
from benchmarks.results.judging import figures_of, real_figures
from benchmarks.results.page import STRIPS, page
from benchmarks.results.plans import PLANS, SUITES
from benchmarks.results.record import RECORD, check_target, publish, rows_in, write_rows
from benchmarks.results.tables import joined, tables
from mxgan.errors import MXGANError
from mxgan.runtime.cpus import usable_cpus
from mxgan.runtime.files import write_whole

__all__ = ["chosen_plans", "main"]

ARCHIVE = "cifar10_train.zip"


@click.command(help=__doc__)
@click.option(
    "--suite",
    "suites",
    multiple=True,
    type=click.Choice([*SUITES, "all"]),
    default=("mnist",),
    show_default=True,
    help="May be given again.",
)
@click.option(
    "--recipe",
    "names",
    multiple=True,
    default=("all",),
    help="A recipe, or the name of a run, in these suites; may be given again.",
)
@click.option(
    "--data-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="MNIST; left out: as `mxgan train`.",
)
@click.option(
    "--photographs",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=f"Zip archive of CIFAR-10's training images in class folders; left out: $MXGAN_DATA/{ARCHIVE}.",
)
@click.option("--seed", "seeds", type=int, multiple=True, help="May be given again; left out: those of each plan.")
@click.option("--share", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True, help="Of the length.")
@click.option(
    "--minutes",
    type=click.FloatRange(0, min_open=True),
    help="Of each timed run; left out: 90 of a run on CIFAR-10, 45 of one on few photographs.",
)
@click.option("--clock", type=click.Choice([*CLOCKS]), default="wall", show_default=True, help="Of timed runs.")
@click.option(
    "--ranks",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Processes of each timed run of mxgan, over MPI. PyTorch has one process with as many threads as CPUs.",
)
@click.option("--jobs", type=click.IntRange(1), default=2, show_default=True, help="Runs of steps at a time.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default="results",
    show_default=True,
    help="Folder of runs, tables and pictures.",
)
@click.option(
    "--publish",
    "into",
    type=click.Path(file_okay=False, path_type=Path),
    help="Add the rows to this folder's results.json too, and write its results.md and pictures anew: docs.",
)
@click.option("--list", "only_list", is_flag=True, help="Print the runs and their length, and stop.")
def main(suites, names, data_dir, photographs, seeds, share, minutes, clock, ranks, jobs, output, into, only_list):
    """Train and judge the runs of some suites, and print their tables."""
    plans = chosen_plans(suites, names)
    places = Places(output.resolve(), data_dir and data_dir.resolve(), _archive(photographs, plans, only_list))
    wanted = jobs_of(plans, places, share, seeds, minutes, clock, ranks)
    if only_list:
        for job in wanted:
            click.echo(f"{job.plan.suite:10}{job.plan.name:26}seed {job.seed}  {job.length:,g} {job.plan.unit}")
        return
    check_ranks(ranks)
    if into is not None:
        check_target(into, places.output)
    places.output.mkdir(parents=True, exist_ok=True)
    record, failed = places.output / RECORD, []
    earlier = rows_in(record)
    for rows in _finished(wanted, places, jobs, failed):
        earlier = joined(rows, earlier)
        write_rows(record, earlier)
    _write_page(earlier, places)
    if into is not None and earlier:
        publish(earlier, places.output, into)
    for suite in dict.fromkeys(plan.suite for plan in plans):
        if any(row["suite"] == suite for row in earlier):
            click.echo(f"{SUITES[suite].title}\n\n{tables(earlier, suite)}")
    if failed:
        raise click.ClickException("; ".join(failed))


def chosen_plans(suites: Sequence[str], names: Sequence[str]) -> list:
    """The plans of these suites with these names or recipes; ClickException for a name that none has."""
    plans = [plan for plan in PLANS if "all" in suites or plan.suite in suites]
    if "all" in names:
        return plans
    known = dict.fromkeys(name for plan in plans for name in (plan.recipe, plan.name) if name)
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise click.ClickException(f"no plan for {', '.join(unknown)}; there are {', '.join(known)}.")
    return [plan for plan in plans if {plan.recipe, plan.name} & set(names)]


def _archive(given: Optional[Path], plans: Sequence, only_list: bool) -> Optional[Path]:
    """The archive of photographs, if a plan needs one; ClickException if there is none."""
    if only_list or all(SUITES[plan.suite].data != "photographs" for plan in plans):
        return None
    found = given or Path(os.environ.get("MXGAN_DATA", ".")) / ARCHIVE
    if not found.is_file():
        raise click.ClickException(
            f"{found} does not exist; name the archive of CIFAR-10's images: --photographs FILE."
        )
    return found.resolve()


def _finished(wanted: Sequence[Job], places: Places, jobs: int, failed: list) -> Iterator[list]:
    """The rows of each job when it is trained and judged; what fails is told at the end, and the others go on."""
    alone = [job for job in wanted if job.plan.is_timed and job.clock == "wall"]
    together = [job for job in wanted if job not in alone]
    row_of = functools.partial(_rows_or_failure, places=places, failed=failed)
    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(functools.partial(row_of, threads=max(1, usable_cpus() // jobs)), together)
    yield from map(row_of, alone)


def _rows_or_failure(job: Job, places: Places, failed: list, threads: Optional[int] = None) -> list:
    try:
        return _rows(job, places, threads)
    except (click.ClickException, MXGANError, OSError) as error:
        told = error.message if isinstance(error, click.ClickException) else f"{job.folder.name}: {error}"
        click.echo(f"{job.folder.name}: {told}", err=True)
        failed.append(told)
        return []


def _rows(job: Job, places: Places, threads: Optional[int]) -> list:
    """One row for each kind of weights; of the peer also one of other photographs, to compare with."""
    known = trained(job, places, threads)
    found = figures_of(job, places, threads)
    same = {"name": job.plan.name, "suite": job.plan.suite, "recipe": job.plan.recipe, "seed": job.seed}
    same.update(length=job.length, unit=job.plan.unit, folder=job.folder.name, busy_cpus=known.get("busy_cpus"))
    same.update(machine=known.get("machine"), clock=job.clock, threads=known.get("threads"), ranks=job.ranks)
    timed = {"steps": known.get("steps"), "images": known.get("images"), "minutes": None}
    if job.plan.is_timed:  # the time of others says little: several at a time, beside whatever else the machine does
        timed["minutes"] = known["seconds"] / 60
    rows = [{**same, **timed, "weights": weights, "evaluation": each} for weights, each in found.items()]
    if not job.plan.is_timed:
        for row in rows:
            row["steps"] = row["evaluation"]["protocol"]["checkpoint"]
    elif job.plan.recipe is None:
        figures = real_figures(job.plan.samples, places)
        rows.append({**same, **dict.fromkeys(timed), "weights": "real", "evaluation": figures, "busy_cpus": None})
    return rows


def _write_page(rows: Sequence[dict], places: Places) -> None:
    """Draw the pictures of all rows whose runs are in the output folder, and write the page."""
    if not rows:
        return
    folder = places.output / "pictures"
    folder.mkdir(exist_ok=True)
    _draw(_first_jobs(rows, places), places, folder)
    write_whole(places.output / "results.md", page(rows, places.output))


def _first_jobs(rows: Sequence[dict], places: Places) -> dict:
    """{name: job} of the first seed of the longest run of each plan."""
    plans, found = {plan.name: plan for plan in PLANS}, {}
    for row in (row for row in rows if row["name"] in plans):  # a plan may have gone since
        job = Job(plans[row["name"]], row["seed"], row["length"], places.output / row["folder"])
        if job.folder.is_dir() and (row["name"] not in found or job.length > found[row["name"]].length):
            found[row["name"]] = job
    return found


def _draw(jobs: dict, places: Places, folder: Path) -> None:
    if "wgan-gp" in jobs:
        pictures.draw_estimate(jobs["wgan-gp"], folder / "results-wgan-gp.png")
    for name, job in jobs.items():
        if name in STRIPS:
            pictures.draw_strip(job, folder / STRIPS[name])
        elif not job.plan.few:
            pictures.draw_grid(job, folder / f"results-{name}.png")
    for few in dict.fromkeys(job.plan.few for job in jobs.values() if job.plan.few):
        own = [job for job in jobs.values() if job.plan.few == few]
        if few_place(own[0], places).is_dir():
            pictures.draw_few(own, places, folder / f"results-{few.title}-{few.count}.png")


if __name__ == "__main__":
    main()
