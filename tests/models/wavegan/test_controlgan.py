import keras
import numpy as np
import pytest
from keras import ops

from tests.models.contract import moved, run_backends_test, run_gan_test, values
from tf_audio_gan import ControlGAN
from tf_audio_gan.backend import Draws

SMALL = {"length": 4096, "strides": [4, 4, 4], "dim": 2, "critic_steps": 2, "labels": ["low", "high"]}


@pytest.fixture
def batch(rng):
    """Low and high tones."""
    t, labels = np.arange(4096) / 16000, np.arange(8, dtype="int32") % 2
    pitch = np.where(labels, 3000, 300) * rng.uniform(0.9, 1.1, 8)
    return np.sin(2 * np.pi * pitch[:, None, None] * t[None, :, None]).astype("float32"), labels


def soft(batch):
    return batch[0], np.eye(2, dtype="float32")[batch[1]]


def moved_gamma(model, real, fake):
    model.control(ops.convert_to_tensor(real), ops.convert_to_tensor(fake))
    return float(model.gamma)


def test_contract(batch, tmp_path):
    run_gan_test(ControlGAN, SMALL | {"equilibrium": 0.5, "conditioning": "film"}, batch, tmp_path)


def test_backends_take_the_same_step(rng, tmp_path):
    batch = rng.uniform(-1, 1, (8, 4096, 1)).astype("float32"), np.arange(8, dtype="int32") % 2
    run_backends_test(ControlGAN, SMALL, batch, tmp_path, rate=0.003)


def test_gamma_by_hand():
    """wavegan.md 7.1: CE_fake 2.0, CE_real 0.5, E = 1, r = 0.001 move it by 0.0015; it stays within [0, ceiling]."""
    model = ControlGAN(**SMALL)
    np.testing.assert_allclose(moved_gamma(model, 0.5, 2.0), 0.0015, rtol=1e-6)
    np.testing.assert_allclose(moved_gamma(model, 0.5, 0.1), 0.0011, rtol=1e-6)
    assert moved_gamma(model, 9.0, 0.1) == 0
    model.control_ceiling = 0.5
    assert moved_gamma(model, 0.0, 1000.0) == 0.5


def test_equilibrium_weighs_the_real_examples():
    model = ControlGAN(**SMALL, equilibrium=2.0, control_rate=0.1)
    np.testing.assert_allclose(moved_gamma(model, 0.5, 2.0), 0.1 * (2.0 - 2.0 * 0.5), rtol=1e-6)


def test_the_classifier_learns_from_real_examples_alone(batch):
    """It tells them apart soon; generator and discriminator steps leave it alone, its own leaves them."""
    model = ControlGAN(**SMALL)
    model.compile(run_eagerly=True)
    classifier, generator = values(model.classifier.variables), values(model.generator.variables)
    model._update(model.discriminator, model.d_optimizer, model.discriminator_loss, soft(batch), Draws(0, 0))
    model._update(model.generator, model.optimizer, model.generator_loss, soft(batch), Draws(0, 0))
    assert not any(moved(classifier, model.classifier.variables)) and any(moved(generator, model.generator.variables))
    generator, critic = values(model.generator.variables), values(model.discriminator.variables)
    for step in range(20):
        model._update(model.classifier, model.c_optimizer, model.classifier_loss, soft(batch), Draws(0, step))
    assert not any(moved(generator, model.generator.variables) + moved(critic, model.discriminator.variables))
    assert float(model.classifier_loss(soft(batch), Draws(0, 99))["c/accuracy"]) == 1


def test_the_discriminator_sees_no_labels(batch):
    model = ControlGAN(**SMALL)
    assert model.discriminator.labels_by is None and model.generator.classes == 2
    terms = model.discriminator_loss(soft(batch), Draws(0, 0))
    assert set(terms) == {"d/adversarial", "d/real", "d/fake", "d/gradient_penalty", "d/gradient_norm"}


def test_the_generator_pays_gamma_times_the_cross_entropy(batch):
    model = ControlGAN(**SMALL)
    model.gamma.assign(1.5)
    audio, labels = soft(batch)
    terms = model.generator_loss((audio, labels), Draws(0, 3))
    made = model.varied(model._fake(audio, Draws(0, 3), labels), Draws(0, 3))
    wanted = keras.losses.CategoricalCrossentropy(from_logits=True)(labels, model.classifier(made))
    np.testing.assert_allclose(terms["g/labels"], wanted, rtol=1e-4)
    np.testing.assert_allclose(terms["g/control"], 1.5 * wanted, rtol=1e-4)
    np.testing.assert_allclose(model.total(terms), terms["g/adversarial"] + terms["g/control"], rtol=1e-5)


def test_gamma_follows_varied_sounds(batch, monkeypatch):
    """If varying made everything silent, the classifier would find real and fake examples alike."""
    seen = []
    monkeypatch.setattr(ControlGAN, "varied", lambda self, audio, draws: audio * 0.0)
    monkeypatch.setattr(ControlGAN, "control", lambda self, real, fake: seen.append((float(real), float(fake))))
    model = ControlGAN(**SMALL)
    model.compile(run_eagerly=True)
    model.fit(*batch, batch_size=8, verbose=0)
    assert seen
    for real, fake in seen:
        np.testing.assert_allclose(real, fake, rtol=1e-6)


def test_checkpoints_keep_gamma_and_the_classifier(batch, tmp_path):
    model = ControlGAN(**SMALL)
    model.compile(run_eagerly=True)
    model.fit(*batch, batch_size=8, verbose=0)
    model.gamma.assign(0.25)
    model.save_weights(tmp_path / "x.weights.h5")
    again = ControlGAN(**SMALL)
    again.compile()
    again.load_weights(tmp_path / "x.weights.h5")
    assert float(again.gamma) == 0.25 and int(again.c_optimizer.iterations) == 2
    for a, b in zip(model.classifier.variables, again.classifier.variables, strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_the_classifier_hears_varies_in_place_gain_and_noise(batch):
    model = ControlGAN(**SMALL)
    ramp = np.broadcast_to(np.linspace(0.1, 1, 4096, dtype="float32")[None, :, None], (4, 4096, 1))
    draws = Draws(0, 0)
    varied = np.asarray(model.varied(ramp, draws))[..., 0]
    shift = np.floor(np.asarray(draws.fold("shift").uniform((4, 1, 1)))[:, 0, 0] * 819).astype(int)
    gain = 10 ** ((np.asarray(draws.fold("gain").uniform((4, 1, 1)))[:, 0, 0] * 2 - 1) * 6 / 20)
    level = -80 + 60 * np.asarray(draws.fold("level").uniform((4, 1, 1)))[:, 0, 0]
    for row, start, factor, wanted in zip(varied, shift, gain, level, strict=True):
        noise = row - np.pad(ramp[0, :, 0], 409)[start : start + 4096] * factor
        np.testing.assert_allclose(20 * np.log10(noise.std()), wanted, atol=0.5)
    assert len(set(shift)) > 1 and np.ptp(level) > 6


@pytest.mark.parametrize(
    "keywords, message",
    [
        ({"labels": ()}, "a ControlGAN needs labels"),
        ({"conditioning": "projection"}, "conditioning is concat or film. Received: 'projection'"),
        ({"equilibrium": 0.0}, "equilibrium must be above 0"),
        ({"control_rate": -1.0}, "control_rate must be above 0"),
        ({"control_ceiling": -1.0}, "control_ceiling must be at least 0"),
    ],
)
def test_wrong_settings_are_named(keywords, message):
    with pytest.raises(ValueError, match=message):
        ControlGAN(**SMALL | keywords)
