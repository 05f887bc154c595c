"""python -m tests.fuzz: see the package."""

from __future__ import annotations

import sys
import time
from typing import Optional

import click

from tests.fuzz.driver import numbered_cases, run, table
from tests.fuzz.kinds import KINDS


@click.command()
@click.option("--cases", type=click.IntRange(min=1), default=2000, show_default=True, help="Over all kinds.")
@click.option("--seed", type=int, default=0, show_default=True, help="Decides every case.")
@click.option("--kind", type=click.Choice(list(KINDS)), help="This kind alone.")
@click.option("--case", type=click.IntRange(min=0), help="This case of --kind alone, with its traceback.")
def main(cases: int, seed: int, kind: Optional[str], case: Optional[int]) -> None:
    """Break good files in seeded ways and read them; exit 1 on a crash, a hang, or anything but an MXGANError."""
    shares = {name: row.share for name, row in KINDS.items() if kind in (None, name)}
    started = time.monotonic()
    chosen = [(kind, case)] if kind and case is not None else numbered_cases(cases, shares)

    def tell(name: str, number: int, answer: dict) -> None:
        if case is not None or answer["outcome"] == "fault":
            click.echo(
                f"{name} {number}: {answer['outcome']} ({answer['how']})\n{answer['trace']}{answer['message']}",
                err=True,
            )

    tallies = run(chosen, shares, seed, told=tell)
    faults = sum(len(tally.faults) for tally in tallies.values())
    total = sum(tally.cases for tally in tallies.values())
    click.echo(f"{table(tallies)}\n{total} cases, {faults} faults, {time.monotonic() - started:.0f} s, seed {seed}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
