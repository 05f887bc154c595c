"""Least-squares GAN: D's targets are 1 for real and 0 for fake images; the gradient grows with the distance to them.

python examples/lsgan.py
python examples/lsgan.py --set instance_noise.sigma=0 --set real_label=1    # only the loss, without noise and smoothing
"""

from mxgan.cli import example

SMALL = ("image_size=32", "ngf=32", "ndf=32", "nc=1")

main = example("Train a least-squares GAN on MNIST.", recipe="lsgan", dataset="mnist", settings=SMALL)

if __name__ == "__main__":
    main()
