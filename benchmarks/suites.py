"""SUITES: the comparisons and their goals, one function for each section of the report."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Callable, Optional

from benchmarks.alternate import Contender, Timing, alternate, ratio, turns

__all__ = ["SUITES", "Outcome", "Plan", "Section"]

STEP, PEER_STEP = "benchmarks.ours:training_step", "benchmarks.theirs:training_step"
CRITIC, PEER_CRITIC = "benchmarks.ours:critic_step", "benchmarks.theirs:critic_step"
SAMPLING, PEER_SAMPLING = "benchmarks.ours:sampling", "benchmarks.theirs:sampling"
EXPORTED = "benchmarks.exported:onnx_sampling"
LAST = {"channels_last": True, "fused": True}


@dataclass(frozen=True)
class Plan:
    """The settings of a benchmark.

    Attributes
    ----------
    rounds : number of turns of each contender. mnist, photographs : data folders; None if missing. peers : whether to
        measure PyTorch. compiler : whether to measure torch.compile. bfloat16 : whether this CPU computes in bfloat16.
    """

    rounds: int
    mnist: Optional[str]
    photographs: Optional[str]
    peers: bool
    compiler: bool
    bfloat16: bool


@dataclass(frozen=True)
class Outcome:
    """One measured value. It should be at least (or at most) `goal`; None means no goal."""

    what: str
    value: float
    unit: str
    goal: Optional[float] = None
    at_most: bool = False
    spread: str = ""

    @property
    def reached(self) -> Optional[bool]:
        """Whether the value reaches the goal; None without a goal."""
        if self.goal is None:
            return None
        return self.value <= self.goal if self.at_most else self.value >= self.goal


@dataclass(frozen=True)
class Section:
    """The result of a suite: timings, outcomes, and notes for the reader."""

    title: str
    timings: Sequence[Timing] = ()
    outcomes: Sequence[Outcome] = ()
    notes: Sequence[str] = ()
    values: dict = field(default_factory=dict)


def _over(ours: Timing, peers: Sequence[Timing], what: str, goal: Optional[float]) -> Outcome:
    """The ratio of our images per second to those of the fastest of some peers."""
    best = min(peers, key=lambda timing: timing.median / timing.images)
    low, middle, high = ratio(ours, best)
    return Outcome(f"{what} ({best.name})", middle, "×", goal, spread=f"{low:.2f} to {high:.2f}")


def _steps(plan: Plan, nc: int) -> Section:
    shape, kind = {"nc": nc}, {1: "1 channel", 3: "3 channels"}[nc]
    contenders = [Contender("mxgan float32", STEP, shape)]
    eager, best, low = "PyTorch eager", [("PyTorch channels_last", LAST)], []
    if plan.bfloat16:
        contenders.append(Contender("mxgan bfloat16", STEP, {**shape, "precision": "bfloat16"}))
        low = [("PyTorch bfloat16 channels_last", {**LAST, "bfloat16": True})]
        low += [("PyTorch bfloat16", {"bfloat16": True, "fused": True})]
    if plan.compiler:
        best += [("PyTorch compiled", {"compiled": True, "fused": True})]
        best += [("PyTorch channels_last compiled", {**LAST, "compiled": True})]
        low += [(f"{low[0][0]} compiled", {**LAST, "bfloat16": True, "compiled": True})] if low else []
    better = [("PyTorch channels_last, D frozen", {**LAST, "frozen": True})]
    better += [("PyTorch bfloat16 channels_last, D frozen", {**LAST, "bfloat16": True, "frozen": True})] if low else []
    peers = [(eager, {}), *best, *low, *better] if plan.peers else []
    contenders += [Contender(name, PEER_STEP, {**shape, **settings}) for name, settings in peers]
    found = alternate(contenders, plan.rounds)
    ours, outcomes = found["mxgan float32"], []
    if peers:
        outcomes.append(_over(ours, [found[eager]], f"float32 step, {kind}, over", 1.5))
        outcomes.append(
            _over(ours, [found[name] for name, _ in [(eager, {}), *best]], f"float32 step, {kind}, over the best", 1.25)
        )
    if low and peers:
        outcomes.append(
            _over(
                found["mxgan bfloat16"], [found[name] for name, _ in low], f"bfloat16 step, {kind}, over the best", 1.1
            )
        )
    for name, timing in found.items():  # optimised beyond PyTorch's example, so no goal
        if name.endswith("frozen"):
            mine = found["mxgan bfloat16" if "bfloat16" in name else "mxgan float32"]
            outcomes.append(_over(mine, [timing], f"{mine.name.split()[1]} step, {kind}, over", None))
    return Section(f"A training step: DCGAN 64×64, {kind}, width 64, batch 64", list(found.values()), outcomes)


def steps_rgb(plan: Plan) -> Section:
    """Training steps with three channels."""
    return _steps(plan, 3)


def steps_grey(plan: Plan) -> Section:
    """Training steps with one channel."""
    return _steps(plan, 1)


def floor(plan: Plan) -> Section:
    """The time of a float32 step against the time of its multiply-adds at the rate of the best matrix product."""
    from benchmarks.arithmetic import step_multiply_adds
    from mxgan.networks import DCGAN

    contenders = [Contender("step", STEP), Contender("products", "benchmarks.ours:matrix_products")]
    found = turns(contenders, plan.rounds)
    rate = max(each["gflops"] for each in found["products"])
    seconds = statistics.median(64 * each["seconds"] / each["images"] for each in found["step"])
    gflop = 2 * step_multiply_adds(DCGAN(), 64) / 1e9
    share = gflop / rate / seconds
    return Section(
        "The floor by arithmetic",
        outcomes=[Outcome("float32 step: share of the floor's speed", 100 * share, "%", 75)],
        notes=[
            f"A step must do {gflop:.1f} GFLOP; the best matrix product here did {rate:.0f} GFLOP/s: "
            f"{gflop / rate:.3f} s. The step took {seconds:.3f} s."
        ],
        values={"gflop": gflop, "gflop_per_second": rate, "seconds": seconds},
    )


def critic(plan: Plan) -> Section:
    """Steps of a WGAN-GP critic."""
    contenders = [Contender("mxgan", CRITIC)]
    if plan.peers:
        contenders += [
            Contender("PyTorch eager", PEER_CRITIC),
            Contender("PyTorch channels_last", PEER_CRITIC, LAST),
        ]
    found = alternate(contenders, plan.rounds)
    peers = list(found.values())[1:]
    outcomes = [_over(found["mxgan"], peers[:1], "critic step over", 1.4)] if peers else []
    outcomes += [_over(found["mxgan"], peers, "critic step over the best", None)] if peers else []
    return Section("A WGAN-GP critic's step, 3×64×64, width 64, batch 64", list(found.values()), outcomes)


def sampling(plan: Plan) -> Section:
    """Sampling in batches of 64."""
    contenders = [Contender("mxgan", SAMPLING)]
    if plan.peers:
        contenders += [
            Contender("PyTorch", PEER_SAMPLING),
            Contender("PyTorch channels_last", PEER_SAMPLING, {"channels_last": True}),
            *([Contender("PyTorch compiled", PEER_SAMPLING, {"compiled": True})] if plan.compiler else []),
            Contender("onnxruntime", "benchmarks.theirs:onnx_sampling"),
        ]
    found = alternate(contenders, plan.rounds)
    outcomes = []
    if plan.peers:
        others = [timing for name, timing in found.items() if name.startswith("PyTorch")]
        outcomes.append(_over(found["mxgan"], others, "sampling over the best", 1.15))
        outcomes.append(_over(found["mxgan"], [found["onnxruntime"]], "sampling over", 1.4))
    return Section("Sampling, DCGAN 3×64×64, batch 64", list(found.values()), outcomes)


def exported(plan: Plan) -> Section:
    """Sampling from exported files in batches of 64."""
    contenders = [
        Contender("mxgan", SAMPLING),
        Contender("onnx", EXPORTED),
        Contender("onnx, BatchNorm not folded", EXPORTED, {"keep_batch_norm": True}),
        Contender("onnx, float16", EXPORTED, {"precision": "float16"}),
    ]
    found = alternate(contenders, plan.rounds)
    outcomes = [_over(found["mxgan"], [timing], "sampling over", None) for timing in list(found.values())[1:]]
    return Section("Sampling from exported files, DCGAN 3×64×64, batch 64", list(found.values()), outcomes)


def overhead(plan: Plan) -> Section:
    """The overhead of the trainer over a bare loop of steps."""
    dataset, folder = ("mnist", plan.mnist) if plan.mnist else ("digits", None)
    made = "benchmarks.running:trainer_and_bare_loop"
    found = turns([Contender("run", made, {"dataset": dataset, "data_dir": folder})], plan.rounds)["run"]
    bare = statistics.median(each["bare"] for each in found)
    extra = statistics.median(each["trainer"] / each["bare"] for each in found) - 1
    pictures, saves = (statistics.median(each[name] for each in found) for name in ("grids", "checkpointer"))
    share = extra + (pictures + saves) / bare
    return Section(
        f"The trainer against a bare loop, recipe dcgan on {dataset}, all intervals at their defaults",
        outcomes=[Outcome("overhead", 100 * share, "%", 2, at_most=True)],
        notes=[
            f"A step of the bare loop {bare:.3f} s. Metrics, logging, latents, data and the look for NaN: "
            f"{100 * extra:.2f} %; pictures, every 100 steps: {100 * pictures / bare:.2f} %; checkpoints, every 1,000: "
            f"{100 * saves / bare:.2f} %."
        ],
        values={"turns": found},
    )


def start(plan: Plan) -> Section:
    """The time to the first step of `mxgan train`, and its peak memory."""
    dataset, folder = ("mnist", plan.mnist) if plan.mnist else ("digits", None)
    made = Contender("start", "benchmarks.running:start_up", {"dataset": dataset, "data_dir": folder})
    found = turns([made], min(3, plan.rounds))["start"]
    return Section(
        f"`mxgan train --dataset {dataset}`, 3×64×64, width 64, batch 64",
        outcomes=[
            Outcome("start to first step", statistics.median(each["first_step"] for each in found), "s", 4, True),
            Outcome("most memory resident", max(each["megabytes"] for each in found), "MB", 900, True),
        ],
        values={"turns": found},
    )


def data(plan: Plan) -> Section:
    """Data iterators without training."""
    if not (plan.mnist and plan.photographs):
        return Section("Data iterators", notes=["Left out: needs --data-dir with mnist/ and imagenet_sample/."])
    copies, reading = {"copies": 8, "data_dir": plan.photographs}, "benchmarks.reading"
    contenders = [
        Contender("step", STEP),
        Contender("mnist", f"{reading}:our_batches", {"dataset": "mnist", "data_dir": plan.mnist, "batches": 200}),
        Contender(
            "folder", f"{reading}:our_batches", {"dataset": "folder", "data_dir": plan.photographs, "batches": 200}
        ),
        Contender("folder, first reading", f"{reading}:our_first_reading", copies),
        Contender("recordio", f"{reading}:our_batches", {"dataset": "recordio", **copies}),
    ]
    contenders += [Contender("torch DataLoader", f"{reading}:torch_batches", copies)] if plan.peers else []
    found = alternate(contenders, plan.rounds)
    outcomes = [
        Outcome(f"{name}: data pipeline speed over training speed", ratio(found[name], found["step"])[1], "×", 10)
        for name in ("mnist", "folder", "recordio")
    ]
    for name in ("folder, first reading", "folder", "recordio") if plan.peers else ():
        outcomes.append(_over(found[name], [found["torch DataLoader"]], f"{name} over", 1.0))
    return Section("Data iterators, 64×64", list(found.values()), outcomes)


def scaling(plan: Plan) -> Section:
    """The time of a float32 step against batch size, width and image size."""
    from benchmarks.arithmetic import step_multiply_adds
    from mxgan.networks import DCGAN

    axes = {"batch": (16, 32, 64, 128, 256), "width": (32, 64, 128), "size": (32, 64, 128)}
    settings = [{axis: value} for axis, values in axes.items() for value in values if (axis, value) not in
                (("width", 64), ("size", 64))]  # fmt: skip
    found = {}
    for each in settings:  # one worker at a time: all together do not fit into memory
        name = ", ".join(f"{axis} {value}" for axis, value in each.items())
        timing = alternate([Contender(name, STEP, {**each, "steps": 1})], plan.rounds)[name]
        whole = {"batch": 64, "width": 64, "size": 64, **each}
        network = DCGAN(ngf=whole["width"], ndf=whole["width"], image_size=whole["size"])
        found[name] = {
            **whole,
            "seconds": timing.median,
            "gflop": 2 * step_multiply_adds(network, whole["batch"]) / 1e9,
        }
    rates = [each["gflop"] / each["seconds"] for each in found.values()]
    notes = ["| | GFLOP | s a step | GFLOP/s |", "| --- | ---: | ---: | ---: |"]
    notes += [f"| {name} | {each['gflop']:.1f} | {each['seconds']:.3f} | {rate:.0f} |"
              for (name, each), rate in zip(found.items(), rates)]  # fmt: skip
    return Section("Time against batch, width and size (else 64)", notes=["\n".join(notes)], values=found)


SUITES: dict[str, Callable[[Plan], Section]] = {
    "step": steps_rgb,
    "step-grey": steps_grey,
    "floor": floor,
    "critic": critic,
    "sampling": sampling,
    "exported": exported,
    "overhead": overhead,
    "start": start,
    "data": data,
    "scaling": scaling,
}
