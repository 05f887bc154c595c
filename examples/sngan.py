"""SNGAN: residual networks, hinge loss and spectral normalisation, on photographs in folders.

python examples/sngan.py --data-dir cifar10_train.zip
python examples/sngan.py --data-dir photographs --set image_size=64    # 48, 64 and 128 as published, too

The widths, the rates and the single update of D on the fakes of G's own step are what two cores can train in an hour.
Published are --ngf 256 --ndf 128, five updates of D on fresh fakes, and rates of 2e-4.
"""

from mxgan.cli import example

NARROW = ("ngf=32", "ndf=32", "schedule.discriminator_updates=1", "schedule.fresh_fakes=false",
          "generator_optimizer.learning_rate=4e-4", "discriminator_optimizer.learning_rate=8e-4")  # fmt: skip

main = example("Train SNGAN on photographs.", recipe="sngan", dataset="folder", settings=NARROW)

if __name__ == "__main__":
    main()
