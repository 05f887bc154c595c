"""A step in another order, by the actions of a pair: G is updated first, then D.

python examples/generator_first.py --steps 800

By default D is updated first, and `mxgan.Schedule` has other orders. What it does not have is a few lines of your own.
Here D judges the fakes that G was just updated with, and the latents are uniform. Built-in digits, 16×16: 800 steps
take half a minute, and most of the 64 samples can be read.
"""

import argparse

import mxgan
from mxgan.cli import outputs, terminal
from mxgan.pictures.grid import save_grid
from mxgan.runtime import mx

BATCH = 64

parser = argparse.ArgumentParser(description="Train DCGAN on the built-in digits, G before D in each step.")
parser.add_argument("--steps", type=int, default=800)
parser.add_argument("--output", default="generator_first.png")
args = parser.parse_args()
with terminal.readable_errors(debug=False):
    target = outputs.new_picture(args.output)

network = mxgan.DCGAN(ngf=24, ndf=24, nc=1, image_size=16)
head = mxgan.OBJECTIVES["gan"].discriminator_head(network.discriminator(), mx.sym.var("label"))
pair = mxgan.AdversarialPair(
    network.generator(), head, latent_shape=network.latent_shape, image_shape=network.image_shape, batch_size=BATCH
)
pair.init_params(mx.init.Normal(0.02), seed=0)
pair.init_optimizers(*(mxgan.OptimizerConfig("adam", rate, {"beta1": 0.5}) for rate in (8e-4, 2e-4)))

data = mxgan.open_dataset("digits", batch_size=BATCH, image_size=16, channels=1)
latents = mxgan.RandIter(BATCH, network.latent_shape, distribution="uniform")
fakes, reals = mx.nd.zeros((BATCH,)), mx.nd.full((BATCH,), 0.9)  # a label of each sample, as the original has them
for step in range(args.steps):
    data.seek(*divmod(step, data.batches_per_epoch))
    fake = pair.generate(latents.next().data[0])
    of_g, _ = pair.update_generator(fake)
    on_fake, _ = pair.accumulate_discriminator(fake, fakes)
    on_real, _ = pair.accumulate_discriminator(data.next().data[0], reals)
    pair.update_discriminator()
    if (step + 1) % 100 == 0:
        print(f"step {step + 1}: D(x) {on_real.asnumpy().mean():.3f}, D(G(z)) {on_fake.asnumpy().mean():.3f}")

sampler = mxgan.Sampler(network.generator(), network.latent_shape, distribution="uniform")
sampler.copy_from(pair)
print(save_grid(target, sampler.draw(64)))
