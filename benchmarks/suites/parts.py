"""Parts of a training apart: the arithmetic's floor, a critic's step, residual networks."""

from __future__ import annotations

import statistics

from benchmarks.alternate import Contender, alternate, turns
from benchmarks.suites.base import LAST, Outcome, Plan, Section, over

__all__ = ["critic", "floor", "residual"]

STEP = "benchmarks.ours:training_step"
CRITIC, PEER_CRITIC = "benchmarks.ours:critic_step", "benchmarks.theirs:critic_step"
PEER_RESIDUAL = "benchmarks.theirs_residual:training_step"
# As a CPU trains it: README's width, one update of D; and no average of G's weights, which the peer has not.
SNGAN = {"recipe": "sngan", "size": 32, "schedule.discriminator_updates": 1, "ema": None}


def floor(plan: Plan) -> Section:
    """The time of a float32 step against the time of its multiply-adds at the rate of the best matrix product."""
    from benchmarks.arithmetic import step_multiply_adds
    from mxgan.networks import DCGAN

    contenders = [
        Contender("step", STEP, {"algorithm": "auto"}),
        Contender("products", "benchmarks.ours:matrix_products"),
    ]
    found = turns(contenders, plan.rounds)
    rate = max(each["gflops"] for each in found["products"])
    seconds = statistics.median(64 * each["seconds"] / each["images"] for each in found["step"])
    gflop = 2 * step_multiply_adds(DCGAN(), 64) / 1e9
    share = gflop / rate / seconds
    return Section(
        "The floor by arithmetic",
        outcomes=[Outcome("float32 step: share of the floor's speed", 100 * share, "%", 80, short=True)],
        notes=[
            f"A step must do {gflop:.1f} GFLOP; the best matrix product here did {rate:.0f} GFLOP/s: "
            f"{gflop / rate:.3f} s. The step took {seconds:.3f} s."
        ],
        values={"gflop": gflop, "gflop_per_second": rate, "seconds": seconds},
    )


def critic(plan: Plan) -> Section:
    """Steps of a WGAN-GP critic; torch.compile cannot compile the double backward of its penalty."""
    shape, peers = {"width": plan.width}, {}
    if plan.peers:
        peers = {
            "PyTorch eager": {},
            "PyTorch channels_last": LAST,
            "PyTorch one pass": {"fused": True, "joined": True},
            "PyTorch channels_last, one pass": {**LAST, "joined": True},
        }
    others = [Contender(name, PEER_CRITIC, {**shape, **settings}) for name, settings in peers.items()]
    found = alternate([Contender("mxgan", CRITIC, shape), *others], plan.rounds)
    timings, outcomes = list(found.values()), []
    if peers:
        outcomes = [
            over(timings[0], timings[1:], "critic step over the peer", 1.3, short=True),
            over(timings[0], timings[1:2], "critic step over the authors' way"),
        ]
    return Section(f"A WGAN-GP critic's step, 3×64×64, width {plan.width}, batch 64", timings, outcomes)


def residual(plan: Plan) -> Section:
    """Whole steps of SNGAN's residual networks at 32×32."""
    width = plan.width // 2
    found = {"mxgan": Contender("mxgan", STEP, {**SNGAN, "width": width})}
    for compiled in (False, True) if plan.compiler else (False,):
        for layout in (LAST, {"fused": True}) if plan.peers else ():
            words = ["PyTorch", *(["channels_last"] if layout is LAST else []), *(["compiled"] if compiled else [])]
            settings = {**layout, "width": width, "compiled": compiled}
            found[" ".join(words)] = Contender(" ".join(words) + ", D frozen", PEER_RESIDUAL, settings)
    timings = list(alternate(list(found.values()), plan.rounds).values())
    outcomes = [over(timings[0], timings[1:], "SNGAN's step over the peer", 1.1, short=True)] if plan.peers else []
    return Section(f"A step of SNGAN, 3×32×32, width {width}, batch 64, one update of D", timings, outcomes)
