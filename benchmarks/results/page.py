"""docs/results.md, made of the rows: tables, goals and pictures, with how it was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.results import goals
from benchmarks.results.plans import PLANS, SUITES
from benchmarks.results.tables import tables, title_of

__all__ = ["STRIPS", "page", "shown_pictures"]

HEAD = """# Results

This page is made by `python -m benchmarks.results --suite all --publish docs`; stopped, the same command continues. It
writes results.md, [its figures](results.json) and the folder pictures; rows that are there stay until their run is
measured again. `--minutes N` and `--clock` are the time of each timed run. What has no row here has not been run yet.
No checkpoint and no picture is chosen: the last checkpoint of each run is measured, and the pictures are of fixed
seeds. Some goals compare two runs after the same allowed time. All times that both runs have are listed. A goal is
reached if it holds at the longest time by the wall's clock, and at the longest by CPU time.

One seed: value ± sampling error, where the metric has one. Several seeds: mean ± standard deviation. "average" is the
average of G's weights (`--ema`). In brackets: what real images get. [What the metrics are](evaluation.md#metrics).
"""

HOW = {
    "mnist": """One channel, and width 32 of DCGAN's networks; README's own command has three channels and width 64.
Other networks have their own widths. "side" is the height and width of an image in pixels. Each row is of 10,000
samples; `dcgan` and `dcgan-original` have 16,384, as the only published figure of a DCGAN on MNIST at 64×64 has
(MMGeneration: SWD 11.32, MS-SSIM 0.1395). Compare that SWD with "the same, padded", which is computed by
[the rules of MMGeneration](evaluation.md#the-padded-pyramid).

"digits right": of `cgan` and `acgan`, the share of samples that show the digit asked for; of `ssgan`, the share of test
images that D puts into their class, with D's own weights or with their average. `cbr-gan` has a third of its published
width. `cbr-gan` and `encoder-decoder-gan` are trained on 10,000 images, and compared with these. "three settings
changed": `--lr 1 --set fixed_latents=false --set generator_updates=1`.""",
    "published": """The settings, the width and the number of updates of the authors, on MNIST: 200 epochs. `cbr-gan`
has 900 images; its author updates G with each batch and D with every fifth, which makes 360 steps of one update of D
and five of G, in colour (three channels). The runs are measured against the images that they were trained on.""",
    "cifar": """Each run was trained for a time: alone on the machine with all its CPUs, by the wall's clock, or where
the table says "of 1 CPU" with one thread beside other programs, by its process's own time. "2 ranks" are
[two processes](machines.md) of one training. The clock of both sides runs from the first step to the last, with reading
batches, pictures and saving; decoding the archive into memory comes before it on both sides. PyTorch's example is
written after its published settings: 64×64, width 64, latents of 100, Adam 2·10⁻⁴ and 0.5, batches of 64. Its images
are resized and cut as it does, but only once. 10,000 samples of each are judged against 10,000 of the training images,
all at 32×32: a larger sample is brought to it by area. "other photographs" are 10,000 more photographs, judged as if
they were samples. PyTorch's G is sampled in two ways: with the moving averages of BatchNorm, and with the statistics of
batches of 64, as the example draws its pictures. The better one counts. `sngan` and `sngan-projection` have the
settings of examples/sngan.py and examples/sngan_projection.py. "class as asked" is the share of the samples that the
judge puts into the class asked for. The column "minutes" has the time of each run; without `--minutes N` it is 90
minutes.""",
    "few": """Some photographs of one class of CIFAR-10, drawn by the seed, and nothing else. The samples are judged
against the *other* photographs of that class, which no run has seen. `copies`: ½ is perfect; near 1, samples are copies
of training images, or smooth images, which are near all images. The column beside it is the goal, because smoothness
does not change it: the share of samples whose nearest real image is a training image and not one of 2,000 others. In
brackets stands this share by chance, and behind ± its standard deviation by chance. Each row is of 5,000 samples. The
column "minutes" has the time of each run; without `--minutes N` it is 45 minutes.""",
}

PICTURES = {
    "mnist": (("results-wgan-gp", "`wgan-gp`: the critic's estimate, and the Fréchet distance in training (1,000 "
               "samples, quick judge: not the table's)"),),
    "published": (("results-cbr-gan-published", "`cbr-gan` after 360 steps, the 200 epochs of its author"),
                  ("results-mlp-gan-published", "`mlp-gan` after 200 epochs")),
    "cifar": (("results-cifar-sngan", "`sngan`"),
              ("results-cifar-sngan-projection", "`sngan-projection`, a row for each class"),
              ("results-cifar-dcgan", "`dcgan`"), ("results-cifar-wgan-gp", "`wgan-gp`"),
              ("results-cifar-pytorch", "PyTorch's DCGAN example, 64×64")),
    "few": tuple((f"results-{title}-{count}", f"{count} photographs of the class {title}: 64 of them, `few`, `dcgan`")
                 for title in ("ship", "horse") for count in (100, 500)),
}  # fmt: skip


