"""`python -m benchmarks.scaling`: what the exchange between ranks costs, and a model of trainings on many machines.

Measured are: steps of one process by the size of its part of a batch, and steps of two ranks, which have half of this
machine's cores each, by shared memory and over links of a given rate between two network namespaces. The model takes
its numbers from one process and from shared memory, so its prediction for a link is a test of it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple, Optional

import click

from benchmarks.machine import LOAD_ALLOWED, busy_cpus, describe
from benchmarks.scaling_model import BATCH, LATENCIES, Work, plot_efficiency, table_of
from mxgan.runtime.cpus import usable_cpus
from tests.namespaces import NoHostsError, two_hosts

ROOT = Path(__file__).resolve().parents[1]
RANKS = 2
PARTS = [BATCH >> power for power in range(BATCH.bit_length())]  # 64 … 1
BEGIN, END = "<!-- python -m benchmarks.scaling: begin -->\n", "<!-- python -m benchmarks.scaling: end -->\n"
PATIENCE = 300.0  # seconds for one job


class Place(NamedTuple):
    """Where two ranks run: the rate of their link in Gbit/s; None: on one host, through shared memory."""

    gbit: Optional[float]

    @property
    def name(self) -> str:
        """As a table has it."""
        return "shared memory" if self.gbit is None else f"{self.gbit:g} Gbit/s"


def measured_alone(width: int, size: int, rounds: int) -> list:
    """Steps of one process with all cores: [{part, compute, …}] from 64 images down to 1."""
    return _told([], {"width": width, "size": size, "parts": PARTS, "rounds": rounds})


def measured_together(place: Place, settings: dict, folder: Path) -> dict:
    """Steps of two ranks, each with half of the batch and half of the cores; see rank_step.py for what is told."""
    program = shutil.which(str(Path(sys.executable).with_name("mpirun"))) or shutil.which("mpirun")
    if program is None:
        raise click.ClickException('there is no mpirun: pip install ".[mpi]".')
    passed = ["-x", "OMP_NUM_THREADS", "-x", "PYTHONPATH", "-n", str(RANKS)]
    settings = {**settings, "parts": [BATCH // RANKS]}
    if place.gbit is None:
        shared = ["--allow-run-as-root", "--oversubscribe", "--bind-to", "none"]
        return _told([program, *shared, *passed], settings)[0]
    with two_hosts(folder, rate=f"{1000 * place.gbit:g}mbit") as hosts:
        return _told(hosts.on_first([program, *hosts.of_mpirun(), *passed]), settings)[0]


def _told(before: Sequence[str], settings: dict) -> list:
    """What rank_step.py tells, started by the command `before`."""
    threads = {"OMP_NUM_THREADS": str(max(1, usable_cpus() // RANKS))} if before else {}
    done = subprocess.run(
        [*before, sys.executable, "-m", "benchmarks.rank_step", json.dumps(settings)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **threads},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    if done.returncode:
        raise click.ClickException(f"rank_step ended with {done.returncode}: {done.stderr[-2000:]}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def measure(widths: Sequence[int], size: int, rates: Sequence[float], rounds: int) -> dict:
    """All measurements: {"alone": {width: …}, "together": [{"width", "compression", "gbit", …}]}."""
    found: dict = {"alone": {}, "together": []}
    for width in widths:
        click.echo(f"width {width} …", err=True)
        found["alone"][str(width)] = measured_alone(width, size, rounds)
        for compression in (None, "bf16"):
            for place in map(Place, (None, *rates)):
                settings = {"width": width, "size": size, "compression": compression, "rounds": rounds}
                try:
                    with nullcontext() if place.gbit is None else tempfile.TemporaryDirectory() as folder:
                        told = measured_together(place, settings, Path(folder or "."))
                except NoHostsError as error:
                    click.echo(f"{place.name} is left out: {error}.", err=True)
                    continue
                found["together"].append({"width": width, "compression": compression, "gbit": place.gbit, **told})
    return found


def works(found: dict, width: int) -> dict:
    """{compression: Work} of a width: compute of one process, handling as between two ranks in shared memory."""
    compute = {each["part"]: each["compute"] for each in found["alone"][str(width)]}
    near = [each for each in found["together"] if each["width"] == width and each["gbit"] is None]
    return {
        each["compression"]: Work(compute, each["bytes"], each["exchange"], 0.5 if each["compression"] else 1.0)
        for each in near
    }


def measured_lines(found: dict) -> list:
    """The measured exchanges as lines of Markdown, each with the step that the model predicts for it."""
    heads = ["width", "between two ranks", "gradients", "a rank sends", "compute", "exchange", "step", "model's step"]
    lines = [f"| {' | '.join(heads)} |", "| ---: | --- | --- |" + " ---: |" * 5]
    for each in found["together"]:
        work = works(found, each["width"])[each["compression"]]
        near = next(
            other
            for other in found["together"]
            if other["gbit"] is None and all(other[key] == each[key] for key in ("width", "compression"))
        )
        wire = 0.0 if each["gbit"] is None else 8 * work.bytes_sent(RANKS) / (each["gbit"] * 1e9)
        model = near["compute"] + near["exchange"] + wire  # no latency: the link has none to speak of
        times = " | ".join(map(_ms, (each["compute"], each["exchange"], each["step"], model)))
        kind = each["compression"] or "float32"
        sent = f"{work.bytes_sent(RANKS) / 1e6:.1f} MB"
        lines.append(f"| {each['width']} | {Place(each['gbit']).name} | {kind} | {sent} | {times} |")
    return lines


def alone_lines(found: dict) -> list:
    """Seconds of a step of one process by the images in it, as lines of Markdown."""
    parts = [each["part"] for each in next(iter(found["alone"].values()))]
    lines = [f"| a step of one process | {' | '.join(map(str, parts))} |", "| --- |" + " ---: |" * len(parts)]
    for width, rows in found["alone"].items():
        times = " | ".join(_ms(each["compute"]) for each in rows)
        lines.append(f"| width {width} | {times} |")
    return lines


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms"


def write_page(page: Path, lines: Sequence[str]) -> None:
    """Put the lines between the two comments of a page that name this command."""
    text = page.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        raise click.ClickException(f"{page} has no place for the tables: the lines {BEGIN.strip()} and {END.strip()}.")
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    page.write_text(before + BEGIN + "\n" + "\n".join(lines) + "\n\n" + END + after, encoding="utf-8")


@click.command()
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="Steps of each kind.")
@click.option("--width", "widths", type=int, multiple=True, default=(64, 32), show_default=True, help="Of DCGAN.")
@click.option("--size", type=int, default=64, show_default=True, help="Of an image.")
@click.option("--rate", "rates", type=float, multiple=True, default=(1.0,), show_default=True, help="Gbit/s of a link.")
@click.option(
    "--output", type=click.Path(), default="scaling.json", show_default=True, help="All measurements; overwritten."
)
@click.option("--again", is_flag=True, help="Measure nothing: take the measurements that are in --output.")
@click.option("--plot", type=click.Path(), help="A PNG of the model's efficiencies.")
@click.option("--page", type=click.Path(exists=True), help="A page that takes the tables between its two comments.")
@click.option("--busy", is_flag=True, help="Measure although something else is running.")
def main(rounds, widths, size, rates, output, again, plot, page, busy) -> None:
    """Measure the exchange between two ranks, and print what the model makes of it for 2 to 64 machines."""
    for target in filter(None, (output, plot)):
        if not Path(target).resolve().parent.is_dir():
            raise click.ClickException(f"there is no folder for {target}.")
    if again:
        found = json.loads(Path(output).read_text())
    elif busy_cpus() > LOAD_ALLOWED and not busy:
        raise click.ClickException("other programs are running. Wait, or give --busy.")
    else:
        found = {"machine": describe(), "size": size, **measure(widths, size, rates, rounds)}
        Path(output).write_text(json.dumps(found, indent=1) + "\n")
    width = found["together"][0]["width"]
    model = works(found, width)
    lines = [*measured_lines(found), "", *alone_lines(found), "", *table_of(model[None], model["bf16"], LATENCIES[0])]
    click.echo("\n".join(lines))
    if plot:
        pixels = found["size"]
        plot_efficiency(model[None], f"DCGAN 3 × {pixels} × {pixels}, width {width}, float32: model", Path(plot))
    if page:
        write_page(Path(page), [*_conditions(found, page, output), *lines, *_picture(page, plot)])


def _conditions(found: dict, page: str, output: str) -> list:
    cpu, cpus = found["machine"]["cpu"], found["machine"]["cpus"]
    link = os.path.relpath(output, Path(page).parent)
    return [f"Measured on {cpus} cores ({cpu}); [every number]({link}).", ""]


def _picture(page: str, plot: Optional[str]) -> list:
    if not plot:
        return []
    return ["", f"![Efficiency of the model by the number of machines]({os.path.relpath(plot, Path(page).parent)})"]


if __name__ == "__main__":
    main()
