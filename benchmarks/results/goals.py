"""What was wanted of the results, and whether it is reached; a goal whose runs are missing is not told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable, NamedTuple, Optional

from benchmarks.results.plans import PLANS
from benchmarks.results.tables import score_of, values_of

__all__ = ["GOALS", "Goal", "as_markdown"]


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


def _after_the_same_time(rows: Sequence[dict], *names: str) -> list:
    """The rows of the plans with these names at the longest time that all of them have; none without one."""
    common = set.intersection(*({_time(row) for row in _own(rows, name)} for name in names))
    return [row for name in names for row in _own(rows, name) if common and _time(row) == max(common)]


def _best(rows: Sequence[dict], name: str, metric: str, better=min, **wanted) -> Optional[float]:
    """The best value over the kinds of weights; None without a finite one."""
    values = [value for value in values_of(_lengths(rows, name), metric, **wanted) if value is not None]
    return better(values) if values else None


def _headline(rows: Sequence[dict]) -> Optional[tuple]:
    distance, missing = (_best(rows, "headline", metric, weights="ema") for metric in ("swd", "missing_classes"))
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
    """After each time that both have, all of which count; none is chosen.

    The peer's better figure counts, of its two kinds of BatchNorm; ours is that of the weights used by default.
    """
    names = ("cifar-sngan", "cifar-pytorch")
    times = set.intersection(*({_time(row) for row in _own(rows, name)} for name in names))
    found = []
    for time in sorted(times, reverse=True):
        ours, peers = ([row for row in _own(rows, name) if _time(row) == time] for name in names)
        values = values_of(ours, "frechet", weights="ema") or values_of(ours, "frechet", weights="raw")
        others = [value for value in values_of(peers, "frechet") if value is not None]
        halved = _halved(values[0] if values else None, min(others, default=None), "PyTorch's DCGAN")
        if halved:
            length, clock = time
            where = "of one CPU" if clock == "cpu" else "of the whole machine"
            found.append((f"{length:g} minutes {where}: {halved[0]}", halved[1]))
    return ("; ".join(text for text, _ in found), all(reached for _, reached in found)) if found else None


def _halved(ours: Optional[float], other: Optional[float], title: str) -> Optional[tuple]:
    if not ours or not other:
        return None
    return f"Fréchet {ours:.2f} against {other:.2f} of {title}: {ours / other:.2f} of it", ours <= other / 2


def _projection(rows: Sequence[dict]) -> Optional[tuple]:
    value = _best(rows, "cifar-sngan-projection", "class_agreement", max)
    return None if value is None else (f"{100 * value:.1f} %", value > 0.6)


def _few(title: str) -> Callable:
    """Half the distance, and no copies: each seed's samples are nearest to trained images no more than by chance."""

    def found(rows: Sequence[dict]) -> Optional[tuple]:
        rows = _after_the_same_time(rows, f"{title}-few", f"{title}-dcgan")
        own = _lengths(rows, f"{title}-few")
        weights = "ema" if values_of(own, "frechet", weights="ema") else "raw"
        few = _best(rows, f"{title}-few", "frechet", weights=weights)
        halved = _halved(few, _best(rows, f"{title}-dcgan", "frechet"), "`dcgan`")
        if halved is None:
            return None
        scores = [score_of(row, "nearest_trained") for row in own if row["weights"] == weights]
        told = ", ".join(map(_nearest_in_words, scores))
        return f"{halved[0]}; {told}", halved[1] and all(map(_is_by_chance, scores))

    return found


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
    Goal("`sngan` on CIFAR-10: at most half the Fréchet distance of PyTorch's DCGAN after each same time",
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
