"""The multilayer-perceptron GAN: flat 28×28 digits in [0, 1], Adam at 1e-5, 200 epochs.

So small a learning rate makes it slow but steady. history.jsonl and the log have both losses, their means over 500
steps; a step takes milliseconds.

python examples/mlp_gan.py
python examples/mlp_gan.py --dataset digits --lr 2e-4 --epochs 100
"""

from mxgan.cli import example

main = example("Train the MLP GAN on MNIST.", recipe="mlp-gan", dataset="mnist")

if __name__ == "__main__":
    main()
