"""What was wanted of the results, and whether it is reached; a goal whose runs are missing is not told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable, NamedTuple, Optional

from benchmarks.results.plans import PLANS
from benchmarks.results.tables import score_of, values_of

__all__ = ["GOALS", "Goal", "as_markdown"]

_WHERE = {"cpu": "of one CPU", "wall": "of the whole machine"}  # {key of CLOCKS: whose minutes they are}


class Goal(NamedTuple):
    """One goal: its text, and a function of all rows that gives (what was found, reached); None if rows are missing."""

    text: str
    found: Callable[[Sequence[dict]], Optional[tuple]]


def _lengths(rows: Sequence[dict], name: str) -> list:
    """The rows of a plan's own samples at its full length; of a timed one at the longest time that there is."""
    own = _own(rows, name)
    plan = next((plan for plan in PLANS if plan.name == name), None)
    if plan is None or not own:
        return []
    length = max(map(_time, own)) if plan.is_timed else (plan.length, "wall")
    return [row for row in own if _time(row) == length]


def _own(rows: Sequence[dict], name: str) -> list:
    return [row for row in rows if row["name"] == name and row["weights"] != "real"]


def _time(row: dict) -> tuple:
    return row["length"], row["clock"]


def _after_each_time(rows: Sequence[dict], names: tuple, judged: Callable) -> Optional[tuple]:
    """What `judged` finds after every time that two plans have in common; none is chosen by its figures.

    All are told. A goal gives the longest time that is allowed, so the longest pair of each clock must reach it: a
    minute of one CPU is not a minute of the machine. `judged` takes the rows of both plans and gives what a goal's
    `found` does.
    """
    common = set.intersection(*({_time(row) for row in _own(rows, name)} for name in names))
    told, reached = [], {}
    for time in sorted(common, reverse=True):
        found = judged(*([row for row in _own(rows, name) if _time(row) == time] for name in names))
        if found is not None:
            length, clock = time
            told.append(f"After {length:g} minutes {_WHERE[clock]}: {found[0]}")
            reached.setdefault(clock, found[1])
    return (". ".join(told), all(reached.values())) if told else None


def _least(rows: Sequence[dict], metric: str) -> Optional[float]:
    """The least value of what ours is compared with; None without a finite one."""
    return min((value for value in values_of(rows, metric) if value is not None), default=None)


def _mean(rows: Sequence[dict], metric: str) -> Optional[float]:
    """The mean over the seeds of one kind of weights; None without a value, or with one that is not finite."""
    values = values_of(rows, metric)
    return sum(values) / len(values) if values and None not in values else None


def _of_default_weights(rows: Sequence[dict]) -> list:
    """The rows of the weights that are used by default: the average, where there is one."""
    return [row for row in rows if row["weights"] == "ema"] or [row for row in rows if row["weights"] == "raw"]


def _headline(rows: Sequence[dict]) -> Optional[tuple]:
    own = [row for row in _lengths(rows, "headline") if row["weights"] == "ema"]
    distance, missing = (_mean(own, metric) for metric in ("swd", "missing_classes"))
    if distance is None or missing is None:
        return None
    return f"SWD {distance:.2f}, {missing:.0f} digits missing", distance <= 10 and missing == 0


def _dcgan(rows: Sequence[dict]) -> Optional[tuple]:
    values = values_of(_lengths(rows, "dcgan"), "swd", weights="ema")
    if not values or None in values:
        return None
    shown, mean = ", ".join(f"{value:.2f}" for value in values), sum(values) / len(values)
    return f"SWD {shown}; mean {mean:.2f}", mean <= 4 and len(values) >= 3


def _ssgan(rows: Sequence[dict]) -> Optional[tuple]:
    values = values_of(_lengths(rows, "ssgan"), "right", weights="ema")
    if not values or None in values:
        return None
    return ", ".join(f"{100 * value:.2f} %" for value in values), min(values) > 0.965 and len(values) >= 3


def _against_pytorch(rows: Sequence[dict]) -> Optional[tuple]:
    """The peer's better figure counts, of its two kinds of BatchNorm."""

    def judged(ours: list, peers: list) -> Optional[tuple]:
        own = _mean(_of_default_weights(ours), "frechet")
        return _halved(own, _least(peers, "frechet"), "PyTorch's DCGAN")

    return _after_each_time(rows, ("cifar-sngan", "cifar-pytorch"), judged)


def _halved(ours: Optional[float], other: Optional[float], title: str) -> Optional[tuple]:
    if not ours or not other:
        return None
    return f"Fréchet {ours:.2f} against {other:.2f} of {title}: {ours / other:.2f} of it", ours <= other / 2


def _projection(rows: Sequence[dict]) -> Optional[tuple]:
    value = _mean(_of_default_weights(_lengths(rows, "cifar-sngan-projection")), "class_agreement")
    return None if value is None else (f"{100 * value:.1f} %", value > 0.6)


def _few(title: str) -> Callable:
    """Half the distance, and no copies: each seed's samples are nearest to trained images no more than by chance."""

    def judged(ours: list, others: list) -> Optional[tuple]:
        ours = _of_default_weights(ours)
        halved = _halved(_mean(ours, "frechet"), _least(others, "frechet"), "`dcgan`")
        if halved is None:
            return None
        scores = [score_of(row, "nearest_trained") for row in ours]
        told = ", ".join(map(_nearest_in_words, scores))
        return f"{halved[0]}; {told}", halved[1] and all(map(_is_by_chance, scores))

    return lambda rows: _after_each_time(rows, (f"{title}-few", f"{title}-dcgan"), judged)


def _is_by_chance(score: Optional[dict]) -> bool:
    return score is not None and score["value"] <= score["reference"] + 2 * score["standard_error"]


def _nearest_in_words(score: Optional[dict]) -> str:
    if score is None:
        return "copies not measured"
    return f"nearest {score['value']:.3f}, by chance {score['reference']:.3f} ± {score['standard_error']:.3f}"


GOALS = [
    Goal("README's command on MNIST: SWD of the average at most 10, no digit missing", _headline),
    Goal("`dcgan` on MNIST, 64×64, 6,000 steps: SWD of the average at most 4, mean of three seeds", _dcgan),
    Goal("`ssgan`, 100 labels: over 96.5 % of the test images right, with each of three seeds", _ssgan),
    Goal("`sngan` on CIFAR-10: at most half the Fréchet distance of PyTorch's DCGAN after the same time",
         _against_pytorch),
    Goal("`sngan-projection` on CIFAR-10: over 60 % of the samples are of the class asked for", _projection),
    *(Goal(f"`few` on {title.replace('-', ' ')}: at most half the Fréchet distance of `dcgan`, and no "
           "copies: the nearest real image is a training image as often as by chance, within two errors", _few(title))
      for title in dict.fromkeys(plan.name.rpartition("-")[0] for plan in PLANS if plan.few)),
]  # fmt: skip


def as_markdown(rows: Sequence[dict]) -> str:
    """The goals whose rows are there, as a table; "" without any."""
    known = [(goal.text, goal.found(rows)) for goal in GOALS]
    lines = [f"| {text} | {found[0]} | {'yes' if found[1] else '**no**'} |" for text, found in known if found]
    return "\n".join(["| Goal | Found | Reached |", "| --- | --- | --- |", *lines]) + "\n" if lines else ""
