import librosa
import numpy as np
import pytest
from keras import ops

from tf_audio_gan import backend
from tf_audio_gan.audio.spectral import frame_count, griffin_lim, hann, istft, magnitude, stft

AUDIO = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 5003)).astype("float32")
# (n_fft, hop, window): the losses' six, the front ends' two, and one whose FFT and hop are both odd
SETTINGS = [
    (1024, 120, 600), (2048, 240, 1200), (512, 50, 240), (384, 30, 150), (683, 60, 300), (171, 10, 60),
    (1024, 256, 1024), (2048, 300, 1200), (255, 63, 201),
]  # fmt: skip


def array(x):
    return ops.convert_to_numpy(x)


def as_complex(spectrum):
    real, imag = (array(part) for part in spectrum)
    assert real.dtype == np.float32
    return real + 1j * imag


def slow_stft(audio, n_fft, hop, window, before, after, mode):
    """One frame at a time, in float64."""
    padded = np.pad(audio.astype("float64"), ((0, 0), (before, after)), mode)
    starts = range(0, padded.shape[1] - n_fft + 1, hop)
    window = np.pad(window, ((n_fft - len(window)) // 2, -(-(n_fft - len(window)) // 2)))
    return np.stack([np.fft.rfft(padded[:, s : s + n_fft] * window) for s in starts], axis=1)


@pytest.mark.parametrize(("n_fft", "hop", "win"), SETTINGS)
def test_centred_stft_agrees_with_librosa(n_fft, hop, win):
    expected = librosa.stft(AUDIO, n_fft=n_fft, hop_length=hop, win_length=win, pad_mode="reflect").swapaxes(1, 2)
    found = as_complex(stft(AUDIO, n_fft, hop, win))
    assert found.shape[1] == frame_count(AUDIO.shape[1], n_fft, hop)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("padding", "before", "after", "mode"),
    [("reflect", 96, 96, "reflect"), ("end", 0, 255, "constant"), ("none", 0, 0, "constant")],
)
@pytest.mark.parametrize("samples", [2048, 2049, 2111])
def test_other_paddings_are_those_they_name(padding, before, after, mode, samples):
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(256) / 256)
    expected = slow_stft(AUDIO[:, :samples], 256, 64, window, before, after, mode)
    found = as_complex(stft(AUDIO[:, :samples], 256, 64, padding=padding))
    assert found.shape[1] == frame_count(samples, 256, 64, padding)
    np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize(("n_fft", "hop", "win"), SETTINGS)
@pytest.mark.parametrize("padding", ["centre", "reflect"])
def test_istft_gives_the_sound_back_ends_included(padding, n_fft, hop, win):
    spectrum = stft(AUDIO, n_fft, hop, win, padding)
    found = array(istft(spectrum, n_fft, hop, win, padding))
    reach = min(found.shape[1], AUDIO.shape[1])
    assert reach > AUDIO.shape[1] - hop
    np.testing.assert_allclose(found[:, :reach], AUDIO[:, :reach], atol=5e-6)


def test_istft_gives_as_many_samples_as_asked_for():
    spectrum = stft(AUDIO, 512, 128)
    np.testing.assert_allclose(array(istft(spectrum, 512, 128, samples=5003)), AUDIO, atol=2e-6)
    with pytest.raises(ValueError, match="span 5248 samples. Received: samples=9999"):
        istft(spectrum, 512, 128, samples=9999)
    specgan = stft(AUDIO[:, :4096], 256, 128, padding="end")
    found = array(istft(specgan, 256, 128, padding="end"))
    assert specgan[0].shape[1] == 32 and found.shape == (2, 4096) and (found[:, 0] == 0).all()
    np.testing.assert_allclose(found[:, 8:], AUDIO[:, 8:4096], atol=1e-3)  # where the window is 1e-2 and more
    np.testing.assert_allclose(found[:, 64:], AUDIO[:, 64:4096], atol=2e-6)


def test_istft_of_an_impossible_spectrum_is_the_least_squares_solution():
    """Of all sounds, the one whose windowed frames are nearest to the spectrum's: solved here as linear equations."""
    spectrum = np.random.default_rng(1).normal(size=(2, 1, 6, 9)).astype("float32")
    frames = np.fft.irfft(spectrum[0, 0] + 1j * spectrum[1, 0])
    equations = np.zeros((6, 16, 16 + 5 * 4))
    for i in range(6):
        equations[i, :, 4 * i : 4 * i + 16] = np.diag(hann(16))
    solution = np.linalg.lstsq(equations.reshape(96, -1), frames.reshape(96))[0]
    found = array(istft(tuple(spectrum), 16, 4, padding="none"))[0]
    np.testing.assert_allclose(found, solution, atol=2e-5)
    assert found[0] == 0  # where the window is 0


