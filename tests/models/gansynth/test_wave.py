"""GANSynth on waveforms, which grow along time alone: what test_gansynth.py and test_networks.py hold of pictures."""

import keras
import numpy as np
import pytest

from tests.models.contract import run_backends_test, run_gan_test, values
from tests.models.gansynth.test_gansynth import alphas_at
from tf_audio_gan import GANSynth, backend
from tf_audio_gan.backend import Draws
from tf_audio_gan.models.gansynth.networks import Discriminator, Generator, start_of

SMALL = {
    "sample_rate": 8000, "length": 250, "representation": "wave", "frames": 256, "bins": 1, "normalizer": "none",
    "blocks": 3, "filters": 16, "max_filters": 6, "latent_dim": 5, "labels": ["60", "62", "67", "71"],
    "stable_images": 8, "fade_images": 12, "batch_size": 4,
}  # fmt: skip
TWO = SMALL | {"blocks": 2, "stable_images": 0, "fade_images": 100}


def array(x):
    return keras.ops.convert_to_numpy(x)


def longer(x, places):
    return np.repeat(array(x), places, axis=1)


def means(x, places):
    return array(x).reshape(len(x), -1, places, 1, x.shape[-1]).mean(axis=2)


@pytest.fixture
def batch(rng):
    return rng.uniform(-1, 1, (4, 250, 1)).astype("float32"), np.array([0, 3, 1, 1], "int32")


def test_contract(batch, tmp_path):
    run_gan_test(GANSynth, TWO, batch, tmp_path)


def test_backends_take_the_same_step(batch, tmp_path):
    run_backends_test(GANSynth, TWO | {"progressive": False}, batch, tmp_path, rate=1e-3)


def test_parameters_at_full_size():
    """16 x 4^6 samples; of 3 x 3 kernels, at which waves have one bin, the middle column."""
    sizes, widths = {"frames": 65536, "bins": 1}, [256, 256, 256, 256, 256, 128, 64, 32]
    generator, critic = Generator(**sizes), Discriminator(**sizes)
    assert generator.start == critic.start == (16, 1)
    made, judged = 0, 257 + 257 * 61
    for b in range(1, 8):
        before, width = (317 if b == 1 else widths[b - 1]), widths[b]
        made += (16 if b == 1 else 3) * before * width + 3 * width**2 + 2 * width + 2 * width + 2
        judged += 3 * width + 3 * (width + (b == 1)) * width + (16 if b == 1 else 3) * width * widths[b - 1]
        judged += width + widths[b - 1]
    for network, wanted in ((generator, made), (critic, judged)):
        assert sum(int(np.prod(v.shape)) for v in network.trainable_variables) == wanted
    with pytest.raises(ValueError, match="frames must be a multiple of 4096. Received: frames=64000"):
        start_of(64000, 1, 7)


def norm(x):
    return x / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + 1e-8)


def convolved(x, layer):
    """Zeros at both ends, three places at a time, in float64."""
    kernel = array(layer.kernel).astype("float64")[:, 0] * layer.scale
    padded = np.pad(x, ((0, 0), (1, 1), (0, 0)))
    return sum(padded[:, k : k + x.shape[1]] @ kernel[k] for k in range(3)) + array(layer.bias)


def test_the_generator_by_hand(rng):
    generator = GANSynth(**SMALL | {"filters": 64, "max_filters": 8}).generator
    latents, labels = rng.normal(size=(2, 5)).astype("float32"), np.eye(4, dtype="float32")[[0, 2]]
    first = generator.convs[0]
    x = norm(np.concatenate([latents, labels], axis=1).astype("float64"))
    x = np.einsum("bc,tcf->btf", x, array(first.kernel).astype("float64")[::-1, 0] * first.scale) + array(first.bias)
    pictures = []
    for b in (1, 2, 3):
        if b > 1:
            x = np.repeat(x, 4, axis=1)
            x = convolved(x, generator.convs[2 * b - 2])
        x = norm(np.where(x > 0, x, 0.2 * x))
        x = convolved(x, generator.convs[2 * b - 1])
        x = norm(np.where(x > 0, x, 0.2 * x))
        rgb = generator.rgb[b - 1]
        pictures.append(np.tanh(x @ (array(rgb.kernel)[0, 0].astype("float64") * rgb.scale) + array(rgb.bias)))
    assert [p.shape for p in pictures] == [(2, 16, 2), (2, 64, 2), (2, 256, 2)]
    for b, wanted in enumerate(pictures, start=1):
        np.testing.assert_allclose(array(generator(latents, labels, blocks=b))[:, :, 0], wanted, atol=1e-5)
    faded = 0.3 * pictures[2] + 0.7 * np.repeat(pictures[1], 4, axis=1)
    np.testing.assert_allclose(array(generator(latents, labels, share=0.3))[:, :, 0], faded, atol=1e-5)


