"""GANSynth's pictures against numpy in float64, which unwraps and sums up as Magenta's code does; and the way back."""

import numpy as np
import pytest
from keras import ops

from tf_audio_gan.audio.gansynth_mel import mel_matrices
from tf_audio_gan.audio.instantaneous_frequency import instantaneous_frequency, phase_of, wrapped
from tf_audio_gan.audio.note_pictures import KINDS, NotePictures

SIZES = [(256, 512, 2304), (128, 1024, 3072)]  # frames, bins, zeros in front of 64000 samples


def note(f0, seed, samples=64000, rate=16000):
    """Three seconds of decaying harmonics, a release, a little noise."""
    rng, t = np.random.default_rng(seed), np.arange(samples) / rate
    harmonics = [k for k in range(1, 12) if f0 * k < rate / 2]
    tone = sum(np.sin(2 * np.pi * f0 * k * t + rng.uniform(0, 6)) * np.exp(-t * (0.3 + 0.2 * k)) / k for k in harmonics)
    tone *= np.minimum(1, t / 0.01) * np.clip((samples / rate - t) / 0.8, 0, 1)
    noise = 1e-4 * rng.normal(size=samples) * np.minimum(1, np.maximum(0, samples / rate - 0.1 - t))
    return 0.3 * tone / np.abs(tone).max() + noise


NOTES = np.stack([note(f0, i) for i, f0 in enumerate((130.8, 261.6, 880.0))]).astype("float32")


def array(x):
    return ops.convert_to_numpy(x)


def frequency(angles):
    """Instantaneous frequency by numpy.unwrap: radians [frames, bins] -> half turns a frame."""
    return np.diff(np.unwrap(angles, axis=0), axis=0, prepend=0.0) / np.pi


def by_hand(sound, kind, frames, bins):
    """(channel 0, channel 1), float64 [frames, bins], of one sound."""
    hop, n_fft = bins // 2, 2 * bins
    padded = np.pad(sound.astype("float64"), (hop * (frames - 1) + n_fft - len(sound), 0))
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    spectrum = np.stack([np.fft.rfft(padded[i * hop : i * hop + n_fft] * window) for i in range(frames)])[:, 1:]
    log, angles = np.log(np.abs(spectrum) + 1e-6), np.angle(spectrum)
    if kind == "phase":
        return log, angles / np.pi
    if kind == "if":
        return log, frequency(angles)
    to_mel, _ = mel_matrices(bins)
    unwrapped = np.cumsum(np.pi * frequency(angles), axis=0)
    return np.log(np.exp(2 * log) @ to_mel + 1e-6), frequency(unwrapped @ to_mel)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("frames", "bins", "front"), SIZES)
def test_pictures_are_those_of_float64(kind, frames, bins, front):
    pictures = NotePictures(kind, frames=frames, bins=bins)
    found = array(pictures.of(NOTES[1:2, :, None]))[0]
    assert pictures.front == front and found.shape == (frames, bins, 2) and found.dtype == np.float32
    log, phase = by_hand(NOTES[1], kind, frames, bins)
    np.testing.assert_allclose(np.exp(found[..., 0].astype("float64")), np.exp(log), rtol=1e-4, atol=1e-5)
    silent = log.max(axis=1) <= np.log(1e-6) + 1e-4
    assert list(np.flatnonzero(silent)) == list(range(6 if frames == 256 else 3))
    loud = (log > log.max() - 9) & ~silent[:, None]
    if kind != "phase":
        loud[1:] &= loud[:-1]  # a step from a quiet bin is as uncertain as it
    apart = np.abs((found[..., 1] - phase + 1) % 2 - 1)
    assert loud.sum() > 300 and np.quantile(apart[loud], 0.999) < 1e-3


@pytest.mark.parametrize("kind", ["phase", "if"])
@pytest.mark.parametrize(("frames", "bins", "decibels"), [(256, 512, 59), (128, 1024, 75)])
def test_sounds_come_back(kind, frames, bins, decibels):
    pictures, edge = NotePictures(kind, frames=frames, bins=bins), 2 * bins
    found = array(pictures.audio(pictures.of(NOTES[..., None])))
    assert found.shape == (3, 64000, 1)
    error = (found[..., 0] - NOTES)[:, edge:-edge]
    ratio = np.mean(NOTES[:, edge:-edge] ** 2, axis=1) / np.mean(error**2, axis=1)
    assert (10 * np.log10(ratio) >= decibels).all()
    assert np.sqrt(np.mean(error**2)) < 1e-4


