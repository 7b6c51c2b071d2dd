import numpy as np
import pytest

from tf_audio_gan.losses.adversarial import OBJECTIVES, objective
from tf_audio_gan.losses.gradient_penalty import gradient_penalty


def bce(logits, target):
    p = 1 / (1 + np.exp(-logits.astype("float64")))
    return -np.mean(target * np.log(p) + (1 - target) * np.log(1 - p))


REAL = np.array([-1.5, 0.2, 3.0], "float32")
FAKE = np.array([0.7, -2.0, 0.1], "float32")
BY_HAND = {
    "minimax": (bce(REAL, 1) + bce(FAKE, 0), -bce(FAKE, 0)),
    "non_saturating": (0.5 * (bce(REAL, 1) + bce(FAKE, 0)), bce(FAKE, 1)),
    "lsgan": (0.5 * (np.mean((REAL - 1) ** 2) + np.mean(FAKE**2)), np.mean((FAKE - 1) ** 2)),
    "hinge": (np.mean(np.maximum(0, 1 - REAL)) + np.mean(np.maximum(0, 1 + FAKE)), -FAKE.mean()),
    "wgan": (FAKE.mean() - REAL.mean(), -FAKE.mean()),
    "wgan_gp": (FAKE.mean() - REAL.mean(), -FAKE.mean()),
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_objectives_equal_their_formulas(name):
    found = objective(name)
    discriminator, generator = BY_HAND[name]
    np.testing.assert_allclose(found.discriminator([REAL], [FAKE]), discriminator, rtol=1e-6)
    np.testing.assert_allclose(found.generator([FAKE]), generator, rtol=1e-6)
    np.testing.assert_allclose(found.generator([FAKE, FAKE]), 2 * generator, rtol=1e-6)


@pytest.mark.parametrize(
    "name, settings",
    [  # wavegan.md section 2, TensorFlow 1 defaults included
        ("non_saturating", {"learning_rate": 2e-4, "beta_1": 0.5, "beta_2": 0.999, "epsilon": 1e-8}),
        ("wgan_gp", {"learning_rate": 1e-4, "beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-8}),
        ("lsgan", {"learning_rate": 1e-4, "rho": 0.9, "momentum": 0.0, "epsilon": 1e-10}),
        ("wgan", {"learning_rate": 5e-5, "rho": 0.9, "momentum": 0.0, "epsilon": 1e-10}),
    ],
)
def test_optimizers_have_the_published_settings(name, settings):
    config = objective(name).optimizer().get_config()
    assert {k: pytest.approx(config[k]) for k in settings} == settings
    assert objective("wgan").weight_clip == 0.01 and objective("wgan_gp").weight_clip == 0


def test_unknown_objective_is_named():
    with pytest.raises(ValueError, match="wgan_gp. Received: objective='wgangp'"):
        objective("wgangp")


@pytest.mark.parametrize("scale", [0.1, 1.0, 3.0])
def test_penalty_of_a_linear_critic(scale, rng):
    """The slope of w.x is w everywhere: the penalty is (|w| - 1)^2 exactly."""
    w = rng.normal(size=(1, 50, 2)).astype("float32")
    w *= scale / np.linalg.norm(w)
    real, fake = rng.normal(size=(2, 4, 50, 2)).astype("float32")
    alpha = rng.uniform(size=(4, 1, 1)).astype("float32")
    penalty, norm = map(_array, gradient_penalty(lambda x: _dot(x, w), real, fake, alpha))
    np.testing.assert_allclose(norm, scale, rtol=1e-5)
    np.testing.assert_allclose(penalty, (scale - 1) ** 2, rtol=1e-4, atol=1e-9)


def test_penalty_is_taken_between_real_and_fake():
    """The slope of |x|^2 / 2 at x is x, so the norm names the point."""
    real, fake = np.full((1, 4, 1), 2.0, "float32"), np.full((1, 4, 1), 6.0, "float32")
    _, norm = gradient_penalty(lambda x: _dot(x, x) / 2, real, fake, np.full((1, 1, 1), 0.25, "float32"))
    np.testing.assert_allclose(_array(norm), 2 * 3.0, rtol=1e-6)


def _dot(x, w):
    from keras import ops

    return ops.sum(ops.multiply(x, w), axis=(1, 2))


def _array(x):
    from keras import ops

    return ops.convert_to_numpy(x)
