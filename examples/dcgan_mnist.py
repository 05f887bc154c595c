"""DCGAN on MNIST, or on the embedded digits with --dataset digits.

Widths, batch and D's learning rate are those of MXNet's own example; instance noise, smoothed labels and a faster G
come on top.

python examples/dcgan_mnist.py                                # on the CPU
python examples/dcgan_mnist.py --gpu 0                        # on a GPU
python examples/dcgan_mnist.py --recipe dcgan-original        # without the remedies that keep D from winning
"""

from mxgan.cli import example

main = example("Train DCGAN on MNIST.", recipe="dcgan", dataset="mnist", epochs=100)

if __name__ == "__main__":
    main()
