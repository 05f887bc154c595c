"""DCGAN on MNIST, or on the embedded digits with --dataset digits.

Widths, batch and learning rates are those of MXNet's own example; instance noise and smoothed labels come on top.

python examples/dcgan_mnist.py                                # on the CPU
python examples/dcgan_mnist.py --gpu 0                        # on a GPU
python examples/dcgan_mnist.py --recipe dcgan-original        # without the remedies that keep D from winning
"""

from mxgan.cli import example

main = example("Train DCGAN on MNIST.", recipe="dcgan", dataset="mnist", epochs=100)

if __name__ == "__main__":
    main()
