"""GAN objectives as functions of discriminator logits.

`real` and `fake` are lists of logits (raw, before any sigmoid), one tensor a scale, of any shape; a loss is the mean
over each tensor, summed over scales. Formulas: Goodfellow et al. 2014 eq. 1; Mao et al. 2017 eq. 9; Lim and Ye 2017;
Arjovsky et al. 2017; Gulrajani et al. 2017. Factors of one half as in WaveGAN's code.
"""

from collections.abc import Callable
from dataclasses import dataclass

import keras
from keras import ops

from tf_audio_gan.optimizers import TF1RMSprop


def _scales(function, *logits):
    return sum(ops.mean(function(*parts)) for parts in zip(*logits, strict=True))


def _minimax_d(real, fake):
    return _scales(lambda r, f: ops.softplus(-r) + ops.softplus(f), real, fake)


def _minimax_g(fake):
    return _scales(lambda f: -ops.softplus(f), fake)


def _non_saturating_d(real, fake):
    return 0.5 * _minimax_d(real, fake)


def _non_saturating_g(fake):
    return _scales(lambda f: ops.softplus(-f), fake)


def _lsgan_d(real, fake):
    return 0.5 * _scales(lambda r, f: ops.square(r - 1) + ops.square(f), real, fake)


def _lsgan_g(fake):
    return _scales(lambda f: ops.square(f - 1), fake)


def _hinge_d(real, fake):
    return _scales(lambda r, f: ops.relu(1 - r) + ops.relu(1 + f), real, fake)


def _wasserstein_d(real, fake):
    return _scales(lambda r, f: f - r, real, fake)


def _wasserstein_g(fake):
    return _scales(lambda f: -f, fake)


def _dcgan_adam():
    return keras.optimizers.Adam(2e-4, beta_1=0.5, beta_2=0.999, epsilon=1e-8)


def _wgan_gp_adam():
    return keras.optimizers.Adam(1e-4, beta_1=0.5, beta_2=0.9, epsilon=1e-8)


@dataclass(frozen=True)
class Objective:
    """What two networks play for.

    Attributes:
        discriminator: (real logits, fake logits) -> scalar to minimise.
        generator: (fake logits) -> scalar to minimise.
        optimizer: () -> a fresh optimizer with the settings of the paper or the authors' code, TF1 defaults included.
        weight_clip: after every discriminator step its variables are clipped to [-weight_clip, weight_clip]; 0: not.
        penalty: whether the gradient penalty belongs to it.
    """

    discriminator: Callable
    generator: Callable
    optimizer: Callable
    weight_clip: float = 0.0
    penalty: bool = False


OBJECTIVES = {
    "minimax": Objective(_minimax_d, _minimax_g, _dcgan_adam),
    "non_saturating": Objective(_non_saturating_d, _non_saturating_g, _dcgan_adam),
    "lsgan": Objective(_lsgan_d, _lsgan_g, lambda: TF1RMSprop(1e-4)),
    "hinge": Objective(_hinge_d, _wasserstein_g, _wgan_gp_adam),
    "wgan": Objective(_wasserstein_d, _wasserstein_g, lambda: TF1RMSprop(5e-5), weight_clip=0.01),
    "wgan_gp": Objective(_wasserstein_d, _wasserstein_g, _wgan_gp_adam, penalty=True),
}


def objective(name):
    """The `Objective` called `name`; ValueError names those there are."""
    if name not in OBJECTIVES:
        raise ValueError(f"objective must be one of {', '.join(OBJECTIVES)}. Received: objective={name!r}")
    return OBJECTIVES[name]
