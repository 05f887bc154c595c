"""WGAN with the exact gradient penalty, out of two ordinary backward passes: mxgan/penalties.py says how.

`penalty` in history.jsonl is λ (‖∇D‖ − 1)² as the critic was trained on it. The critic has no BatchNorm, and cannot:
the penalty is about each sample's own gradient.

python examples/wgan_gp.py
python examples/wgan_gp.py --set penalty=r1 --set objective=gan --set penalty_weight=1    # R1 on the classic loss
"""

from mxgan.cli import example

SMALL = ("image_size=32", "ngf=32", "ndf=32", "nc=1")

main = example("Train a WGAN-GP on MNIST.", recipe="wgan-gp", dataset="mnist", settings=SMALL)

if __name__ == "__main__":
    main()
