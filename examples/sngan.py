"""SNGAN: residual networks, hinge loss and spectral normalisation, on photographs in folders.

python examples/sngan.py --data-dir cifar10_train.zip
python examples/sngan.py --data-dir photographs --set image_size=64    # 48, 64 and 128 as published, too

The widths here are about what two cores can train; --ngf 256 --ndf 128 --set schedule.discriminator_updates=5 are the
published ones.
"""

from mxgan.cli import example

NARROW = ("ngf=32", "ndf=32", "schedule.discriminator_updates=1")

main = example("Train SNGAN on photographs.", recipe="sngan", dataset="folder", settings=NARROW)

if __name__ == "__main__":
    main()
