"""The auxiliary-classifier GAN: D predicts whether an image is real, and its class; both train G.

history.jsonl has D's class accuracy on real and on generated images, class_accuracy_real and class_accuracy_fake.

python examples/acgan.py --steps 5000
"""

from mxgan.cli import example

main = example("Train an auxiliary-classifier GAN on MNIST.", recipe="acgan", dataset="mnist")

if __name__ == "__main__":
    main()
