"""Training steps of DCGAN: mxgan against PyTorch's example, and against the fastest PyTorch of this run.

The peer is PyTorch's example with two changes that cost no quality: D is frozen in G's step, where the example
computes D's weight gradients and throws them away, and Adam is one operator. It runs with channels_last or without,
compiled or not; the fastest of these in this run is the one that is compared with.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Optional

from benchmarks.alternate import Contender, alternate
from benchmarks.suites.base import LAST, Plan, Section, best_of, over

__all__ = ["steps_grey", "steps_quick", "steps_rgb"]

STEP, PEER_STEP = "benchmarks.ours:training_step", "benchmarks.theirs:training_step"
TRAIN = "benchmarks.running:training"
GOALS = {"float32": 1.25, "bfloat16": 1.15}  # over the peer
NOISE = 0.2  # standard deviation of the recipe dcgan's instance noise
EAGER = "PyTorch eager"  # the example as it is
CHANNELS = {1: "1 channel", 3: "3 channels"}


def steps_rgb(plan: Plan) -> Section:
    """Training steps with three channels."""
    return _steps(plan, 3)


def steps_grey(plan: Plan) -> Section:
    """Training steps with one channel."""
    return _steps(plan, 1)


def steps_quick(plan: Plan) -> Section:
    """Training steps of mxgan alone and of the peer."""
    timings, outcomes = [], []
    for precision in _precisions(plan):
        ours, *others = [_bare(plan, 3, precision), *(_ways(plan, 3, precision, frozen=True) if plan.peers else [])]
        found = alternate([ours, *others], plan.rounds)
        timings += found.values()
        if others:
            what = f"{precision} step over the peer"
            outcomes.append(over(found[ours.name], _of(found, others), what, GOALS[precision], short=True))
    return Section(_title(plan, 3), timings, outcomes)


def _steps(plan: Plan, nc: int) -> Section:
    timings, outcomes = [], []
    for precision in _precisions(plan):
        found, ratios, fastest = _without_noise(plan, nc, precision)
        noisy, more = _with_noise(plan, nc, precision, fastest)
        timings += [*found.values(), *noisy.values()]
        outcomes += [*ratios, *more]
    return Section(_title(plan, nc), timings, outcomes)


def _without_noise(plan: Plan, nc: int, precision: str) -> tuple:
    """({name: Timing}, outcomes, the fastest peer): a step alone, and `mxgan train` with the recipe of the example."""
    bare, trained = _bare(plan, nc, precision), _trained(plan, nc, precision, "dcgan-original")
    plain, frozen = (_ways(plan, nc, precision, each) if plan.peers else [] for each in (False, True))
    example = [Contender(EAGER, PEER_STEP, _shape(plan, nc))] if plan.peers and precision == "float32" else []
    direct = [_bare(plan, nc, precision, "direct")] if precision == "float32" else []
    found = alternate([bare, *direct, trained, *example, *plain, *frozen], plan.rounds)
    kind, goal, short = f"{precision} step, {CHANNELS[nc]}", GOALS[precision], nc == 3
    if not plan.peers:
        return found, [over(found[bare.name], [each], f"{kind}, over") for each in _of(found, direct)], None
    peers, before = _of(found, frozen), _of(found, [*example, *plain])
    outcomes = [
        over(found[bare.name], peers, f"{kind}, over the peer", goal, short),
        over(found[trained.name], peers, f"{_command(trained, nc)} over the peer", goal, short),
        *(over(found[bare.name], [each], f"{kind}, over") for each in _of(found, direct)),
    ]
    for each in _of(found, example):
        outcomes.append(over(found[bare.name], [each], f"{kind}, over the example"))
        outcomes.append(over(found[trained.name], [each], f"{_command(trained, nc)} over the example", short=short))
    outcomes.append(over(found[bare.name], before, f"{kind}, over the best without D frozen"))
    fastest = best_of(peers).name
    return found, outcomes, next(each for each in frozen if each.name == fastest)


def _with_noise(plan: Plan, nc: int, precision: str, fastest: Optional[Contender]) -> tuple:
    """({name: Timing}, outcomes): `mxgan train` with its first recipe against PyTorch with the same noise."""
    trained, others = _trained(plan, nc, precision, "dcgan"), []
    if fastest is not None:
        others = [Contender(EAGER, PEER_STEP, _shape(plan, nc))] if precision == "float32" else []
        others = [
            replace(each, name=f"{each.name}, with noise", settings={**each.settings, "noise": NOISE})
            for each in [fastest, *others]
        ]
    found = alternate([trained, *others], plan.rounds)
    outcomes = [
        over(found[trained.name], [timing], f"{_command(trained, nc)} over {what}", goal, nc == 3)
        for timing, what, goal in zip(_of(found, others), ("the peer", "the example"), (GOALS[precision], None))
    ]
    return found, outcomes


def _precisions(plan: Plan) -> list:
    return ["float32", *(["bfloat16"] if plan.bfloat16 else [])]


def _title(plan: Plan, nc: int) -> str:
    return f"A training step: DCGAN 64×64, {CHANNELS[nc]}, width {plan.width}, batch 64"


def _shape(plan: Plan, nc: int) -> dict:
    return {"nc": nc, "width": plan.width}


def _bare(plan: Plan, nc: int, precision: str, algorithm: str = "auto") -> Contender:
    """The two networks' step alone, on prepared arrays."""
    settings = {**_shape(plan, nc), "precision": precision, "algorithm": algorithm}
    return Contender(f"mxgan {precision}{', MXNet alone' * (algorithm == 'direct')}", STEP, settings)


def _trained(plan: Plan, nc: int, precision: str, recipe: str) -> Contender:
    """A training as users run it."""
    settings = {**plan.data, "recipe": recipe, **_shape(plan, nc), "precision": precision}
    return Contender(f"mxgan train {precision}, {recipe}", TRAIN, settings)


def _command(trained: Contender, nc: int) -> str:
    """A training in words."""
    recipe, precision = (trained.settings[name] for name in ("recipe", "precision"))
    return f"`mxgan train --recipe {recipe}`, {precision}, {CHANNELS[nc]},"


def _ways(plan: Plan, nc: int, precision: str, frozen: bool) -> list:
    """The ways to run PyTorch: channels_last or not, compiled or not; the example as it is, in float32, is apart."""
    found, low = [], {"bfloat16": True} if precision == "bfloat16" else {}
    for compiled in (False, True) if plan.compiler else (False,):
        for layout in (LAST, {"fused": True}):
            if not (frozen or compiled or low or layout is LAST):
                continue
            words = [*(["bfloat16"] if low else []), *(["channels_last"] if layout is LAST else []),
                     *(["compiled"] if compiled else [])]  # fmt: skip
            settings = {**_shape(plan, nc), **low, **layout, "compiled": compiled, "frozen": frozen}
            found.append(Contender(" ".join(["PyTorch", *words]) + ", D frozen" * frozen, PEER_STEP, settings))
    return found


def _of(found: dict, contenders: list) -> list:
    return [found[each.name] for each in contenders]
