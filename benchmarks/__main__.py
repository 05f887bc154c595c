"""`python -m benchmarks`: the speed of mxgan and of PyTorch, on the same machine in alternating turns."""

from __future__ import annotations

import importlib.util
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Optional

import click

from benchmarks.alternate import WorkerError
from benchmarks.machine import LOAD_ALLOWED, busy_cpus, describe
from benchmarks.report import as_json, as_markdown, plot_scaling
from benchmarks.suites import QUICK, SUITES
from benchmarks.suites.base import Plan, Section
from mxgan.cli.outputs import check_file
from mxgan.errors import ArgumentError
from mxgan.training.precision import check_precision

QUICK_WIDTH = 32  # ngf and ndf with --quick


@click.command()
@click.argument("suites", nargs=-1, type=click.Choice(list(SUITES)))
@click.option("--quick", is_flag=True, help="The main ratios alone, of smaller networks, without goals: three minutes.")
@click.option("--rounds", type=click.IntRange(2), help="Turns of each contender; by default 9, and 2 with --quick.")
@click.option("--data-dir", type=click.Path(exists=True, file_okay=False), default=os.environ.get("MXGAN_DATA"),
              help="A folder with mnist/ and imagenet_sample/; by default $MXGAN_DATA.")  # fmt: skip
@click.option("--no-peers", is_flag=True, help="mxgan alone, where PyTorch is not installed.")
@click.option("--no-compile", is_flag=True, help="Without torch.compile, which takes minutes to begin.")
@click.option("--output", type=click.Path(), default="benchmark.json", show_default=True, help="Every turn, as JSON.")
@click.option("--plot", type=click.Path(), help="A PNG of the suite scaling.")
@click.option("--busy", is_flag=True, help="Measure although something else is running.")
def main(suites, quick, rounds, data_dir: Optional[str], no_peers, no_compile, output, plot, busy) -> None:
    """Measure ratios of speed in alternating turns and print them as tables: the named SUITES, or all."""
    if quick and (suites or plot):
        raise click.ClickException("--quick has its own suites and no plot; leave SUITES and --plot out.")
    for target in filter(None, (output, plot)):
        check_file(Path(target))
    if not no_peers and importlib.util.find_spec("torch") is None:
        raise click.ClickException('PyTorch is not installed. pip install ".[bench]", or give --no-peers.')
    found = busy_cpus()
    if found > LOAD_ALLOWED and not busy:
        raise click.ClickException(
            f"other programs keep {found:.2f} CPUs busy; useful ratios need at most {LOAD_ALLOWED}. Wait, or give "
            "--busy."
        )
    compiler = not (no_compile or quick) and bool(shutil.which("g++") or shutil.which("c++"))
    rounds = rounds or (2 if quick else 9)
    folders = (_below(data_dir, name) for name in ("mnist", "imagenet_sample"))
    plan = Plan(rounds, *folders, not no_peers, compiler, _low(), QUICK_WIDTH if quick else 64)
    machine = {**describe(), "rounds": rounds, "busy_cpus_before": round(found, 2)}
    table, sections = QUICK if quick else SUITES, {}
    for name in suites or table:
        click.echo(f"{name} …", err=True)
        try:
            sections[name] = _main_ratios(table[name](plan)) if quick else table[name](plan)
        except WorkerError as error:
            raise click.ClickException(f"{name}: {error} Earlier results are in {output}.") from error
        click.echo(as_markdown([sections[name]], {}), err=True)
        machine["busy_cpus_after"] = round(busy_cpus(), 2)
        Path(output).write_text(as_json(list(sections.values()), machine))
    if plot and "scaling" in sections:
        plot_scaling(sections["scaling"], Path(plot))
    click.echo(as_markdown(list(sections.values()), machine))


def _main_ratios(section: Section) -> Section:
    """A section with the main outcomes alone, and without the goals, which are those of the whole size."""
    kept = [replace(outcome, goal=None) for outcome in section.outcomes if outcome.short]
    return replace(section, outcomes=kept)


def _below(folder: Optional[str], name: str) -> Optional[str]:
    path = Path(folder, name) if folder else None
    return str(path.resolve()) if path and path.is_dir() else None


def _low() -> bool:
    from mxgan.runtime import mx

    try:
        check_precision("bfloat16", [mx.cpu()])
    except ArgumentError as error:
        click.echo(str(error), err=True)
        return False
    return True


if __name__ == "__main__":
    main()
