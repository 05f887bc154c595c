"""`python -m benchmarks.quality`: minutes until the digits of `mxgan train --recipe dcgan`, and of PyTorch, are good.

Both train on MNIST, 64×64, one channel, width 32, batch 64, on all CPUs, one after the other: every few minutes one
stops, its samples are judged while its clock stands, and the other has its turn. The sliced Wasserstein distance (SWD)
is that of `mxgan evaluate`, of both to the same images. PyTorch's example has the better of its two kinds of samples.
The same command continues after a stop.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

import click

from benchmarks.machine import LOAD_ALLOWED, busy_cpus, describe, machine_in_words
from benchmarks.quality.contest import CONTENDERS, Contest, Judge, drawn, train_to
from benchmarks.quality.plot import draw_courses
from benchmarks.results.clocks import CLOCKS
from mxgan.runtime.files import write_whole

__all__ = ["THRESHOLDS", "best", "compare", "main", "minutes_to", "table"]

THRESHOLDS = (10.0, 6.0)  # SWD × 10³
RESULT, PLOT = "quality.json", "quality.png"


def compare(contest: Contest, minutes: float, every: float, folder: Path) -> dict:
    """Train and judge both until `minutes`, every `every` minutes: the content of FOLDER/quality.json.

    What is in the file already is kept. Raises ClickException if the file is of other settings, or of later minutes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    result, judge = folder / RESULT, None
    told = _begun(result, contest)
    ends = _ends(minutes, every)
    _check_ends(ends, told["rows"], result)
    write_whole(result, json.dumps(told, indent=1) + "\n")  # its settings, for a command that goes on
    for until in ends:
        for who in CONTENDERS:
            if any(row["who"] == who and row["until"] == until for row in told["rows"]):
                continue
            row = {"who": who, "until": until, **train_to(contest, who, 60 * until, folder)}
            judge = judge or Judge(contest)
            row["swd"] = {kind: judge.swd(images) for kind, images in drawn(contest, who, folder).items()}
            told["rows"].append(row)
            write_whole(result, json.dumps(told, indent=1) + "\n")
            click.echo(
                f"{who}: {row['seconds'] / 60:.1f} minutes, step {row['steps']:,}, SWD {best(row):.2f}", err=True
            )
    return told


def _begun(result: Path, contest: Contest) -> dict:
    if not result.exists():
        return {"machine": describe(), "contest": contest.as_dict(), "rows": []}
    told = json.loads(result.read_text(encoding="utf-8"))
    if told["contest"] != contest.as_dict():
        raise click.ClickException(
            f"{result} has other settings ({told['contest']}) than this command ({contest.as_dict()}); give another "
            "--output."
        )
    return told


def _check_ends(ends: list, rows: Sequence[dict], result: Path) -> None:
    """Raise ClickException if a training is past one of the ends and was not judged there."""
    for who in CONTENDERS:
        judged = {row["until"] for row in rows if row["who"] == who}
        missed = [f"{end:g}" for end in ends if end < max(judged, default=0) and end not in judged]
        if missed:
            raise click.ClickException(
                f"in {result}, {who} is at minute {max(judged):g} and was not judged at {', '.join(missed)}; give "
                "--every and --minutes as before, a larger --minutes, or another --output."
            )


def _ends(minutes: float, every: float) -> list:
    """The minutes at which the trainings stop: `every`, 2 · `every`, …, and `minutes`."""
    return [*(every * count for count in range(1, int(minutes / every) + 1) if every * count < minutes), minutes]


def best(row: dict) -> float:
    """The SWD of the better kind of samples."""
    return min(each["value"] for each in row["swd"].values())


def minutes_to(rows: Sequence[dict], who: str, threshold: float) -> Optional[float]:
    """The minutes of training at the first judgement at or below the threshold; None if there is none."""
    reached = [row["seconds"] / 60 for row in rows if row["who"] == who and best(row) <= threshold]
    return min(reached, default=None)


def table(told: dict) -> str:
    """The minutes to each threshold, and the last SWD, as Markdown."""
    heads = [f"SWD ≤ {threshold:g}, minutes" for threshold in THRESHOLDS]
    lines = [machine_in_words(told["machine"]), "", f"| | {' | '.join(heads)} | last SWD, after minutes |",
             f"| --- |{' ---: |' * (len(heads) + 1)}"]  # fmt: skip
    for who in CONTENDERS:
        rows = [row for row in told["rows"] if row["who"] == who]
        found = [minutes_to(rows, who, threshold) for threshold in THRESHOLDS]
        cells = ["not reached" if each is None else f"{each:.1f}" for each in found]
        last = f"{best(rows[-1]):.2f}, {rows[-1]['seconds'] / 60:.1f}" if rows else "none"
        lines.append(f"| {who} | {' | '.join(cells)} | {last} |")
    return "\n".join(lines) + "\n"


@click.command(help=__doc__)
@click.option("--minutes", type=click.FloatRange(0, min_open=True), default=30, show_default=True, help="Of each.")
@click.option("--every", type=click.FloatRange(0, min_open=True), default=3, show_default=True, help="Minutes.")
@click.option("--samples", type=click.IntRange(8), default=10_000, show_default=True, help="Judged images.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--clock", type=click.Choice([*CLOCKS]), default="wall", show_default=True, help="Whose time.")
@click.option("--data-dir", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="MNIST; by default $MXGAN_DATA/mnist, else as `mxgan train` finds it.")  # fmt: skip
@click.option("--output", type=click.Path(path_type=Path), default="quality", show_default=True, help="Its folder.")
def main(minutes, every, samples: int, seed: int, clock: str, data_dir: Optional[Path], output: Path) -> None:
    """Compare on MNIST."""
    found = busy_cpus() if clock == "wall" else 0.0
    if found > LOAD_ALLOWED:
        click.echo(
            f"Others keep {found:.2f} CPUs busy; --clock cpu counts the time of these trainings alone.", err=True
        )
    if data_dir is None and os.environ.get("MXGAN_DATA"):
        data_dir = Path(os.environ["MXGAN_DATA"], "mnist")
    place = str(data_dir.resolve()) if data_dir else None
    contest = Contest(data_dir=place, samples=samples, seed=seed, clock=clock)
    told = compare(contest, minutes, every, output.resolve())
    draw_courses(told["rows"], THRESHOLDS, output / PLOT)
    click.echo(table(told), nl=False)


if __name__ == "__main__":
    main()
