"""What a run costs beside its steps: the trainer, instance noise and augmentation, the start, the first picture."""

from __future__ import annotations

import statistics

from benchmarks.alternate import Contender, turns
from benchmarks.suites.base import Outcome, Plan, Section, spread_of

__all__ = ["additions", "overhead", "start"]

WITHOUT = {"instance noise": ("dcgan", {"instance_noise.sigma": 0.0}), "augmentation": ("few", {"augment": []})}


def overhead(plan: Plan) -> Section:
    """The overhead of the trainer over a bare loop over its own two Modules."""
    made = Contender("run", "benchmarks.running:trainer_and_bare_loop", {**plan.data, "width": plan.width})
    found = turns([made], plan.rounds)["run"]
    bare = statistics.median(each["bare"] for each in found)
    extra = statistics.median(each["trainer"] / each["bare"] for each in found) - 1
    pictures, saves = (statistics.median(each[name] for each in found) for name in ("grids", "checkpointer"))
    share = extra + (pictures + saves) / bare
    return Section(
        f"The trainer against its own two Modules, recipe dcgan on {plan.data['dataset']}, width {plan.width}, no "
        "instance noise, all intervals at their defaults",
        outcomes=[Outcome("overhead of the trainer", 100 * share, "%", 2, at_most=True, short=True)],
        notes=[
            f"A step of the bare loop {bare:.3f} s. Metrics, logging, latents, data and the look for NaN: "
            f"{100 * extra:.2f} %; pictures, every 100 steps: {100 * pictures / bare:.2f} %; checkpoints, every 1,000: "
            f"{100 * saves / bare:.2f} %."
        ],
        values={"turns": found},
    )


def additions(plan: Plan) -> Section:
    """What instance noise and augmentation add to a step: a recipe with and without it, in turns."""
    outcomes, values = [], {}
    for what, (recipe, without) in WITHOUT.items():
        settings = {**plan.data, "recipe": recipe, "without": without, "width": plan.width}
        made = Contender(what, "benchmarks.running:with_and_without", settings)
        values[what] = found = turns([made], plan.rounds)[what]
        more = [100 * (each["with"] / each["without"] - 1) for each in found]
        low, middle, high = statistics.quantiles(more, n=4)
        outcomes.append(Outcome(f"{what}, recipe {recipe}: share of a step", middle, "%", 1, at_most=True,
                                spread=spread_of(low, high), short=True))  # fmt: skip
    return Section("A step with and without", outcomes=outcomes, values=values)


def start(plan: Plan) -> Section:
    """The time to the first step of `mxgan train` and its peak memory; the time to README's first picture."""
    made = [
        Contender("start", "benchmarks.running:start_up", plan.data),
        Contender("picture", "benchmarks.running:first_picture"),
    ]
    found = turns(made, min(3, plan.rounds))
    first, picture = (
        statistics.median(each[name] for each in found[who])
        for who, name in (("start", "first_step"), ("picture", "first_picture"))
    )
    return Section(
        f"`mxgan train --dataset {plan.data['dataset']}`, 3×64×64, width 64, batch 64; README's first command",
        outcomes=[
            Outcome("first picture of README's first command, installed", picture, "s", 45, True, short=True),
            Outcome("start to first step", first, "s", 4, True),
            Outcome("most memory resident", max(each["megabytes"] for each in found["start"]), "MB", 900, True),
        ],
        values={"turns": found},
    )
