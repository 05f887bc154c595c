"""A model of a training on many machines: the seconds of a step by their number and their network; a table and a plot.

    t(N) = compute(images of each) + exchange(N)
    exchange(N) = bytes sent / bandwidth + handling + ROUNDS × latency

It assumes that nothing is exchanged while a rank computes (MXNet computes all gradients of a DCGAN as one piece of
work, so little could be), that all machines are equally fast, and a network in which each of them sends and receives at
full bandwidth at the same time.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

__all__ = ["BANDWIDTHS", "LATENCIES", "MACHINES", "ROUNDS", "Work", "efficiency", "plot_efficiency", "table_of"]

MACHINES = 2, 4, 8, 16, 32, 64
BANDWIDTHS = 1, 10, 25, 100  # Gbit/s
LATENCIES = 50e-6, 1e-3  # seconds, one way
BATCH = 64
# Messages of a step that wait for the one before: for each of two exchanges the chunks and their sums, the predictions,
# and the agreement to go on.
ROUNDS = 2 * 2 + 1 + 1


class Work(NamedTuple):
    """What a step costs, as measured.

    Attributes
    ----------
    compute : {images of a machine: seconds}.
    bytes : of all arrays that are summed in a step, as float32.
    handling : seconds in which a machine copies and adds these arrays.
    share : bytes sent for each byte of float32: 1, with bfloat16 0.5.
    """

    compute: dict
    bytes: int
    handling: float
    share: float = 1.0

    def bytes_sent(self, machines: int) -> float:
        """Bytes that each machine sends in a step; it receives as many."""
        return 2 * (machines - 1) / machines * self.bytes * self.share

    def exchange(self, machines: int, gbit: float, latency: float) -> float:
        """Seconds of a step's exchange between so many machines, at `gbit` Gbit/s and `latency` seconds one way."""
        if machines == 1:
            return 0.0
        return 8 * self.bytes_sent(machines) / (gbit * 1e9) + self.handling + ROUNDS * latency

    def step(self, machines: int, part: int, gbit: float, latency: float) -> float:
        """Seconds of a step with `part` images on each machine."""
        return self.compute[part] + self.exchange(machines, gbit, latency)


def efficiency(work: Work, machines: int, gbit: float, latency: float, strong: bool) -> float:
    """Images per second on so many machines, divided by `machines` times those of one; 1 is ideal.

    strong : a batch of 64 in all, as on one machine; otherwise 64 images on each.
    """
    part = BATCH // machines if strong else BATCH
    return work.compute[BATCH] * part / BATCH / work.step(machines, part, gbit, latency)


def table_of(work: Work, packed: Work, latency: float) -> list:
    """Lines of Markdown: efficiencies in percent by machines and bandwidth. `packed` is the work with bfloat16."""
    kinds = [("64 images on each", False), ("64 images in all", True)]
    columns = [(work, 1, ""), (packed, 1, " bf16"), *((work, gbit, "") for gbit in BANDWIDTHS[1:])]
    heads = [f"{gbit}{kind} Gbit/s" if not kind else f"{gbit} Gbit/s,{kind}" for _, gbit, kind in columns]
    lines = []
    for title, strong in kinds:
        lines += [f"| machines, {title} | {' | '.join(heads)} |", "| ---: |" + " ---: |" * len(heads)]
        for machines in MACHINES:
            cells = [f"{100 * efficiency(each, machines, gbit, latency, strong):.0f}" for each, gbit, _ in columns]
            lines.append(f"| {machines} | {' | '.join(cells)} |")
        lines.append("")
    return lines[:-1]


def plot_efficiency(work: Work, title: str, target: Path) -> None:
    """Efficiency by the number of machines: 64 images on each, and 64 in all; a line for each network."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, both = pyplot.subplots(1, 2, figsize=(9, 4), sharey=True, layout="constrained")
    for axes, strong in zip(both, (False, True)):
        for number, gbit in enumerate(BANDWIDTHS):
            for latency, style in zip(LATENCIES, ("o-", "x:")):
                found = [100 * efficiency(work, machines, gbit, latency, strong) for machines in MACHINES]
                label = f"{gbit} Gbit/s" if latency == LATENCIES[0] else None
                axes.semilogx(MACHINES, found, style, base=2, color=f"C{number}", label=label)
        axes.set(xlabel="machines", title="64 images in all" if strong else "64 images on each", ylim=(0, 103))
        axes.set_xticks(MACHINES)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.grid(alpha=0.3)
    both[0].set_ylabel("efficiency, %")
    both[0].plot([], [], "k-", label="latency 50 µs")
    both[0].plot([], [], "k:", label="latency 1 ms")
    both[0].legend(fontsize="small")
    figure.suptitle(title)
    figure.savefig(target, dpi=100)
    pyplot.close(figure)
