"""Sections as Markdown and as JSON and back, and the plot of the suite scaling."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.alternate import Timing
from benchmarks.machine import machine_in_words
from benchmarks.suites.base import Outcome, Section

__all__ = ["as_json", "as_markdown", "from_json", "plot_scaling", "short_table"]

WORDS = {None: "", True: "reached", False: "**not reached**"}


def as_markdown(sections: Sequence[Section], machine: dict) -> str:
    """The outcomes of all sections in one table, then the table of each section; `machine` as `describe` gives it."""
    outcomes = [outcome for section in sections for outcome in section.outcomes]
    lines = [machine_in_words(machine), ""] if machine else []
    lines += ["| measured | value | quartiles | goal | reached? |", "| --- | ---: | --- | ---: | --- |"]
    lines += [
        f"| {_what(outcome)} | {_value(outcome)} | {outcome.spread} | {_goal(outcome)} | {WORDS[outcome.reached]} |"
        for outcome in outcomes
    ]
    for section in sections:
        lines += ["", f"### {section.title}", ""]
        if section.timings:
            lines += ["| | images/s | median turn, s | spread |", "| --- | ---: | ---: | ---: |"]
            lines += [
                f"| {each.name} | {each.images_per_second:,.0f} | {each.median:.3f} | ±{100 * each.spread:.0f} % |"
                for each in section.timings
            ]
            lines += [""] * bool(section.notes)
        lines += section.notes
    return "\n".join(lines) + "\n"


def short_table(measured: Sequence[tuple]) -> str:
    """The table of README: of each (sections, machine) a block of rows, the outcomes that are marked as `short`."""
    lines = ["| measured | peer | value | goal | reached? |", "| --- | --- | ---: | ---: | --- |"]
    for sections, machine in measured:
        lines.append(f"| **{machine_in_words(machine)}** | | | | |")
        lines += [
            f"| {each.what} | {each.peer} | {_value(each)} | {_goal(each)} | {WORDS[each.reached]} |"
            for section in sections
            for each in section.outcomes
            if each.short
        ]
    return "\n".join(lines) + "\n"


def _what(outcome: Outcome) -> str:
    return f"{outcome.what} ({outcome.peer})" if outcome.peer else outcome.what


def _value(outcome: Outcome) -> str:
    return f"{outcome.value:.2f} {outcome.unit}"


def _goal(outcome: Outcome) -> str:
    return "" if outcome.goal is None else f"{'≤' if outcome.at_most else '≥'} {outcome.goal:g} {outcome.unit}"


def as_json(sections: Sequence[Section], machine: dict) -> str:
    """All sections, including each turn, as JSON."""
    return json.dumps({"machine": machine, "sections": [asdict(section) for section in sections]}, indent=1) + "\n"


def from_json(text: str) -> tuple:
    """(sections, machine) of the text of `as_json`; KeyError or TypeError for another text."""
    told = json.loads(text)
    parts = {"timings": Timing, "outcomes": Outcome}
    sections = [
        Section(**{**section, **{key: [part(**each) for each in section[key]] for key, part in parts.items()}})
        for section in told["sections"]
    ]
    return sections, told["machine"]


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
