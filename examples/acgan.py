"""The auxiliary-classifier GAN: D says whether an image is real, and which class it is of; G is trained on both.

history.jsonl has D's accuracy on the classes of real and of made images as class_accuracy_real and class_accuracy_fake.

python examples/acgan.py --steps 5000
"""

from mxgan.cli import example

main = example("Train an auxiliary-classifier GAN on MNIST.", recipe="acgan", dataset="mnist")

if __name__ == "__main__":
    main()
