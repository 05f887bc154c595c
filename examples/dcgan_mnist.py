"""DCGAN on MNIST, or on the embedded digits with --dataset digits.

Widths, batch size and D's learning rate are those of MXNet's example. Instance noise, label smoothing and a higher
learning rate of G are added.

python examples/dcgan_mnist.py                                # on the CPU
python examples/dcgan_mnist.py --gpu 0                        # on a GPU
python examples/dcgan_mnist.py --recipe dcgan-original        # without these additions, which weaken D
"""

from mxgan.cli import example

main = example("Train DCGAN on MNIST.", recipe="dcgan", dataset="mnist", epochs=100)

if __name__ == "__main__":
    main()
