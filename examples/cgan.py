"""The conditional GAN on MNIST: each row of gout-*.png has one digit, and all rows have the same ten latents.

In a plain GAN the latent decides the digit, and some digits may never appear. Here you choose the digit:

python examples/cgan.py --steps 5000 --run-dir runs/cgan
mxgan sample runs/cgan --class 7 --output sevens.png
"""

from mxgan.cli import example

main = example("Train a conditional GAN on MNIST.", recipe="cgan", dataset="mnist")

if __name__ == "__main__":
    main()
