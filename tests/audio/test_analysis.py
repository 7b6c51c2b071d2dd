import io

import numpy as np
import pytest

from tf_audio_gan.audio.analysis import (
    hz_to_mel,
    mel_db,
    mel_filters,
    png_bytes,
    power_spectrogram,
    spectrogram_rgb,
)

NOISE = np.random.default_rng(0).uniform(-0.5, 0.5, 9000).astype(np.float32)


@pytest.mark.parametrize(("n_fft", "hop"), [(1024, 256), (2048, 512), (512, 100)])
def test_power_spectrogram_agrees_with_librosa(n_fft, hop):
    import librosa

    expected = np.abs(librosa.stft(NOISE, n_fft=n_fft, hop_length=hop)).T ** 2
    np.testing.assert_allclose(power_spectrogram(NOISE, n_fft, hop), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    "rate, n_fft, bands, fmin, fmax",
    [(16000, 1024, 64, 0, None), (44100, 2048, 96, 0, None), (8000, 511, 20, 0, None), (22050, 1024, 80, 80, 7600)],
)
def test_mel_filters_agree_with_librosa(rate, n_fft, bands, fmin, fmax):
    import librosa

    found = mel_filters(rate, n_fft, bands, fmin, fmax)
    expected = librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=bands, fmin=fmin, fmax=fmax)
    np.testing.assert_allclose(found.T, expected, atol=1e-7)
    marks = np.array([0.0, 250, 999, 1000, 5000])
    np.testing.assert_allclose(hz_to_mel(marks), librosa.hz_to_mel(marks), rtol=1e-9)


def test_mel_db_agrees_with_librosa():
    import librosa

    power = librosa.feature.melspectrogram(y=NOISE, sr=16000, n_fft=1024, hop_length=256, n_mels=64)
    np.testing.assert_allclose(mel_db(NOISE, 16000), librosa.power_to_db(power, top_db=None).T, atol=1e-3)
    assert (mel_db(np.zeros(3000), 16000) == -100.0).all()


def test_channels_average_in_power_so_that_opposite_ones_do_not_cancel():
    stereo = np.stack([NOISE, -NOISE], axis=1)
    np.testing.assert_allclose(mel_db(stereo, 16000), mel_db(NOISE, 16000), atol=1e-4)


@pytest.mark.parametrize("sample_rate", [8000, 16000, 44100, 48000])
@pytest.mark.parametrize("samples", [1, 700, 200_000])
def test_spectrogram_rgb_has_its_shape_and_its_low_frequencies_at_the_bottom(sample_rate, samples):
    image = spectrogram_rgb(np.sin(np.arange(samples) * 0.05), sample_rate)
    assert image.dtype == np.uint8 and image.shape[0] == 96 and image.shape[2] == 3 and image.shape[1] <= 512
    if samples > 700:
        assert image[48:].sum() > 2 * image[:48].sum()
    assert spectrogram_rgb(np.zeros(samples), sample_rate).max() <= 4  # silence is black


def test_png_bytes_decode_to_the_same_picture():
    from PIL import Image

    image = spectrogram_rgb(NOISE, 16000)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png_bytes(image)))), image)
