"""The multilayer-perceptron GAN on 3×64×64 images of a folder; its BatchNorm has an epsilon of 0.8, as published.

Fully connected layers do not know which pixels are neighbours: expect grainy images of colours and outlines.

python examples/mlp_gan_64.py --data-dir FOLDER_OF_IMAGES
"""

from mxgan.cli import example

main = example("Train the 64×64 MLP GAN on a folder of images.", recipe="mlp-gan-64", dataset="folder")

if __name__ == "__main__":
    main()
