"""The Wasserstein GAN with weight clipping, at 32×32 and half the width, so that a CPU makes digits in minutes.

Watch `wasserstein` in history.jsonl, the critic's estimate of the distance. Unlike the loss of a GAN, it falls when the
images improve.

python examples/wgan.py
python examples/wgan.py --set image_size=64 --ngf 64 --ndf 64 --nc 3    # the paper's size
"""

from mxgan.cli import example

SMALL = ("image_size=32", "ngf=32", "ndf=32", "nc=1")

main = example("Train a WGAN on MNIST.", recipe="wgan", dataset="mnist", settings=SMALL)

if __name__ == "__main__":
    main()