def test_the_sound_is_the_first_channel_of_the_stage(rng):
    model = GANSynth(**SMALL)
    latents, labels = array(model.latents(np.arange(2))), np.eye(4, dtype="float32")[:2]
    for progress, (blocks, share) in {0.0: (1, None), 0.25: (2, 0.25), 2.0: (3, None)}.items():
        model.ema_generator.facts.progress.assign(progress)
        made = model.ema_generator(latents, labels, blocks=blocks, share=share)
        wanted = longer(made, 4 ** (3 - blocks))[:, 3:253, 0, :1]
        np.testing.assert_allclose(array(model(latents, labels)), wanted, atol=1e-6)
    assert model.audio_settings()["pictures"] == {"kind": "wave", "frames": 256, "bins": 1, "front": 3}


def test_real_waves_are_blended_like_generated_ones(batch):
    model = GANSynth(**SMALL)
    full = model.seen(batch[0])
    for step in range(10):
        model.phase = blocks, _, _ = model.phase_at(step)
        alphas = alphas_at(step)
        drawn = [longer(means(full, 4 ** (3 - b)), 4 ** (3 - b)) for b in (1, 2, 3)]
        wanted = sum(a * x for a, x in zip(alphas, drawn, strict=True))
        found = longer(model._real(batch[0], Draws(0, step)), 4 ** (3 - blocks))
        np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("step", [0, 3, 6, 9])
def test_the_penalty_at_small_size_is_that_at_full_size(step, batch):
    """Means of s^2 samples divide a slope by s, as means of s x s places of a picture do."""
    part = batch[0], np.eye(4, dtype="float32")[batch[1]]
    model = GANSynth(**SMALL)
    model.phase = blocks, fading, start = model.phase_at(step)
    places, draws = 4 ** (3 - blocks), Draws(3, step)
    share = model.schedule.share(step, start) if fading else None
    terms = model.discriminator_loss(part, draws)
    real, fake = array(model._real(part[0], draws)), array(model._fake(part[0], draws)[0])
    points = longer(real + array(draws.fold("alpha").uniform((4, 1, 1, 1))) * (fake - real), places)
    assert points.shape == (4, 256, 1, 2)

    def critic(x):
        shrunk = keras.ops.mean(keras.ops.reshape(x, (4, 256 // places, places, 1, 2)), axis=2)
        return keras.ops.sum(model.discriminator(shrunk, blocks=blocks, share=share)[0][0])

    norms = np.sqrt(np.sum(array(backend.input_gradient(critic, points)) ** 2, axis=(1, 2, 3)))
    np.testing.assert_allclose(array(terms["d/gradient_norm"]), norms.mean(), rtol=1e-4)
    np.testing.assert_allclose(array(terms["d/gradient_penalty"]), np.mean((norms - 1) ** 2), rtol=1e-3, atol=1e-6)


def test_it_trains_at_full_size(rng):
    """Seven blocks to 65536 samples: every variable moves."""
    thin = {"filters": 256, "max_filters": 2, "latent_dim": 6, "batch_size": 2, "progressive": False}
    model = GANSynth(representation="wave", frames=65536, bins=1, normalizer="none", **thin)
    model.compile(run_eagerly=True)
    used = [*model.generator.used(7, False), *model.discriminator.used(7, False)]
    before, audio = values(used), rng.uniform(-1, 1, (2, 64000, 1)).astype("float32")
    history = model.fit(audio, np.array([36, 45]), batch_size=2, verbose=0, shuffle=False).history
    assert np.isfinite([v[-1] for v in history.values()]).all()
    still = [v.path for v, old in zip(used, before, strict=True) if np.array_equal(old, array(v))]
    assert not still and model.generate(1, seed=3, pitch=60).shape == (1, 64000, 1)


@pytest.mark.parametrize("options", [{"normalizer": "magenta"}, {"consistency": 0.5}])
def test_what_waves_cannot_have_is_named(options):
    with pytest.raises(
        ValueError, match=r'take "none": waves lie in .* nor a consistency of them \(0\). Received: nor'
    ):
        GANSynth(**SMALL | options)
