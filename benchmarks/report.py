"""Sections as Markdown and as JSON, and the plot of the suite scaling."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.suites import Outcome, Section

__all__ = ["as_json", "as_markdown", "plot_scaling"]


def as_markdown(sections: Sequence[Section], machine: dict) -> str:
    """The outcomes of all sections in one table, then the table of each section."""
    told = ", ".join(f"{name} {value}" for name, value in machine.items() if value is not None)
    outcomes = [outcome for section in sections for outcome in section.outcomes]
    lines = [told, "", "| measured | value | quartiles | goal | |", "| --- | ---: | --- | ---: | --- |"]
    lines += [_row(outcome) for outcome in outcomes]
    for section in sections:
        lines += ["", f"### {section.title}", ""]
        if section.timings:
            lines += ["| | images/s | median turn, s | spread |", "| --- | ---: | ---: | ---: |"]
            lines += [
                f"| {each.name} | {each.images_per_second:,.0f} | {each.median:.3f} | ±{100 * each.spread:.0f} % |"
                for each in section.timings
            ]
        lines += section.notes
    return "\n".join(lines) + "\n"


def _row(outcome: Outcome) -> str:
    word = {None: "", True: "reached", False: "**not reached**"}[outcome.reached]
    goal = "" if outcome.goal is None else f"{'≤' if outcome.at_most else '≥'} {outcome.goal:g} {outcome.unit}"
    return f"| {outcome.what} | {outcome.value:.2f} {outcome.unit} | {outcome.spread} | {goal} | {word} |"


def as_json(sections: Sequence[Section], machine: dict) -> str:
    """All sections, including each turn, as JSON."""
    return json.dumps({"machine": machine, "sections": [asdict(section) for section in sections]}, indent=1) + "\n"


def plot_scaling(section: Section, target: Path) -> None:
    """The seconds of a step against its multiply-adds, with a line of constant rate."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import NullLocator

    figure, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
    for axis, marker in (("batch", "o"), ("width", "s"), ("size", "^")):
        rows = [each for each in section.values.values() if _varies(each, axis)]
        rows.sort(key=lambda each: each["gflop"])
        label = f"{axis} {', '.join(str(each[axis]) for each in rows)}"
        axes.loglog([each["gflop"] for each in rows], [each["seconds"] for each in rows], marker + "-", label=label)
    base = section.values["batch 64"]
    ends = [
        min(each["gflop"] for each in section.values.values()),
        max(each["gflop"] for each in section.values.values()),
    ]
    rate = base["gflop"] / base["seconds"]
    axes.loglog(ends, [gflop / rate for gflop in ends], "k:", label=f"{rate:.0f} GFLOP/s")
    axes.set(xlabel="GFLOP in a step", ylabel="seconds a step", title="DCGAN training step, float32")
    axes.set_xticks([25, 50, 100, 200, 400, 800], minor=False)
    axes.set_yticks([0.1, 0.2, 0.5, 1, 2], minor=False)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_locator(NullLocator())
    axes.legend()
    figure.savefig(target, dpi=100)
    pyplot.close(figure)


def _varies(each: dict, axis: str) -> bool:
    return all(each[other] == 64 for other in ("batch", "width", "size") if other != axis)
