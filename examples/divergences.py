"""The reason for Wasserstein GANs: KL, JS and Wasserstein distance, and D*, for two bumps that move apart.

python examples/divergences.py --output divergences.png
"""

import argparse

import numpy as np
from matplotlib.figure import Figure

from mxgan.cli.outputs import new_picture
from mxgan.cli.terminal import readable_errors
from mxgan.evaluation.divergences import (
    js_divergence,
    kl_divergence,
    optimal_discriminator,
    value_of_game,
    wasserstein_1d,
)

REAL, FAKE, BEST, INK = "tab:blue", "tab:orange", "tab:green", "0.35"
INFINITY = 4.4  # its position on the axis
points = np.linspace(-2, 6, 1601)


def bump(centre):
    """A raised cosine of width 2. It is exactly 0 outside, so that two bumps can have no overlap."""
    height = np.where(np.abs(points - centre) < 1, 1 + np.cos(np.pi * (points - centre)), 0)
    return height / height.sum()


def draw_distances(axes):
    distances = np.arange(0, 4.01, 0.05)
    pairs = [(bump(0), bump(distance)) for distance in distances]
    kl = [min(kl_divergence(*pair), INFINITY) for pair in pairs]
    axes.plot(distances[1:], kl[1:], color=INK, lw=2.5, ls="--", label="KL(p‖q): infinite at the first step")
    axes.plot(0, kl[0], "o", color=INK)
    w = [wasserstein_1d(points, points, 1, *pair) for pair in pairs]
    axes.plot(distances, w, color="tab:red", lw=2.5, label="Wasserstein: the distance itself")
    js = [js_divergence(*pair) for pair in pairs]
    axes.plot(distances, js, color="tab:purple", lw=2.5, label="JS: log 2 once they are apart, near or far")
    axes.axvline(2, color=INK, lw=1, ls=":")
    axes.text(2.06, 3.9, "apart: no overlap", color=INK, fontsize="small")
    axes.set(xlim=(-0.1, 4), ylim=(-0.15, 4.7), xlabel="distance of the bumps", title="How far is fake from real?")
    axes.set_yticks([0, np.log(2), 1, 2, 3, 4, INFINITY])
    axes.set_yticklabels(["0", "log 2", "1", "2", "3", "4", "∞"])
    axes.legend(loc="upper left", bbox_to_anchor=(0, 0.8), fontsize="small")


def draw_pair(axes, distance, lesson):
    real, fake = bump(0), bump(distance)
    best = optimal_discriminator(real, fake)
    value = value_of_game(best, real, fake)
    axes.set_title(f"{lesson}\nV(D*, G) = −2 log 2 + 2 JS = {value:.2f}".replace("-", "−"))
    for density, colour, name in ((real, REAL, "real p"), (fake, FAKE, "fake q")):
        axes.fill_between(points, density / real.max(), color=colour, alpha=0.35, lw=0, label=name)
    something = real + fake > 0
    axes.plot(points, np.where(something, best, np.nan), color=BEST, lw=2.5, label="D* = p / (p + q)")
    axes.plot(points, np.where(something, np.nan, best), color=BEST, lw=1, ls=":", label="D* where nothing is")
    axes.set(xlim=(-1.5, 5), ylim=(-0.06, 1.4), xlabel="x", yticks=[0, 0.5, 1])
    axes.legend(loc="upper center", ncol=4, frameon=False, fontsize="small", columnspacing=1, handlelength=1.5)


parser = argparse.ArgumentParser(description="Draw KL, JS, Wasserstein and the optimal discriminator.")
parser.add_argument("--output", default="divergences.png", help="picture to write (default: %(default)s)")
with readable_errors(debug=False):
    output = new_picture(parser.parse_args().output)
figure = Figure(figsize=(13, 6.2), constrained_layout=True)
grid = figure.add_gridspec(2, 2)
draw_distances(figure.add_subplot(grid[:, 0]))
draw_pair(figure.add_subplot(grid[0, 1]), 1, "Overlap: D* slopes where fake is, and tells it where to go")
draw_pair(figure.add_subplot(grid[1, 1]), 3, "No overlap: D* is flat where fake is, and tells it nothing")
figure.savefig(output, dpi=110)
print(output)
