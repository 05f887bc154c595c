"""A training with few photographs: D judges changed images, so that it does not learn the photographs by heart.

python examples/few.py --data-dir FOLDER
python examples/few.py --data-dir FOLDER --augment none      # shows the effect of the changes
"""

from mxgan.cli import example

SMALL = ("image_size=32", "ngf=32", "ndf=32")

main = example("Train a GAN on few photographs.", recipe="few", dataset="folder", settings=SMALL)

if __name__ == "__main__":
    main()
