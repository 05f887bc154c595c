"""The semi-supervised GAN: D learns to classify from ten labelled images of each digit and all unlabelled images.

The log and evaluation.jsonl have D's accuracy on the test set.

python examples/ssgan.py --steps 3000
python examples/ssgan.py --steps 3000 --set minibatch_kernels=16     # with minibatch discrimination
"""

from mxgan.cli import example

main = example("Train a semi-supervised GAN on MNIST.", recipe="ssgan", dataset="mnist")

if __name__ == "__main__":
    main()
