"""The paper's six representations at their full size, in networks of few channels: one step, and the way to sounds."""

import keras
import numpy as np
import pytest

from tests.models.contract import values
from tf_audio_gan import GANSynth
from tf_audio_gan.audio.gansynth_mel import mel_matrices

SIX = [("if_mel", 128, 1024), pytest.param("if_mel", 256, 512, marks=pytest.mark.soak)]
SIX += [
    pytest.param(kind, *size, marks=pytest.mark.soak) for kind in ("phase", "if") for size in ((128, 1024), (256, 512))
]
THIN = {"filters": 256, "max_filters": 2, "latent_dim": 6, "batch_size": 2, "progressive": False}  # and seven blocks


def array(x):
    return keras.ops.convert_to_numpy(x)


def by_hand(picture, kind, frames, bins):
    """The sound of a picture in physical units, by numpy in float64: overlap-add with the Hann window over 1.5."""
    log, steps = picture[..., 0].astype("float64"), picture[..., 1].astype("float64")
    size, angle = np.exp(log), np.pi * (steps if kind == "phase" else np.cumsum(steps, axis=0))
    if kind == "if_mel":
        _, to_linear = mel_matrices(bins)
        size, angle = np.sqrt(size @ to_linear + 1e-6), angle @ to_linear
    hop, n_fft, sound = bins // 2, 2 * bins, np.zeros(bins // 2 * (frames - 1) + 2 * bins)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    for i, frame in enumerate(np.fft.irfft(np.pad(size * np.exp(1j * angle), ((0, 0), (1, 0))))):
        sound[i * hop : i * hop + n_fft] += frame * window / 1.5
    sound = sound[-64000:]
    return sound / max(1.0, np.abs(sound).max())


@pytest.mark.parametrize(("kind", "frames", "bins"), SIX)
def test_all_six_train_and_sound(kind, frames, bins, rng):
    t = np.arange(64000) / 16000
    audio = np.stack([0.3 * np.sin(2 * np.pi * f * t) * np.exp(-t) for f in (261.6, 440.0)])[..., None]
    audio = (audio + 1e-3 * rng.normal(size=audio.shape)).astype("float32")
    normalizer = "magenta" if kind == "if_mel" else "simple"
    model = GANSynth(representation=kind, frames=frames, bins=bins, normalizer=normalizer, **THIN)
    model.adapt(audio)
    model.compile(run_eagerly=True)
    networks = {n: getattr(model, n) for n in ("generator", "discriminator")}
    used = {name: network.used(7, False) for name, network in networks.items()}
    before = {name: values(variables) for name, variables in used.items()}
    history = model.fit(audio, np.array([36, 45]), batch_size=2, verbose=0, shuffle=False).history
    assert history["stage/blocks"] == [7] and np.isfinite([v[-1] for v in history.values()]).all()
    for name, variables in used.items():
        moved = [not np.array_equal(a, array(v)) for a, v in zip(before[name], variables, strict=True)]
        still = [v.path for v, m in zip(variables, moved, strict=True) if not m]
        assert not [p for p in still if not p.endswith("score/bias")], (
            "whose gradient is the drift's alone: rounded away"
        )
    latents, labels = array(model.latents([3])), np.eye(61, dtype="float32")[[36]]
    picture = array(model.ema_generator.facts.denormalise(model.ema_generator(latents, labels)))
    assert picture.shape == (1, frames, bins, 2)
    made, wanted = model.generate(1, seed=3, pitch=60), by_hand(picture[0], kind, frames, bins)
    assert made.shape == (1, 64000, 1) and np.abs(wanted).max() > 0
    np.testing.assert_allclose(made[0, :, 0], wanted, atol=1e-3 * np.abs(wanted).max())
