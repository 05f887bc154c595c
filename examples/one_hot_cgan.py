"""A conditional GAN as old MXNet programs have it: the class is an input of G and D, in one of two ways.

python examples/one_hot_cgan.py                         # `cond` (N, 10): a condition by name, comes with the data
python examples/one_hot_cgan.py --input class_label     # the class's number (N,), one_hot(class_label) in the symbol

Built-in digits, 16×16; 3,000 steps take under a minute. Each row of the picture has one digit, and all rows have the
same latents.
"""

import argparse

import numpy as np

import mxgan
from mxgan.cli import outputs, terminal
from mxgan.pictures.grid import save_grid
from mxgan.runtime import mx
from mxgan.training.schedule import InstanceNoise

BATCH, CLASSES, LATENT, SIDE, COLUMNS = 64, 10, 32, 16, 10

parser = argparse.ArgumentParser(description="Train a conditional GAN whose condition is an input of the symbols.")
parser.add_argument("--input", default="cond", choices=("cond", "class_label"))
parser.add_argument("--steps", type=int, default=3000)
parser.add_argument("--output", default="one_hot_cgan.png")
args = parser.parse_args()
by_name = args.input == "cond"
with terminal.readable_errors(debug=False):
    target = outputs.new_picture(args.output)


def perceptron(data, letter, widths, num_outputs):
    for i, width in enumerate(widths):
        data = mx.sym.FullyConnected(data, num_hidden=width, name=f"{letter}{i + 1}")
        data = mx.sym.LeakyReLU(data, act_type="leaky", slope=0.2)
    return mx.sym.FullyConnected(data, num_hidden=num_outputs, name=f"{letter}{len(widths) + 1}")


code = mx.sym.var("cond") if by_name else mx.sym.one_hot(mx.sym.var("class_label"), depth=CLASSES)  # (N, 10)
pixels = perceptron(mx.sym.Concat(mx.sym.var("rand"), code), "g", (256, 512), SIDE * SIDE)
generator = mx.sym.Reshape(mx.sym.tanh(pixels), shape=(-1, 1, SIDE, SIDE), name="gout")
score = perceptron(mx.sym.Concat(mx.sym.Flatten(mx.sym.var("data")), code), "d", (512, 256), 1)

conditions = {"cond": (CLASSES,)} if by_name else {}
pair = mxgan.AdversarialPair(
    generator, mxgan.OBJECTIVES["gan"].discriminator_head(score, mx.sym.var("label")), latent_shape=(LATENT,),
    image_shape=(1, SIDE, SIDE), batch_size=BATCH, real_label=0.9, conditions=conditions,
)  # fmt: skip
pair.init_params(mx.init.Xavier(), seed=0)
adam = mxgan.OptimizerConfig("adam", 2e-4, {"beta1": 0.5})
pair.init_optimizers(adam, adam)

data = mxgan.open_dataset("digits", batch_size=BATCH, image_size=SIDE, channels=1)
if by_name:  # any iterator whose batches have the images and the conditions will do
    everything = mxgan.open_dataset("digits", batch_size=data.num_images, image_size=SIDE, channels=1).next()
    arrays = {"data": everything.data[0], "cond": mx.nd.one_hot(everything.label[0], CLASSES)}
    data = mx.io.NDArrayIter(arrays, batch_size=BATCH, shuffle=True)
latents = mxgan.RandIter(BATCH, (LATENT,), classes=0 if by_name else CLASSES)
np.random.seed(0)  # NDArrayIter shuffles by it
mxgan.Trainer(pair, data, latents=latents, noise=InstanceNoise(0.3)).fit(steps=args.steps)

sampler = mxgan.Sampler(generator, (LATENT,), classes=0 if by_name else CLASSES, conditions=conditions)
sampler.copy_from(pair)
rows, asked = np.tile(sampler.latents(COLUMNS, seed=0), (CLASSES, 1)), np.repeat(np.arange(CLASSES), COLUMNS)
told = {"conditions": {"cond": np.eye(CLASSES)[asked]}} if by_name else {"classes": asked}
print(save_grid(target, sampler.sample(rows, **told), columns=COLUMNS))
