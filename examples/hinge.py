"""Hinge loss with spectral normalisation of D, which keeps D and G in balance without other remedies.

python examples/hinge.py
python examples/hinge.py --set spectral_norm=false            # shows the effect of the normalisation
"""

from mxgan.cli import example

SMALL = ("image_size=32", "ngf=32", "ndf=32", "nc=1")

main = example("Train a GAN with hinge loss on MNIST.", recipe="hinge", dataset="mnist", settings=SMALL)

if __name__ == "__main__":
    main()
