"""SNGAN with classes: one folder of photographs for each class; G draws the class that is asked for.

python examples/sngan_projection.py --data-dir cifar10_train.zip
mxgan sample runs/… --class ship

The widths and rates are those of examples/sngan.py. With batches of 32 the same time has more steps.
"""

from mxgan.cli import example

NARROW = ("ngf=32", "ndf=32", "schedule.discriminator_updates=1", "schedule.fresh_fakes=false",
          "generator_optimizer.learning_rate=4e-4", "discriminator_optimizer.learning_rate=8e-4",
          "batch_size=32")  # fmt: skip

main = example("Train SNGAN with classes.", recipe="sngan-projection", dataset="folder", settings=NARROW)

if __name__ == "__main__":
    main()
