"""Sampling: mxgan against PyTorch, and against other programs with mxgan's own file of ONNX."""

from __future__ import annotations

import importlib.util

from benchmarks.alternate import Contender, alternate
from benchmarks.suites.base import Plan, Section, over

__all__ = ["exported", "sampling"]

SAMPLING, PEER_SAMPLING = "benchmarks.ours:sampling", "benchmarks.theirs:sampling"
EXPORTED = "benchmarks.exported:onnx_sampling"
ENGINES = {"onnxruntime": EXPORTED, "openvino": "benchmarks.exported:openvino_sampling"}
TITLES = {"onnxruntime": "onnxruntime", "openvino": "OpenVINO"}


def sampling(plan: Plan) -> Section:
    """Sampling in batches of 64."""
    shape, title = {"width": plan.width}, f"Sampling, DCGAN 3×64×64, width {plan.width}, batch 64"
    torch, engines, notes = _torch(plan, shape), [], []
    for module, make in ENGINES.items():
        if not _is_there(module):
            notes.append(f"Left out: {TITLES[module]} is not installed.")
        elif plan.peers:
            engines.append(Contender(f"{TITLES[module]}, mxgan's export", make, shape))
    before = []
    if plan.peers and _is_there("onnxruntime"):
        before = [Contender("onnxruntime, PyTorch's export", "benchmarks.theirs:onnx_sampling", shape)]
    found = alternate(
        [Contender("mxgan", SAMPLING, {**shape, "algorithm": "auto"}), *torch, *engines, *before], plan.rounds
    )
    ours, outcomes = found["mxgan"], []
    if torch:
        peers = [found[each.name] for each in torch]
        outcomes.append(over(ours, peers, "sampling over the fastest PyTorch", 1.0, short=True))
    outcomes += [over(ours, [found[each.name]], "sampling over", 1.0, short=True) for each in engines]
    outcomes += [over(ours, [found[each.name]], "sampling over") for each in before]
    return Section(title, list(found.values()), outcomes, notes)


def _torch(plan: Plan, shape: dict) -> list:
    if not plan.peers:
        return []
    ways = {"PyTorch": {}, "PyTorch channels_last": {"channels_last": True}}
    if plan.compiler:
        ways["PyTorch compiled"] = {"compiled": True}
    return [Contender(name, PEER_SAMPLING, {**shape, **settings}) for name, settings in ways.items()]


def _is_there(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def exported(plan: Plan) -> Section:
    """Sampling from exported files in batches of 64."""
    contenders = [
        Contender("mxgan", SAMPLING, {"algorithm": "auto"}),
        Contender("onnx", EXPORTED),
        Contender("onnx, BatchNorm not folded", EXPORTED, {"keep_batch_norm": True}),
        Contender("onnx, float16", EXPORTED, {"precision": "float16"}),
    ]
    found = alternate(contenders, plan.rounds)
    outcomes = [over(found["mxgan"], [timing], "sampling over") for timing in list(found.values())[1:]]
    return Section("Sampling from exported files, DCGAN 3×64×64, batch 64", list(found.values()), outcomes)