@pytest.mark.parametrize(("f0", "decibels"), [(65.4, 71.3), (32.7, 56.8)])
def test_what_low_notes_lose_is_in_the_dropped_bin(f0, decibels):
    """Float64 loses as much, so it is not rounding; with the highest bin dropped instead, over 90 dB come back."""
    sound, edge = note(f0, 0).astype("float32"), slice(2048, -2048)

    def ratio(found):
        return 10 * np.log10(np.sum(sound[edge].astype("float64") ** 2) / np.sum((found - sound)[edge] ** 2))

    log, steps = by_hand(sound, "if", 128, 1024)
    exact = np.zeros(67072)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(2048) / 2048)
    spectrum = np.exp(log + 1j * np.pi * np.cumsum(steps, axis=0))
    for i, frame in enumerate(np.fft.irfft(np.pad(spectrum, ((0, 0), (1, 0))))):
        exact[i * 512 : i * 512 + 2048] += frame * window / 1.5
    found = [NotePictures("if", discard_dc=d) for d in (True, False)]
    dropped, kept = (ratio(array(p.audio(p.of(sound[None, :, None])))[0, :, 0].astype("float64")) for p in found)
    assert ratio(exact[3072:]) == pytest.approx(decibels, abs=0.1) and dropped == pytest.approx(decibels, abs=0.2)
    assert kept > 90


def test_nothing_follows_the_last_frame():
    """The end fades as 1 / 1.5 of the squared windows that lie there: no division by nearly nothing."""
    pictures = NotePictures("if")
    steady = np.sin(2 * np.pi * 500 * np.arange(64000) / 16000)[None, :, None].astype("float32")
    found = array(pictures.audio(pictures.of(steady)))[0, :, 0]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(2048) / 2048)
    sums = sum(np.pad(window**2, (0, k * 512))[k * 512 :] for k in range(4)) / 1.5
    tail = np.concatenate([np.ones(512), sums[512:]])
    np.testing.assert_allclose(found[-1536:], steady[0, -1536:, 0] * tail[-1536:], atol=2e-3)


@pytest.mark.parametrize("variant", ["magenta", "true"])
def test_mel_is_lossy_in_phase_and_near_in_level(variant):
    pictures = NotePictures("if_mel", mel_variant=variant)
    found = array(pictures.audio(pictures.of(NOTES[..., None])))
    linear = NotePictures("if")
    logs = [array(linear.of(x))[..., 0] for x in (NOTES[..., None], found)]
    loud = logs[0] > np.log(1e-2)
    distance = 20 / np.log(10) * np.sqrt(np.mean((logs[1] - logs[0])[loud] ** 2))
    assert np.isfinite(found).all() and 0.5 < distance < 12


def test_digital_silence_stays_silent():
    for kind in KINDS:
        pictures = NotePictures(kind)
        found = array(pictures.of(np.zeros((1, 64000, 1), "float32")))
        np.testing.assert_allclose(found[..., 0], -13.815511, atol=1e-4)
        assert not found[..., 1].any() and np.abs(array(pictures.audio(found))).max() < 1e-3


def test_only_pictures_of_sounds_are_consistent(rng):
    pictures = NotePictures("if")
    real = array(pictures.of(NOTES[:2, :, None]))
    assert float(array(pictures.inconsistency(real))) < 1e-6
    other = real.copy()
    other[..., 1] = rng.uniform(-1, 1, real.shape[:-1])
    size = np.exp(other[..., 0].astype("float64"))
    hop, n_fft, window = 512, 2048, 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(2048) / 2048)
    errors = []
    for magnitudes, steps in zip(size, other[..., 1].astype("float64"), strict=True):
        frames = np.fft.irfft(np.pad(magnitudes * np.exp(1j * np.pi * np.cumsum(steps, axis=0)), ((0, 0), (1, 0))))
        sound = np.zeros(67072)
        for i, frame in enumerate(frames * window / 1.5):
            sound[i * hop : i * hop + n_fft] += frame
        again = [np.abs(np.fft.rfft(sound[i * hop : i * hop + n_fft] * window)) for i in range(128)]
        wanted = np.pad(magnitudes, ((0, 0), (1, 0)))
        errors.append((wanted - again) / max(1, wanted.max(), np.max(again)))
    found = float(array(pictures.inconsistency(other)))
    assert found == pytest.approx(np.mean(np.square(errors)), rel=1e-3) and found > 1e-5


