"""Least-squares GAN: D's score is drawn to 1 on real and to 0 on fake images, far ones the most.

python examples/lsgan.py
python examples/lsgan.py --set instance_noise.sigma=0 --set real_label=1    # the loss alone
"""

from mxgan.cli import example

SMALL = ("image_size=32", "ngf=32", "ndf=32", "nc=1")

main = example("Train a least-squares GAN on MNIST.", recipe="lsgan", dataset="mnist", settings=SMALL)

if __name__ == "__main__":
    main()
