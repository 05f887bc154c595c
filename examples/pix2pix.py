"""pix2pix: the left half of a digit becomes the whole digit (Isola et al. 2017, eq. 1 to 4).

python examples/pix2pix.py

G takes the image A alone, with dropout as its noise; D judges A and an image, as channels; a second loss of G, L1 to
the right answer B, stands in its head. Built-in digits, 16×16; 1,500 steps take a minute. On the 360 test digits, which
are not trained on, L1 falls from 0.68 to 0.13 (of at most 2). The picture has rows of halves, answers, right answers.
"""

import argparse

import numpy as np

import mxgan
from mxgan.cli import outputs, terminal
from mxgan.pictures.grid import save_grid
from mxgan.runtime import mx

BATCH, SIDE, WIDTH, L1 = 32, 16, 32, 100.0

parser = argparse.ArgumentParser(description="Complete the left halves of digits with pix2pix.")
parser.add_argument("--steps", type=int, default=1500)
parser.add_argument("--output", default="pix2pix.png")
args = parser.parse_args()
with terminal.readable_errors(debug=False):
    target = outputs.new_picture(args.output)


def layer(data, name, width, up=False, norm=True):  # half or double the side
    operator = mx.sym.Deconvolution if up else mx.sym.Convolution
    data = operator(data, kernel=(4, 4), stride=(2, 2), pad=(1, 1), num_filter=width, no_bias=norm, name=name)
    data = mx.sym.BatchNorm(data, fix_gamma=False, name=f"{name}_norm") if norm else data
    return mx.sym.LeakyReLU(data, act_type="leaky", slope=0.2)


half, image, whole = mx.sym.var("A"), mx.sym.var("data"), mx.sym.var("B")  # each (N, 1, 16, 16)
down1 = layer(half, "g1", WIDTH, norm=False)
down2 = layer(down1, "g2", 2 * WIDTH)  # (N, 2 WIDTH, 4, 4)
up2 = mx.sym.Dropout(layer(layer(down2, "g3", 4 * WIDTH), "g4", 2 * WIDTH, up=True), p=0.5)
up1 = layer(mx.sym.Concat(up2, down2), "g5", WIDTH, up=True)
up0 = layer(mx.sym.Concat(up1, down1), "g6", WIDTH, up=True)
generator = mx.sym.tanh(mx.sym.Convolution(up0, kernel=(3, 3), pad=(1, 1), num_filter=1, name="g7"), name="gout")
features = layer(layer(mx.sym.Concat(half, image), "d1", WIDTH, norm=False), "d2", 2 * WIDTH)  # (N, 2 WIDTH, 4, 4)
patches = mx.sym.Convolution(features, kernel=(3, 3), pad=(1, 1), num_filter=1, name="d3")
score = mx.sym.mean(mx.sym.Flatten(patches), axis=1, keepdims=True)  # (N, 1), of 16 patches
discriminator = mxgan.OBJECTIVES["gan"].discriminator_head(score, mx.sym.var("label"))
distance = mx.sym.MakeLoss(L1 * mx.sym.mean(mx.sym.abs(image - whole), axis=(1, 2, 3)), name="l1")  # (N,)
shape = (1, SIDE, SIDE)
pair = mxgan.AdversarialPair(
    generator, discriminator, generator_head=mx.sym.Group([discriminator, distance]), latent_shape=None,
    image_shape=shape, batch_size=BATCH, conditions={"A": shape, "B": shape},
)  # fmt: skip
pair.init_params(mx.init.Normal(0.02), seed=0)
pair.init_optimizers(*[mxgan.OptimizerConfig("adam", 2e-4, {"beta1": 0.5})] * 2)

plain = {"image_size": SIDE, "channels": 1, "shuffle": False}
train = mxgan.open_dataset("digits", split="train", batch_size=1437, **plain).next().data[0]
test = mxgan.open_dataset("digits", split="test", batch_size=360, **plain).next().data[0]
left = mx.nd.reshape(mx.nd.arange(SIDE) < SIDE // 2, (1, 1, 1, SIDE))
train_half, test_half = (mx.nd.broadcast_mul(images + 1, left) - 1 for images in (train, test))  # the rest is black
np.random.seed(0)  # NDArrayIter shuffles by it
data = mx.io.NDArrayIter({"data": train, "A": train_half, "B": train}, batch_size=BATCH, shuffle=True)
trainer, sampler = mxgan.Trainer(pair, data), mxgan.Sampler(generator, None, conditions={"A": shape})
test, test_half = test.asnumpy(), test_half.asnumpy()
for step in sorted({0, args.steps // 10, args.steps}):
    trainer.fit(steps=step)
    sampler.copy_from(pair)
    made = sampler.sample(None, conditions={"A": test_half})
    print(f"step {step}: L1 of the right halves of the test digits: {abs(made - test)[..., SIDE // 2 :].mean():.3f}")
print(save_grid(target, np.concatenate([test_half[:16], made[:16], test[:16]]), columns=16))
