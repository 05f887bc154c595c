"""A training with few photographs: D judges changed images, so that it does not learn the photographs by heart.

python examples/few.py --data-dir FOLDER
python examples/few.py --data-dir FOLDER --augment none      # shows the effect of the changes
"""

from mxgan.cli import example

main = example("Train a GAN on few photographs.", recipe="few", dataset="folder")

if __name__ == "__main__":
    main()
