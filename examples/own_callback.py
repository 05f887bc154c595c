"""A callback of your own: stop when the discriminator has won for too long.

python examples/own_callback.py --steps 200        # built-in digits, a minute; then: --resume own_callback --steps 400
"""

import argparse

import mxgan
from mxgan.runtime.config import override


class StopWhenDWins(mxgan.Callback):
    """Stops a training in which D calls nearly every image right for `patience` steps in a row."""

    def __init__(self, accuracy=0.99, patience=100):
        self.accuracy, self.patience, self.row = accuracy, patience, 0

    def on_step_end(self, trainer, batch, result):
        fake, real = result.fake_prediction.asnumpy(), result.real_prediction.asnumpy()
        right = ((fake < 0.5).mean() + (real > 0.5).mean()) / 2
        self.row = self.row + 1 if right >= self.accuracy else 0
        if self.row >= self.patience:
            trainer.stop(f"D was right on {right:.0%} of the images for {self.row} steps")

    def on_fit_end(self, trainer):
        rates = trainer.pair.learning_rates()
        print(f"step {trainer.step}: D has won for {self.row} steps, learning rates {rates}")

    def state(self):
        """What a checkpoint keeps: a resumed run counts on from here."""
        return {"row": self.row}

    def restore(self, state):
        self.row = state.get("row", 0)  # a checkpoint that was saved without this callback has nothing


parser = argparse.ArgumentParser(description="Train DCGAN on the built-in digits with a callback of your own.")
parser.add_argument("--steps", type=int, default=200)
parser.add_argument("--run-dir", default="own_callback")
parser.add_argument("--resume", metavar="RUN")
args = parser.parse_args()

own = [StopWhenDWins(patience=50)]
if args.resume:
    session = mxgan.resume(args.resume, steps=args.steps, display="none", callbacks=own)
else:
    recipe = override(mxgan.RECIPES["dcgan"], {"image_size": 32, "nc": 1, "ngf": 16, "ndf": 16, "batch_size": 32})
    session = mxgan.start(mxgan.RunConfig(recipe, steps=args.steps), args.run_dir, display="none", callbacks=own)
session.run()
print(f"run folder: {session.folder.path}")
