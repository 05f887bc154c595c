"""The plot of two trainings: SWD against minutes, with the thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

__all__ = ["draw_courses"]


def draw_courses(rows: Sequence[dict], thresholds: Sequence[float], target: Path) -> None:
    """One curve for each contender: the better kind of its samples; the axis of SWD is logarithmic."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import LogLocator

    figure, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
    for who, marker in zip(dict.fromkeys(row["who"] for row in rows), "os"):
        own = [row for row in rows if row["who"] == who]
        values = [min(each["value"] for each in row["swd"].values()) for row in own]
        axes.semilogy([row["seconds"] / 60 for row in own], values, f"{marker}-", label=who)
    for threshold, style in zip(thresholds, (":", "--")):
        axes.axhline(threshold, color="black", linestyle=style, label=f"SWD {threshold:g}")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("")
    axes.set(xlabel="minutes of training", ylabel="SWD × 10³", title="DCGAN on MNIST, 64×64, width 32")
    axes.legend()
    figure.savefig(target, dpi=100)
    pyplot.close(figure)
