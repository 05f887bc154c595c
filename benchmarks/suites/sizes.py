"""Data iterators against training, and the time of a step by its size."""

from __future__ import annotations

from benchmarks.alternate import Contender, alternate, ratio
from benchmarks.suites.base import Outcome, Plan, Section, over

__all__ = ["data", "scaling"]

STEP = "benchmarks.ours:training_step"


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
        outcomes.append(over(found[name], [found["torch DataLoader"]], f"{name} over", 1.0))
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
