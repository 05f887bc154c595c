"""Hinge loss with a spectrally normalised discriminator, which needs no other remedy to stay in balance.

python examples/hinge.py
python examples/hinge.py --set spectral_norm=false            # what the normalisation is for
"""

from mxgan.cli import example

SMALL = ("image_size=32", "ngf=32", "ndf=32", "nc=1")

main = example("Train a GAN with hinge loss on MNIST.", recipe="hinge", dataset="mnist", settings=SMALL)

if __name__ == "__main__":
    main()
