"""Published recipes, each as one value: network, objective, initialisation, optimisers, schedule, source."""

from __future__ import annotations

from mxgan.errors import lookup
from mxgan.networks import (
    CBR,
    DCGAN,
    MLP,
    AuxiliaryDCGAN,
    ConditionalDCGAN,
    EncoderDecoder,
    Residual,
    ResidualProjection,
    SemiSupervisedDCGAN,
)
from mxgan.training.learning_rates import LearningRateSchedule
from mxgan.training.optimizers import OptimizerConfig
from mxgan.training.recipe import Recipe
from mxgan.training.schedule import InstanceNoise, Schedule

__all__ = ["EARLIER_SUMMARIES", "OF_IMPORTS", "RECIPES", "get_recipe"]

BALANCED = {"real_label": 0.9, "instance_noise": InstanceNoise(0.3)}  # keeps D from winning
# An average of G's weights, which pictures and samples show: Karras et al. 2018, appendix A; Yazici et al. 2019.
# Recipes whose point is to be as published have none; nor have wgan and wgan-gp, whose G learns so slowly that in short
# trainings its average lags behind: docs/evaluation.md has the figures.
AVERAGED = {"ema": 0.999}
# Adam whose estimate of the squared gradient follows a short training: MXNet's β2 is 0.999, its memory 1,000 steps.
QUICK_ADAM = {"beta1": 0.5, "beta2": 0.99, "wd": 0.0}
SNGAN_ADAM = {"beta1": 0.0, "beta2": 0.9, "wd": 0.0}
MNIST_SIZED = {"nc": 1, "image_size": 32, "ngf": 32, "ndf": 32}


def sngan(network, **changes) -> dict:
    """The published training of SNGAN's residual networks on CIFAR-10, with an average of G's weights and `changes`."""
    return {
        "network": network,
        "objective": "hinge_loss",
        "spectral_norm": True,
        **both(OptimizerConfig("adam", 2e-4, SNGAN_ADAM, LearningRateSchedule("linear"))),
        "initializer": "residual",
        "schedule": Schedule(discriminator_updates=5, fresh_fakes=True),
        "ema": 0.999,
        "run_defaults": {"epochs": 20, "sample_every": 500},
        **changes,
    }


def both(optimizer: OptimizerConfig) -> dict:
    """The same optimiser for G and D."""
    return {"generator_optimizer": optimizer, "discriminator_optimizer": optimizer}


