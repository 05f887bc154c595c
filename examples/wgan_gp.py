"""WGAN with the exact gradient penalty, from two ordinary backward passes (see mxgan/objectives/bound_penalty.py).

`penalty` in history.jsonl is λ (‖∇D‖ − 1)² in the critic's training. The critic must not have BatchNorm, because the
penalty is of each sample's own gradient.

python examples/wgan_gp.py
python examples/wgan_gp.py --set penalty=r1 --set objective=gan --set penalty_weight=1    # R1 with the original loss
"""

from mxgan.cli import example

SMALL = ("image_size=32", "ngf=32", "ndf=32", "nc=1")

main = example("Train a WGAN-GP on MNIST.", recipe="wgan-gp", dataset="mnist", settings=SMALL)

if __name__ == "__main__":
    main()