# {plan: file in the folder pictures with ten images of it}
STRIPS = {plan.name: f"results-{plan.name}-ten.png" for plan in PLANS if plan.suite == "mnist"}


def page(rows: Sequence[dict], folder: Path) -> str:
    """The page in Markdown; it has the suites with rows, and the pictures that are in `folder`/pictures."""
    parts = [HEAD, _measured_on(rows)]
    reached = goals.as_markdown(rows)
    if reached:
        parts.append(f"## Goals\n\n{reached}")
    for name, suite in SUITES.items():
        if any(row["suite"] == name for row in rows):
            parts += [
                f"## {suite.title}\n\n{HOW[name]}\n",
                tables(rows, name),
                *_busy(rows, name),
                *_judges(rows, name),
                *_ten_of_each(rows, name, folder),
                *_shown(name, folder),
            ]
    return "\n".join(parts)


def _measured_on(rows: Sequence[dict]) -> str:
    """The machine and the versions of the trainings; if they differ, the runs of each."""
    runs: dict = {}
    for row in rows:
        runs.setdefault(_conditions(row), {})[row["name"]] = None
    if len(runs) == 1:
        return f"Measured on: {next(iter(runs))}.\n"
    lines = [f"- {conditions}: {', '.join(names)}" for conditions, names in runs.items()]
    return "\n".join(["Measured on several machines, or with several versions:\n", *lines, ""])


def _conditions(row: Mapping) -> str:
    """Of a row without a machine, as an earlier version has written it, the versions that have measured it."""
    machine = row["machine"] or row["evaluation"]["protocol"].get("versions", {})
    names = ("mxgan", "mxnet", "numpy", "python", "torch")
    versions = ", ".join(f"{name} {machine[name]}" for name in names if machine.get(name))
    where = "a machine that was not noted"
    if machine.get("cpu"):
        where = f"{machine['cpu']}, {machine['cpus']} CPU{'s' * (machine['cpus'] != 1)}"
    return f"{where}; {versions}" if versions else where


def _judges(rows: Sequence[dict], suite: str) -> list:
    """The rows of each classifier by which a suite was judged, if there are several: their distances differ."""
    judged: dict = {}
    for row in (row for row in rows if row["suite"] == suite):
        classifier = row["evaluation"]["protocol"]["reference"].get("classifier") or {}
        fingerprint = classifier.get("fingerprint")
        judged.setdefault(fingerprint[:8] if fingerprint else "not noted", {})[row["name"]] = None
    if len(judged) < 2:
        return []
    parts = [f"{fingerprint}: {', '.join(names)}" for fingerprint, names in judged.items()]
    return [f"The classifiers that judged, by the first digits of their sha256: {'; '.join(parts)}.\n"]


def _busy(rows: Sequence[dict], suite: str) -> list:
    """A warning if other programs were busy while a timed run of this suite began."""
    busy = max((row.get("busy_cpus") or 0.0 for row in rows if row["suite"] == suite), default=0.0)
    return [f"While these runs began, other programs kept up to {busy:.2f} CPUs busy.\n"] if busy > 0 else []


def shown_pictures() -> dict:
    """{file in the folder pictures: names of the plans that it shows}, all that a page may show."""
    known = {file: [name] for name, file in STRIPS.items()}
    for name in (name for pictures in PICTURES.values() for name, _ in pictures):
        title = name.partition("-")[2]
        known[f"{name}.png"] = [plan.name for plan in PLANS if title in (plan.name, plan.name.rpartition("-")[0])]
    return known


def _ten_of_each(rows: Sequence[dict], suite: str, folder: Path) -> list:
    """A table with ten images of each plan that has rows and a picture."""
    titles = {row["name"]: title_of(row) for row in rows if row["suite"] == suite}
    paths = {name: f"pictures/{file}" for name, file in STRIPS.items() if name in titles}
    lines = [f"| {titles[name]} | ![ten images]({path}) |" for name, path in paths.items() if (folder / path).is_file()]
    told = "Ten images of each run, first seed, of the weights used by default:\n"
    head = [told, "| what | images |", "| --- | --- |"]
    return ["\n".join([*head, *lines, ""])] if lines else []


def _shown(suite: str, folder: Path) -> list:
    known = [(f"pictures/{name}.png", text) for name, text in PICTURES[suite]]
    return [f"![{text}]({path})\n\n*{text}.*\n" for path, text in known if (folder / path).is_file()]
