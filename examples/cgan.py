"""The conditional GAN on MNIST: gout-*.png has one digit a row, and the same ten latents in every row.

A plain GAN decides for itself which digits it makes, and some never appear. This one is asked:

python examples/cgan.py --steps 5000 --run-dir runs/cgan
mxgan sample runs/cgan --class 7 --output sevens.png
"""

from mxgan.cli import example

main = example("Train a conditional GAN on MNIST.", recipe="cgan", dataset="mnist")

if __name__ == "__main__":
    main()