RECIPES = {
    "dcgan": Recipe(
        summary="DCGAN kept in balance: instance noise, one-sided label smoothing, a G that learns four times as fast",
        source="Radford et al. 2016; noise: Sønderby et al. 2017, section 4; smoothing: Salimans et al. 2016, 3.4; "
        "two learning rates: Heusel et al. 2017, but with the higher rate for G; β2: Karras et al. 2018, appendix A",
        real_label=0.9,
        instance_noise=InstanceNoise(0.2),
        generator_optimizer=OptimizerConfig(learning_rate=8e-4, settings=QUICK_ADAM),
        discriminator_optimizer=OptimizerConfig(settings=QUICK_ADAM),
        **AVERAGED,
    ),
    "dcgan-original": Recipe(
        summary="DCGAN with the settings of MXNet's own example",
        source="example/gan/dcgan.py of MXNet, which had it up to 1.0.0",
        algorithm="direct",
        run_defaults={"show_every": 10},
    ),
    "mlp-gan": Recipe(
        summary="multilayer perceptrons on flat 28×28 images in [0, 1]",
        source="Goodfellow et al. 2014, in the form of the PyTorch exercises: latent 64, Adam 1e-5, 200 epochs",
        network=MLP(),
        **both(OptimizerConfig("adam", 1e-5, {"beta1": 0.9, "beta2": 0.999})),
        initializer="torch",
        batch_size=128,
        schedule=Schedule(fresh_fakes=True, mean_of_losses=True),
        run_defaults={"epochs": 200, "log_every": 500, "sample_every": 500},
    ),
    "mlp-gan-64": Recipe(
        summary="multilayer perceptrons on 3×64×64 images, BatchNorm with an epsilon of 0.8",
        source="Goodfellow et al. 2014, with the widths of the PyTorch-GAN collection, which trains on anime faces",
        network=MLP(
            nc=3,
            image_size=64,
            latent_size=100,
            generator_widths=(128, 256, 512, 1024),
            discriminator_widths=(512, 256),
            norm_first=False,
            eps=0.8,
            slope=0.2,
            output="tanh",
        ),
        initializer="torch",
    ),
    "cbr-gan": Recipe(
        summary="nine convolutions in each network, 32×32, Adadelta, five steps of G for one of D, latents drawn once",
        source="a classroom notebook (convolution, BatchNorm, ReLU); first 900 images of a folder",
        network=CBR(),
        **both(OptimizerConfig("adadelta_lr", 1e-3, {"rho": 0.9, "epsilon": 1e-6})),
        initializer="torch",
        batch_size=100,
        schedule=Schedule(generator_updates=5, fresh_fakes=True, fixed_latents=True),
        pictures=("grids", "strip", "losses"),
        run_defaults={"log_every": 1, "sample_every": "epoch", "limit": 900},
    ),
    "encoder-decoder-gan": Recipe(
        summary="5×5 'same' convolutions and global pooling on 64×64; D updated on reals, then on fakes",
        source="a Keras tutorial on CelebA: first 10,000 faces, batches drawn with replacement",
        network=EncoderDecoder(),
        **both(OptimizerConfig("adam", 2e-4, {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7})),
        initializer="glorot",
        batch_size=32,
        schedule=Schedule(separate_updates=True, fresh_fakes=True),
        sampling="replacement",
        steps_per_epoch=200,
        pictures=("grids", "scores", "losses"),
        run_name="{dataset}-encoder-decoder-c{recipe.network.capacity}-b{recipe.batch_size}"
        "-d{recipe.schedule.discriminator_updates}-g{recipe.schedule.generator_updates}",
        run_defaults={"sample_every": 80, "limit": 10000},
    ),
    "wgan": Recipe(
        summary="Wasserstein critic with clipped weights, five critic steps for one of G",
        source="Arjovsky et al. 2017, algorithm 1: clip 0.01, RMSProp 5e-5, on DCGAN's networks",
        network=DCGAN(fix_gamma=False),
        objective="wasserstein",
        # MXNet adds epsilon inside the root; 1e-16 there is PyTorch's 1e-8 outside the root
        **both(OptimizerConfig("rmsprop", 5e-5, {"gamma1": 0.99, "epsilon": 1e-16})),
        schedule=Schedule(discriminator_updates=5, fresh_fakes=True),
        weight_clip=0.01,
    ),
    "wgan-gp": Recipe(
        summary="Wasserstein critic with an exact gradient penalty and no BatchNorm",
        source="Gulrajani et al. 2017, algorithm 1: λ = 10, Adam (1e-4, 0, 0.9), five critic steps",
        network=DCGAN(fix_gamma=False, discriminator_norm="none"),
        objective="wasserstein",
        **both(OptimizerConfig("adam", 1e-4, {"beta1": 0.0, "beta2": 0.9, "wd": 0.0})),
        schedule=Schedule(discriminator_updates=5, fresh_fakes=True),
        penalty="gradient_penalty",
        penalty_weight=10.0,
    ),
    "lsgan": Recipe(
        summary="least squares: D's target score is 1 on real and 0 on fake images",
        source="Mao et al. 2017, eq. 9; on DCGAN's networks, with instance noise and label smoothing",
        objective="least_squares",
        **BALANCED,
        **AVERAGED,
    ),
    "hinge": Recipe(
        summary="hinge loss with a spectrally normalised discriminator",
        source="Lim and Ye 2017; Miyato et al. 2018, eq. 16 and 17, on DCGAN's networks",
        network=DCGAN(discriminator_norm="none", fix_gamma=False),
        objective="hinge_loss",
        spectral_norm=True,
        **AVERAGED,
    ),
    "sngan": Recipe(
        summary="residual networks for photographs, hinge loss, spectral normalisation; a CPU needs narrower ones: "
        "--ngf 32 --ndf 32 --set schedule.discriminator_updates=1",
        source="Miyato et al. 2018, table 3 and section 4.2: Adam (2e-4, 0, 0.9), five updates of D, linear decay; "
        "there G learns from batches of 128, for 50,000 steps, and no average is taken",
        **sngan(Residual()),
    ),
    "sngan-projection": Recipe(
        summary="sngan with classes: G draws the class that is asked for, D judges how image and class fit; a CPU "
        "needs --ngf 32 --ndf 32 --set schedule.discriminator_updates=1",
        source="Miyato and Koyama 2018, section 4, with the networks and settings of Miyato et al. 2018 on CIFAR-10 "
        "(sn_cifar10.yml of the authors); there G learns from batches of 128, and no average is taken",
        **sngan(ResidualProjection()),
    ),
    "few": Recipe(
        summary="for 50 to 1,000 photographs: narrow residual networks, D sees the images changed at random, mirrored",
        source="Zhao et al. 2020 (DiffAugment: colour, translation, cutout; mirrored images as in its 100-shot sets), "
        "on the residual networks of Miyato et al. 2018, tables 3 to 5, narrower and with other rates",
        **sngan(
            Residual(ngf=32, ndf=32),
            # One update of D, on the fakes of G's own step, and the best rates of some trials with narrow networks.
            schedule=Schedule(),
            generator_optimizer=OptimizerConfig("adam", 4e-4, SNGAN_ADAM),
            discriminator_optimizer=OptimizerConfig("adam", 8e-4, SNGAN_ADAM),
            augment=("colour", "translation", "cutout"),
            mirror=True,
            ema=0.995,  # one of 0.999 reaches back 1,000 steps, and lags behind in trainings of some thousand
            run_defaults={"steps": 5000, "sample_every": 500},  # in steps: an epoch of 100 photographs has only two
        ),
    ),
    "cgan": Recipe(
        summary="G and D take the class as an input: G draws the digit that is asked for",
        source="Mirza and Osindero 2014, on DCGAN's networks at 32×32, with instance noise and label smoothing",
        network=ConditionalDCGAN(**MNIST_SIZED),
        **BALANCED,
        **AVERAGED,
        run_defaults={"epochs": 10},
    ),
    "acgan": Recipe(
        summary="D also predicts the class, and G is trained on both of its answers",
        source="Odena et al. 2017, eq. 2 and 3, on DCGAN's networks at 32×32, with instance noise and label smoothing",
        network=AuxiliaryDCGAN(**MNIST_SIZED),
        **BALANCED,
        **AVERAGED,
        run_defaults={"epochs": 10},
    ),
    "ssgan": Recipe(
        summary="D classifies with ten labels of each class, and also learns from unlabelled and generated images",
        source="Salimans et al. 2016, section 5 (K + 1 classes, the last logit 0); section 3.2 with minibatch_kernels",
        network=SemiSupervisedDCGAN(**MNIST_SIZED),
        labelled_per_class=10,
        **AVERAGED,
        discriminator_ema=0.999,  # the published code measures the classifier with averaged weights too
        instance_noise=InstanceNoise(0.3),
        run_defaults={"epochs": 10, "sample_every": 500},
    ),
}


# {summary that a recipe once had: its name}: runs that saved it are known as runs of this recipe, with the same source.
EARLIER_SUMMARIES = {"DCGAN with the settings of MXNet's own example, whose discriminator wins": "dcgan-original"}

# The settings of PyTorch's DCGAN example too: Adam 2e-4, beta1 0.5, batches of 64, cross-entropy.
OF_IMPORTS = "dcgan-original"  # with whose settings an imported network goes on, unless told otherwise


def get_recipe(name: str) -> Recipe:
    """The row `name` of RECIPES; ArgumentError with a suggestion if there is none."""
    return lookup("recipe", name, RECIPES)