def test_the_highest_bin_can_be_dropped_instead():
    low = np.full((1, 64000, 1), 0.1, "float32")  # all of it is in the lowest bin
    with_dc, without = (NotePictures("if", discard_dc=d) for d in (False, True))
    np.testing.assert_allclose(array(with_dc.audio(with_dc.of(low)))[0, 4096:-4096, 0], 0.1, atol=1e-4)
    assert np.abs(array(without.audio(without.of(low)))[0, 4096:-4096]).max() < 0.11
    np.testing.assert_allclose(array(with_dc.of(low))[:, :, 1:], array(without.of(low))[:, :, :-1], atol=1e-3)


def test_small_pictures_of_another_rate():
    pictures = NotePictures("if", sample_rate=8000, length=2000, frames=64, bins=64)
    assert (pictures.n_fft, pictures.hop_length, pictures.front) == (128, 32, 32 * 63 + 128 - 2000)
    sound = note(500, 4, 2000, 8000).astype("float32")[None, :, None]
    made = pictures.of(sound)
    assert made.shape == (1, 64, 64, 2)
    np.testing.assert_allclose(array(pictures.audio(made))[:, 128:-128], sound[:, 128:-128], atol=1e-3)


def test_angles_wrap_as_numpy_unwraps(rng):
    angles = np.concatenate([rng.uniform(-9, 9, 200), [-3.0, -1.0, 0.0, 1.0, 3.0]])
    np.testing.assert_allclose(array(wrapped(angles[:200])), (angles[:200] + 1) % 2 - 1, atol=1e-6)
    np.testing.assert_array_equal(array(wrapped(np.float64([-3, -1, 1, 3]))), [-1, -1, 1, 1])
    phases = rng.uniform(-1, 1, (1, 50, 7))
    np.testing.assert_allclose(array(instantaneous_frequency(phases))[0], frequency(phases[0] * np.pi), atol=1e-6)
    back = array(phase_of(instantaneous_frequency(phases)))
    assert np.abs((back - phases + 1) % 2 - 1).max() < 1e-6


def test_sums_lose_no_bits(rng):
    """Ten thousand steps near half a turn: float32 sums would be off by thousandths."""
    steps = rng.uniform(0.9, 1.0, (1, 10000, 2)).astype("float32")
    exact = np.cumsum(steps.astype("float64"), axis=1)
    assert np.abs((array(phase_of(steps)) - exact + 1) % 2 - 1).max() < 1e-6


def test_griffin_lim_takes_noise_out_of_the_phase_and_leaves_what_fits(rng):
    small = {"sample_rate": 8000, "length": 8000, "frames": 64, "bins": 256}
    sound = note(437.0, 0, 8000, 8000)[None, :, None].astype("float32")
    picture, apart = array(NotePictures("if", **small).of(sound)), {}
    noisy = picture + rng.normal(size=picture.shape) * np.array([0, 0.1])
    for n in (0, 4, 16):
        pictures = NotePictures("if", **small, griffin_lim=n)
        found = np.exp(array(pictures.of(pictures.audio(noisy.astype("float32"))))[0, :-4, :, 0])
        wanted = np.exp(noisy[0, :-4, :, 0])
        apart[n] = np.linalg.norm(found - wanted) / np.linalg.norm(wanted)
        same = array(pictures.audio(picture))[0, :7000]
        assert np.abs(same - sound[0, :7000]).max() < 1e-3
    assert apart[0] > 2 * apart[4] and apart[4] > apart[16], apart


@pytest.mark.parametrize(
    "options, message",
    [
        ({"griffin_lim": -1}, "griffin_lim must be a whole number of iterations from 0. Received: -1"),
        ({"kind": "mel"}, "one of phase, if, if_mel. Received: representation='mel'"),
        ({"bins": 1000}, "power of two from 2. Received: bins=1000"),
        ({"mel_variant": "htk"}, "one of magenta, true. Received: 'htk'"),
        ({"frames": 121}, "121 frames of 1024 bins span 63488 samples.*Received: length=64000. It needs 122 frames"),
    ],
)
def test_wrong_settings_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        NotePictures(**options)
