"""The multilayer-perceptron GAN: flattened 28×28 digits in [0, 1], Adam with learning rate 1e-5, 200 epochs.

The small learning rate makes it slow but steady. A step takes milliseconds. history.jsonl and the log have the means of
both losses over 500 steps.

python examples/mlp_gan.py
python examples/mlp_gan.py --dataset digits --lr 2e-4 --epochs 100
"""

from mxgan.cli import example

main = example("Train the MLP GAN on MNIST.", recipe="mlp-gan", dataset="mnist")

if __name__ == "__main__":
    main()
