"""SpecGAN's representation against numpy by hand, in float64."""

import numpy as np
import pytest
import scipy.signal
from keras import ops

from tf_audio_gan.audio.log_spectrogram import Moments, denormalise, log_magnitudes, normalise, to_audio
from tf_audio_gan.audio.spectral import istft, stft

WINDOW = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(256) / 256)
TIME = np.arange(16384) / 16000


def array(x):
    return ops.convert_to_numpy(x)


@pytest.fixture(scope="module")
def sound():
    """A gliding tone with overtones that fades in and out, over a little noise below 7 kHz: float32 [1, 16384, 1]."""
    rng = np.random.default_rng(0)
    phase = 2 * np.pi * (150 * TIME + 60 * TIME**2)
    tone = sum(np.sin(k * phase) / k for k in range(1, 12)) * np.hanning(16384)
    noise = scipy.signal.sosfilt(scipy.signal.butter(8, 7000, fs=16000, output="sos"), rng.normal(0, 0.02, 16384))
    return (0.3 * tone + noise).astype("float32")[None, :, None]


def frames_of(audio):
    """[samples] -> windowed frames [ceil(samples / 128), 256], zeros after the end."""
    count = -(-len(audio) // 128)
    padded = np.pad(audio.astype("float64"), (0, 256))
    return np.stack([padded[128 * i : 128 * i + 256] * WINDOW for i in range(count)])


def overlapped(frames):
    out = np.zeros(128 * (len(frames) + 1))
    for i, frame in enumerate(frames):
        out[128 * i : 128 * i + 256] += frame
    return out


@pytest.mark.parametrize("floor", [1e-6, 0.01])
@pytest.mark.parametrize(("samples", "frames"), [(16384, 128), (32768, 256), (65536, 512), (1000, 8)])
def test_log_magnitudes_are_those_of_the_paper(samples, frames, floor, rng):
    audio = rng.uniform(-1, 1, samples).astype("float32")
    audio[samples // 2 :] = 0
    found = array(log_magnitudes(audio[None, :, None], **({"floor": floor} if floor > 1e-6 else {})))[0]
    assert found.shape == (frames, 129) and found.dtype == np.float32
    np.testing.assert_allclose(found, np.log(np.abs(np.fft.rfft(frames_of(audio))) + floor), atol=2e-3)
    np.testing.assert_allclose(found[-1], np.log(floor), rtol=1e-6)  # silence


def test_pictures_are_normalised_clipped_and_come_back(rng):
    mean, std = rng.normal(-5, 3, 9), rng.uniform(1, 3, 9)
    values = mean + std * rng.normal(0, 2, (2, 5, 9))
    values[0, 0, :4] = mean[:4] + std[:4] * np.array([4.0, -4.0, 1.5, 0.0])
    mean, std, values = (x.astype("float32") for x in (mean, std, values))
    picture = array(normalise(values, mean, std))
    assert picture.shape == (2, 5, 8, 1)
    np.testing.assert_allclose(picture[0, 0, :4, 0], [1, -1, 0.5, 0], atol=1e-6)
    np.testing.assert_allclose(picture[..., 0], np.clip((values - mean) / std / 3, -1, 1)[..., :-1], atol=1e-6)
    back = np.log(array(denormalise(picture, mean, std)) + 1e-6)
    within = np.clip(values, mean - 3 * std, mean + 3 * std)
    np.testing.assert_allclose(back[..., :-1], within[..., :-1], atol=1e-4)
    np.testing.assert_allclose(back[..., -1], np.broadcast_to(mean[-1], (2, 5)), atol=1e-5)


@pytest.mark.parametrize("floor", [1e-6, 0.01])
def test_a_sound_comes_back_from_its_picture_and_its_phase(floor, sound):
    """What picture and dual window lose: the first hop fades in; the rest is within -50 dB."""
    values = array(log_magnitudes(sound, floor=floor))
    mean, std = values.mean((0, 1)), values.std((0, 1))
    assert np.abs((values - mean) / std).max() > 3  # some values are clipped
    phase = np.arctan2(*(array(part) for part in reversed(stft(sound[..., 0], 256, 128, padding="end"))))
    magnitudes = array(denormalise(normalise(values, mean, std), mean, std, floor))
    spectrum = magnitudes * np.cos(phase), magnitudes * np.sin(phase)
    found = array(istft(spectrum, 256, 128, padding="end", synthesis="dual"))[0]
    assert found.shape == (16384,)
    error = (found - sound[0, :, 0])[128:]
    assert np.square(error).mean() < 1e-5 * np.square(sound).mean()
    fade = WINDOW[:128] ** 2 / (WINDOW[:128] ** 2 + WINDOW[128:] ** 2)
    np.testing.assert_allclose(found[:128], fade * sound[0, :128, 0], atol=1e-3)


@pytest.mark.parametrize("synthesis_window", ["dual", "hann"])
def test_griffin_lim_is_that_of_the_name(synthesis_window, sound):
    """By hand: phase 0, two iterations; "hann" as the authors' code does it, over the 16512 samples of all frames."""
    target = np.abs(np.fft.rfft(frames_of(sound[0, :, 0])))
    dual = WINDOW / (WINDOW**2 + np.roll(WINDOW, 128) ** 2)
    spectrum = target.astype(complex)
    for last in (False, False, True):
        audio = overlapped(np.fft.irfft(spectrum) * (dual if synthesis_window == "dual" else WINDOW))
        if synthesis_window == "dual":
            audio[16384:] = 0
        if not last:
            again = np.fft.rfft(np.stack([audio[128 * i : 128 * i + 256] * WINDOW for i in range(128)]))
            spectrum = target * again / np.maximum(np.abs(again), 1e-8)
    wanted = audio[:16384] / max(1, np.abs(audio[:16384]).max())
    found = array(to_audio(target[None].astype("float32"), 2, synthesis_window))
    assert found.shape == (1, 16384, 1)
    np.testing.assert_allclose(found[0, :, 0], wanted, atol=1e-4)


def test_the_authors_synthesis_pulses_by_6_db_at_the_frame_rate():
    """A steady tone's loudness: even by the dual window; by Hann it swings by 6 dB, 125 times a second."""
    tone = (0.5 * np.sin(2 * np.pi * 1000 * TIME)).astype("float32")
    magnitudes = np.abs(np.fft.rfft(frames_of(tone)))[None].astype("float32")
    swings = {}
    for name in ("dual", "hann"):
        envelope = np.abs(scipy.signal.hilbert(array(to_audio(magnitudes, 16, name))[0, :, 0]))[2000:14000]
        swings[name] = 20 * np.log10(envelope.max() / envelope.min())
    assert swings["dual"] < 0.01 and 5.9 < swings["hann"] < 6.1, swings
    levels = np.abs(np.fft.rfft(envelope - envelope.mean()))
    np.testing.assert_allclose(levels.argmax() * 16000 / len(envelope), 125, atol=16000 / len(envelope))


def test_loud_magnitudes_become_quieter_sounds(sound):
    magnitudes = array(ops.exp(log_magnitudes(sound)))
    quiet = array(to_audio(magnitudes))
    loud = array(to_audio(np.concatenate([100 * magnitudes, magnitudes])))
    assert np.abs(quiet).max() < 1 and np.abs(loud[0]).max() == 1
    np.testing.assert_allclose(loud[1], quiet[0], atol=1e-5)
    np.testing.assert_allclose(loud[0] * np.abs(quiet).max(), quiet[0], atol=1e-4)


def test_moments_of_a_stream_are_those_of_the_whole(rng):
    """Numbers of one part in 1e9 around their mean: sums of squares would lose them."""
    rows = np.concatenate([rng.normal(1e9, 1, (700, 3)), rng.normal(1e9 + 5, 2, (300, 3))])
    rows[:, 2] = -13.8155
    moments = Moments(3)
    for part in np.split(rows, [1, 64, 64, 500]):
        moments.update(part.reshape(-1, 1, 3))
    assert moments.count == 1000
    np.testing.assert_allclose(moments.mean, rows.mean(0), rtol=1e-13)
    np.testing.assert_allclose(moments.std, [*rows[:, :2].std(0), 1], rtol=1e-6)


def test_an_unknown_window_is_named():
    with pytest.raises(ValueError, match="one of dual, hann. Received: synthesis_window='kaiser'"):
        to_audio(np.ones((1, 4, 129), "float32"), 1, "kaiser")