def test_magnitude_and_its_gradient_at_silence():
    real, imag = np.array([3.0, 0, 0], "float32"), np.array([4.0, 0, 1e-4], "float32")
    np.testing.assert_allclose(array(magnitude((real, imag))), [5, 1e-12, 1e-4], rtol=1e-6)
    np.testing.assert_allclose(array(magnitude((real, imag), epsilon=1e-9))[1], np.sqrt(1e-9), rtol=1e-6)
    np.testing.assert_allclose(array(magnitude((real, imag), floor=1e-7))[1:], np.sqrt(1e-7), rtol=1e-6)
    slope = backend.input_gradient(lambda x: ops.sum(magnitude(stft(x, 64, 16))), np.zeros((1, 200), "float32"))
    assert np.abs(array(slope)).max() == 0


def test_griffin_lim_comes_nearer_to_the_magnitudes_of_a_sound():
    t = np.arange(4096) / 16000
    target = magnitude(stft(np.sin(2 * np.pi * (300 * t + 4000 * t**2))[None], 256, 64))
    errors = []
    for iterations in (0, 1, 4, 32):
        found = magnitude(stft(griffin_lim(target, 256, 64, iterations=iterations), 256, 64))
        errors.append(np.linalg.norm(array(found) - array(target)) / np.linalg.norm(array(target)))
    assert errors == sorted(errors, reverse=True) and errors[-1] < 0.2 * errors[0], errors


@pytest.mark.parametrize(("n_fft", "hop", "win"), [(256, 128, 256), (512, 100, 400), (255, 63, 201)])
def test_dual_window_gives_a_sound_back_where_all_frames_overlap(n_fft, hop, win):
    found = array(istft(stft(AUDIO, n_fft, hop, win, "end"), n_fft, hop, win, "end", synthesis="dual"))
    np.testing.assert_allclose(found[:, n_fft : 5003 - n_fft], AUDIO[:, n_fft:-n_fft], atol=2e-6)


def test_dual_and_plain_synthesis_are_tensorflows():
    tf = pytest.importorskip("tensorflow")
    real, imag = np.random.default_rng(2).normal(size=(2, 3, 7, 129)).astype("float32")
    spectrum = tf.complex(real, imag)
    for name, window in (("dual", tf.signal.inverse_stft_window_fn(128)), ("window", tf.signal.hann_window)):
        wanted = tf.signal.inverse_stft(spectrum, 256, 128, window_fn=window)
        found = istft((real, imag), 256, 128, padding="none", synthesis=name)
        np.testing.assert_allclose(array(found), wanted, atol=2e-6)


def test_griffin_lim_starts_without_a_click_by_the_dual_window():
    """Where frames begin with the sound, least squares divides the first samples by nearly nothing."""
    target = magnitude(stft(AUDIO[:, :4096], 256, 128, padding="end"))
    peaks = {
        name: np.abs(array(griffin_lim(target, 256, 128, padding="end", synthesis=name))[:, :128]).max()
        for name in ("least_squares", "dual")
    }
    assert peaks["least_squares"] > 100 and peaks["dual"] < 1.5, peaks


def test_half_types_are_computed_in_float32():
    for kind in ("float16", "bfloat16"):
        half = ops.cast(AUDIO, kind)
        expected = as_complex(stft(ops.cast(half, "float32"), 512, 128))
        np.testing.assert_array_equal(as_complex(stft(half, 512, 128)), expected)


def test_hann_is_periodic_and_centred():
    np.testing.assert_allclose(hann(4, 9), [0, 0, 0, 0.5, 1, 0.5, 0, 0, 0], atol=1e-7)


def test_an_unknown_synthesis_is_refused():
    with pytest.raises(ValueError, match="least_squares, dual, window. Received: synthesis='hamming'"):
        istft(stft(AUDIO, 256, 128), 256, 128, synthesis="hamming")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((AUDIO, 512, 128, 600), "0 < win_length <= n_fft.*n_fft=512, hop_length=128, win_length=600"),
        ((AUDIO, 512, 0), "hop_length=0"),
        ((AUDIO, 512, 128, 512, "center"), "centre, reflect, end, none. Received: padding='center'"),
        ((AUDIO[:, :256], 512, 128), "FFT of 512 with hop 128 and padding 'centre' needs 257 samples .*Received: 256"),
        ((AUDIO[:, :100], 512, 128, 512, "reflect"), "needs 193 samples"),
        ((AUDIO[:, :511], 512, 128, 512, "none"), "needs 512 samples"),
        ((AUDIO[..., None], 512, 128), r"must be \[batch, samples\]. Received: shape \(2, 5003, 1\)"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        stft(*arguments)
