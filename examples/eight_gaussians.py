"""Modes found by a GAN on eight Gaussians on a ring (Metz et al. 2017), with any row of OBJECTIVES.
python examples/eight_gaussians.py --objective wasserstein --penalty 1    # WGAN-GP; --clip 0.1 instead: WGAN
"""

import argparse
import os

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Circle

import mxgan
from mxgan import runtime
from mxgan.cli import outputs, terminal
from mxgan.runtime.config import whole_number
from mxgan.training.schedule import InstanceNoise

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before MXNet is loaded: small layers are slower on several threads
BATCH, UPDATES, RATE, ADAM, SIGMA = 256, 3, 3e-3, {"beta1": 0.0, "beta2": 0.9}, 0.02  # UPDATES of D in a step
mx = runtime.mx
MODES = 2 * np.array([(np.cos(angle), np.sin(angle)) for angle in np.arange(8) * np.pi / 4])


def mlp(data, letter, outputs):
    for layer in (f"{letter}1", f"{letter}2"):
        data = mx.sym.relu(mx.sym.FullyConnected(data, num_hidden=128, name=layer))
    return mx.sym.FullyConnected(data, num_hidden=outputs, name=f"{letter}3")


def draw(axes, points, title):
    """Good sample: within 3 sigma of a mode, its circle (Srivastava et al. 2017). Found mode: 1 % of all samples."""
    distances = np.linalg.norm(points[:, None] - MODES, axis=2)
    shares = np.bincount(distances.argmin(1)[distances.min(1) <= 3 * SIGMA], minlength=8) / len(points)
    title += f"\nmodes found: {(shares >= 0.01).sum()} of 8, share of good samples: {shares.sum():.0%}"
    print(title.replace("\n", ": "))
    axes.set(title=title, xlim=(-3.1, 3.1), ylim=(-3.1, 3.1), aspect="equal")
    axes.scatter(*points.T, s=6, alpha=0.3, lw=0)
    for mode, share in zip(MODES, shares):
        colour = "tab:green" if share >= 0.01 else "tab:red"
        axes.add_patch(Circle(mode, 3 * SIGMA, fill=False, color=colour, lw=1.2))
        axes.text(*1.32 * mode, f"{share:.1%}", color=colour, ha="center", va="center")


parser = argparse.ArgumentParser(description="Train a GAN on eight Gaussians on a ring, and draw the modes it finds.")
parser.add_argument("--objective", default="gan", choices=mxgan.OBJECTIVES)
parser.add_argument("--penalty", type=float, help="weight of a gradient penalty on the critic")
parser.add_argument("--clip", type=float, help="bound of the critic's weights")
for name, default in (("--steps", 1500), ("--seed", 0), ("--output", "eight_gaussians.png")):
    parser.add_argument(name, type=type(default), default=default)
args = parser.parse_args()
with terminal.readable_errors(debug=False):
    whole_number("--steps", args.steps), whole_number("--seed", args.seed, minimum=0)
    target = outputs.new_picture(args.output)
generator, score = mlp(mx.sym.var("rand"), "g", outputs=2), mlp(mx.sym.var("data"), "d", outputs=1)
objective, label = mxgan.OBJECTIVES[args.objective], mx.sym.var("label")
pair = mxgan.AdversarialPair(
    generator, objective.discriminator_head(score, label), generator_head=objective.generator_head(score, label),
    latent_shape=(8,), image_shape=(2,), batch_size=BATCH, schedule=mxgan.Schedule(UPDATES, fresh_fakes=True),
    penalty=(mxgan.GradientPenalty(args.penalty), score) if args.penalty else None, weight_clip=args.clip,
)  # fmt: skip
pair.init_params(mx.init.Xavier(), args.seed)
rates = [mx.lr_scheduler.PolyScheduler(args.steps * each, RATE, pwr=1) for each in (1, UPDATES)]  # else no convergence
pair.init_optimizers(*(mxgan.OptimizerConfig("adam", RATE, {**ADAM, "lr_scheduler": rate}) for rate in rates))
rng = np.random.default_rng(args.seed)
real = rng.choice(MODES, 100 * BATCH) + rng.normal(0, SIGMA, (100 * BATCH, 2))
noise = InstanceNoise(0.5, steps=1 + args.steps // 2)
trainer = mxgan.Trainer(pair, mx.io.NDArrayIter(real, batch_size=BATCH), noise=noise, seed=args.seed)
sampler = mxgan.Sampler(generator, (8,), batch_size=500)
panels = Figure(figsize=(15, 5.4), constrained_layout=True).subplots(1, 3)
draw(panels[0], real[:2500], "real")
for axes, step in zip(panels[1:], (args.steps // 5, args.steps)):
    trainer.fit(steps=step)
    sampler.copy_from(pair)
    draw(axes, sampler.sample(sampler.latents(2500, args.seed)), f"{args.objective}, step {step}")
panels[0].figure.savefig(target)
