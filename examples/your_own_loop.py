"""The training loop of MXNet's DCGAN example, written by hand with every part visible.

    python examples/your_own_loop.py            # 400 steps; add a number for more or fewer

It prints the same log line as MXNet's example, and saves two .params files and a picture in the folder `own_loop`.
"""

import argparse
from pathlib import Path

import mxgan
from mxgan.pictures.grid import save_grid
from mxgan.runtime import mx
from mxgan.training.noise import NoisePool
from mxgan.training.schedule import InstanceNoise

BATCH, WIDTH, CHANNELS, LATENT = 64, 32, 3, 100

parser = argparse.ArgumentParser(description="MXNet's DCGAN loop by hand, on the embedded digits.")
parser.add_argument("steps", type=int, nargs="?", default=400, help="how many (default: %(default)s)")
steps = parser.parse_args().steps
if steps < 1:
    parser.error(f"steps is {steps}; give at least 1.")

folder = Path("own_loop")
if folder.exists():
    raise SystemExit(f"{folder} exists and will not be overwritten; move it away.")
folder.mkdir()

generator, discriminator = mxgan.make_dcgan_sym(ngf=WIDTH, ndf=WIDTH, nc=CHANNELS)

pair = mxgan.AdversarialPair(
    generator,
    discriminator,
    latent_shape=(LATENT, 1, 1),
    image_shape=(CHANNELS, 64, 64),
    batch_size=BATCH,
    contexts=[mx.cpu()],
    real_label=0.9,
)
pair.init_params(mx.init.Normal(0.02), seed=0)
adam = mxgan.OptimizerConfig("adam", learning_rate=2e-4, settings={"beta1": 0.5, "wd": 0.0})
pair.init_optimizers(adam, adam)

data = mxgan.open_dataset("digits", batch_size=BATCH, channels=CHANNELS)
latents = mxgan.RandIter(BATCH, LATENT)
metrics = mxgan.AdversarialMetrics()
noise = NoisePool(pair, seed=0)

step = epoch = 0
while step < steps:
    data.seek(epoch)
    for batch in data:
        result = pair.step(latents.next().data[0], batch.data[0], noise=noise.at(step, InstanceNoise(0.3)))
        metrics.update(result)
        step += 1
        if step % 10 == 0:
            print(metrics.line(epoch, step))
            metrics.reset()
        if step == steps:
            break
    epoch += 1

for half, parameters in zip("GD", pair.get_params()):
    mxgan.save_params(folder / f"digits_{half}-{epoch:04d}.params", *parameters)
sampler = mxgan.Sampler(generator, (LATENT, 1, 1))
sampler.copy_from(pair)
print(save_grid(folder / "samples.png", sampler.draw(64)))
