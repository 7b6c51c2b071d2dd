from pathlib import Path

import numpy as np
import pytest
from keras import ops

from tf_audio_gan import backend
from tf_audio_gan.losses.spectral import FULL_BAND, SUB_BAND, complex_stft, mel_l1, mel_l2, multi_resolution_stft

# kan-bayashi's MultiResolutionSTFTLoss() on two sounds, (batch, samples)
PEER = np.load(Path(__file__).parents[1] / "fixtures" / "multi_resolution_stft_loss.npz")
REAL, FAKE = PEER["target"][..., None], PEER["prediction"][..., None]


def values(pair):
    return [float(ops.convert_to_numpy(x)) for x in pair]


def by_hand(real, fake, resolutions, per_example):
    """(batch, samples) with librosa."""
    import librosa

    def magnitudes(audio, n_fft, hop, win):
        spectrum = librosa.stft(audio, n_fft=n_fft, hop_length=hop, win_length=win, pad_mode="reflect")
        return np.sqrt(np.maximum(np.abs(spectrum) ** 2, 1e-7))

    convergence, distance = [], []
    for resolution in resolutions:
        r, f = (magnitudes(x.astype("float64"), *resolution) for x in (real, fake))
        ratio = [np.linalg.norm(a - b) / np.linalg.norm(a) for a, b in zip(r, f, strict=True)]
        convergence.append(np.mean(ratio) if per_example else np.linalg.norm(r - f) / np.linalg.norm(r))
        distance.append(np.mean(np.abs(np.log(r) - np.log(f))))
    return np.mean(convergence), np.mean(distance)


def test_multi_resolution_stft_agrees_with_the_peer():
    found = values(multi_resolution_stft(REAL, FAKE))
    np.testing.assert_allclose(found, [PEER["spectral_convergence"], PEER["log_magnitude"]], rtol=1e-5)


@pytest.mark.parametrize("per_example", [False, True])
@pytest.mark.parametrize("resolutions", [FULL_BAND, SUB_BAND], ids=["full", "sub"])
def test_channels_count_as_sounds_and_convergence_can_be_each_sounds_own(resolutions, per_example, rng):
    real = rng.normal(size=(2, 1500, 4)).astype("float32") * np.float32([[[1, 0.1, 0.01, 2]]])
    fake = (real + 0.1 * rng.normal(size=real.shape)).astype("float32")
    rows = [x.transpose(0, 2, 1).reshape(8, 1500) for x in (real, fake)]
    expected = by_hand(*rows, resolutions, per_example)
    np.testing.assert_allclose(values(multi_resolution_stft(real, fake, resolutions, per_example)), expected, rtol=1e-5)


@pytest.mark.parametrize("per_example", [False, True])
def test_gradient_is_finite_at_silence_and_zero_at_equality(per_example):
    def slope(real, fake):
        loss = lambda x: sum(multi_resolution_stft(real, x, per_example=per_example))  # noqa: E731
        return ops.convert_to_numpy(backend.input_gradient(loss, fake))

    silence = np.zeros_like(REAL)
    half = np.concatenate([REAL[:1], silence[:1]])
    for real, fake in ((silence, silence), (REAL, REAL), (half, half)):
        assert not slope(real, fake).any() and sum(values(multi_resolution_stft(real, fake))) < 1e-9
    for real, fake in ((silence, FAKE), (half, FAKE)):
        assert np.isfinite(slope(real, fake)).all() and slope(real, fake).any()
    assert not slope(REAL, silence).any()  # below the floor of the powers nothing pulls: a known end of this loss
    assert values(multi_resolution_stft(REAL, silence))[0] == pytest.approx(1, abs=1e-3)


def test_half_types_are_compared_in_float32():
    half = ops.cast(FAKE, "bfloat16")
    expected = values(multi_resolution_stft(REAL, ops.cast(half, "float32")))
    assert values(multi_resolution_stft(REAL, half)) == expected


def test_mel_distances_by_hand():
    real, fake = np.array([[[0.0, 1.0]]], "float32"), np.array([[[0.5, -1.0]]], "float32")
    assert values((mel_l1(real, fake), mel_l2(real, fake))) == [1.25, 2.125]


def test_shapes_that_would_broadcast_are_refused():
    with pytest.raises(ValueError, match=r"one shape. Received: \(2, 4096, 1\) and \(1, 4096, 1\)"):
        multi_resolution_stft(REAL, FAKE[:1])
    with pytest.raises(ValueError, match=r"\(1, 5, 80\) and \(1, 1, 80\)"):
        mel_l1(np.zeros((1, 5, 80)), np.zeros((1, 1, 80)))
    with pytest.raises(ValueError, match=r"\[batch, samples, channels\]. Received: shape \(2, 4096\)"):
        multi_resolution_stft(REAL[..., 0], FAKE[..., 0])
    with pytest.raises(ValueError, match="FFT of 2048 .* needs 1025 samples or more. Received: 1024"):
        multi_resolution_stft(REAL[:, :1024], FAKE[:, :1024])


def complex_by_hand(real, fake, power, resolutions, compression):
    """[batch, samples, 1] by numpy's FFT of every frame, in float64."""

    def parts(audio, n_fft, hop, win):
        window = np.sin(np.pi * np.arange(win) / win) ** 2
        left = (n_fft - win) // 2
        window = np.pad(window, (left, n_fft - win - left))
        frames = [audio[:, i : i + n_fft, 0] * window for i in range(0, audio.shape[1] - n_fft + 1, hop)]
        s = np.fft.rfft(np.stack(frames, 1).astype("float64")) / np.sqrt((window**2).sum())
        m = np.sqrt(np.abs(s) ** 2 + 1e-8)
        s = s * m ** (compression - 1)
        return s.real, s.imag, m**compression

    found = []
    for resolution in resolutions:
        pairs = zip(parts(real, *resolution), parts(fake, *resolution), strict=True)
        re, im, mag = (np.mean(np.abs(a - b) ** power) for a, b in pairs)
        found.append((re + im, mag))
    return np.mean(found, axis=0)


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("resolutions", [((512, 128, 512),), ((400, 100, 400), (256, 64, 200))])
@pytest.mark.parametrize("compression", [1.0, 0.3])
def test_complex_stft_equals_its_formula(power, resolutions, compression):
    found = values(complex_stft(REAL, FAKE, power, resolutions, compression))
    np.testing.assert_allclose(found, complex_by_hand(REAL, FAKE, power, resolutions, compression), rtol=2e-5)


def test_bins_have_the_scale_of_samples(rng):
    """White noise of deviation 0.1 against silence: the powers of both parts add up to its variance."""
    noise = 0.1 * rng.normal(size=(4, 16384, 1))
    parts, _ = values(complex_stft(np.zeros_like(noise), noise, power=2))
    assert parts == pytest.approx(0.01, rel=0.05)


@pytest.mark.parametrize("compression", [1.0, 0.3])
def test_complex_stft_has_a_gradient_at_silence(compression):
    silence = np.zeros_like(REAL)
    for power in (1, 2):
        loss = lambda x: sum(complex_stft(REAL, x, power, compression=compression))  # noqa: B023, E731
        slope = ops.convert_to_numpy(backend.input_gradient(loss, silence))
        assert np.isfinite(slope).all() and slope.any()
        assert values(complex_stft(REAL, REAL, power, compression=compression)) == [0, 0]
    with pytest.raises(ValueError, match="power must be 1 or 2. Received: power=3"):
        complex_stft(REAL, FAKE, 3)
