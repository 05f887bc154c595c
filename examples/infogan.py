"""InfoGAN: a code of ten values that G and Q agree on, without any labels (Chen et al. 2016, eq. 5 and 6).

python examples/infogan.py --steps 2000

The code c is the input `class_label` of G, drawn uniformly. Q(c|x) is a second head on D's features, and the bound
L_I = E[log Q(c|G(z, c))] + H(c) is maximised by G, Q and the shared layers. The real digits have no code (−1).
Each column of the picture has one code, and each row one latent. After 2,000 steps, under a minute, L_I is 2.30, its
maximum is log 10 = 2.303, and most codes have become one digit or two.
"""

import argparse

import numpy as np

import mxgan
from mxgan.cli import outputs, terminal
from mxgan.pictures.grid import save_grid
from mxgan.runtime import mx

BATCH, CODES, ROWS = 64, 10, 8

parser = argparse.ArgumentParser(description="Train InfoGAN with a categorical code on the built-in digits.")
parser.add_argument("--steps", type=int, default=2000)
parser.add_argument("--output", default="infogan.png")
args = parser.parse_args()
with terminal.readable_errors(debug=False):
    target = outputs.new_picture(args.output)

network = mxgan.NETWORKS["auxiliary-dcgan"](ngf=24, ndf=24, nc=1, image_size=16, latent_size=62, classes=CODES)
score, logits = network.discriminator()  # D and Q over the same features
discriminator = mx.sym.Group([
    mxgan.OBJECTIVES["gan"].discriminator_head(score, mx.sym.var("label")),
    mx.sym.SoftmaxOutput(logits, mx.sym.var("class_label"), use_ignore=True, ignore_label=-1, name="closs"),
])  # fmt: skip

pair = mxgan.AdversarialPair(
    network.generator(), discriminator, latent_shape=network.latent_shape, image_shape=network.image_shape,
    batch_size=BATCH, real_label=0.9,
)  # fmt: skip
pair.init_params(mx.init.Normal(0.02), seed=0)
pair.init_optimizers(*(mxgan.OptimizerConfig("adam", rate, {"beta1": 0.5}) for rate in (1e-3, 2e-4)))  # as in the paper


class PrintBound(mxgan.Callback):
    """Prints L_I of the last fakes, in nats."""

    def on_step_end(self, trainer, batch, result):
        if trainer.step % max(args.steps // 10, 1) == 0:
            probabilities, codes = result.classified["fake"]
            chosen = mx.nd.pick(probabilities, codes).asnumpy()
            print(f"step {trainer.step}: L_I = {np.log(chosen + 1e-12).mean() + np.log(CODES):.3f}")


digits = mxgan.open_dataset("digits", batch_size=BATCH)
data = mxgan.ImageArrayIter(
    digits.images, np.full(digits.num_images, -1.0), batch_size=BATCH, image_size=16, channels=1
)
latents = mxgan.RandIter(BATCH, network.latent_shape, classes=CODES)
mxgan.Trainer(pair, data, latents=latents, callbacks=[PrintBound()]).fit(steps=args.steps)

sampler = mxgan.Sampler(network.generator(), network.latent_shape, classes=CODES)
sampler.copy_from(pair)
rows = np.repeat(sampler.latents(ROWS, seed=0), CODES, axis=0)
print(save_grid(target, sampler.sample(rows, np.tile(np.arange(CODES), ROWS)), columns=CODES))
