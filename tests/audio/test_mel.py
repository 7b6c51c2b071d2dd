import json

import librosa
import numpy as np
import pytest
from keras import ops

from tf_audio_gan import backend
from tf_audio_gan.audio.mel import SETTINGS, MelFrontEnd


def array(x):
    return ops.convert_to_numpy(x)


def voice(samples, rate=22050):
    """Harmonics of 140 Hz that fall off, with breath: every band is above the rounding noise of the others."""
    rng = np.random.default_rng(samples)
    t = np.arange(samples) / rate
    tone = sum(np.cos(2 * np.pi * 140 * k * t + k * k) / k for k in range(1, 40))
    return (0.1 * tone + 0.02 * rng.normal(size=samples)).astype("float32")


def un_centred_magnitudes(audio, epsilon):
    """Official MelGAN's and HiFi-GAN's: reflect 384, frames of 1024 every 256, one at a time in float64."""
    padded = np.pad(audio.astype("float64"), 384, "reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1024) / 1024)
    frames = [padded[s : s + 1024] * window for s in range(0, len(padded) - 1023, 256)]
    return np.sqrt(np.abs(np.fft.rfft(frames)) ** 2 + epsilon)


def melgan(audio):
    basis = librosa.filters.mel(sr=22050, n_fft=1024, n_mels=80, fmin=0, fmax=None)
    return np.log10(np.maximum(un_centred_magnitudes(audio, 0) @ basis.T, 1e-5))


def hifigan(audio):
    basis = librosa.filters.mel(sr=22050, n_fft=1024, n_mels=80, fmin=0, fmax=8000)
    return np.log(np.maximum(un_centred_magnitudes(audio, 1e-9) @ basis.T, 1e-5))


def kan_bayashi(audio, rate=22050, n_fft=1024, hop=256, win=1024):
    spectrum = librosa.stft(audio, n_fft=n_fft, hop_length=hop, win_length=win, window="hann", pad_mode="reflect")
    basis = librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=80, fmin=80, fmax=7600)
    return np.log10(np.maximum(1e-10, np.abs(spectrum).T @ basis.T))


def kan_bayashi_24k(audio):
    return kan_bayashi(audio, 24000, 2048, 300, 1200)


PEERS = {"melgan": melgan, "kan_bayashi": kan_bayashi, "kan_bayashi_24k": kan_bayashi_24k, "hifigan": hifigan}


@pytest.mark.parametrize("samples", [8192, 8191, 5000, 1025])
@pytest.mark.parametrize("name", SETTINGS)
def test_named_front_ends_agree_with_their_projects(name, samples):
    audio, front_end = voice(samples), MelFrontEnd.from_name(name)
    found, expected = array(front_end(audio[None, :, None])), PEERS[name](audio)
    assert found.dtype == np.float32 and found.shape == (1, front_end.frames(samples), 80)
    np.testing.assert_allclose(found[0], expected, atol=1e-5)


@pytest.mark.parametrize(("name", "silence"), [("melgan", -5), ("kan_bayashi", -10), ("hifigan", -11.5129)])
def test_silence_has_its_value_and_a_finite_gradient(name, silence):
    front_end, zeros = MelFrontEnd.from_name(name), np.zeros((1, 3000, 1), "float32")
    np.testing.assert_allclose(array(front_end(zeros)), silence, atol=1e-4)
    np.testing.assert_allclose(front_end.silence, silence, atol=1e-4)
    click = zeros.copy()
    click[0, 1500:1510] = 0.1  # digital silence beside sound
    for audio in (zeros, click):
        slope = array(backend.input_gradient(lambda x: ops.sum(front_end(x)), audio))
        assert np.isfinite(slope).all() and bool(slope.any()) == bool(audio.any())


def test_gradient_is_the_slope():
    front_end, audio = MelFrontEnd.from_name("kan_bayashi"), voice(2000)[None, :, None]
    slope = array(backend.input_gradient(lambda x: ops.sum(front_end(x)), audio)).astype("float64")
    step = (1e-6 * slope).astype("float32")
    rise = [array(front_end(audio + sign * step)).astype("float64").sum() for sign in (1, -1)]
    np.testing.assert_allclose((rise[0] - rise[1]) / 2, np.sum(slope * step), rtol=2e-2)


def test_bands_are_normalised_by_their_mean_and_scale():
    rng = np.random.default_rng(2)
    mean, scale = rng.normal(size=80), rng.uniform(0.5, 2, 80)
    audio = voice(4000)
    found = array(MelFrontEnd.from_name("kan_bayashi", mean=mean, scale=scale)(audio[None, :, None]))
    np.testing.assert_allclose(found[0], (kan_bayashi(audio) - mean) / scale, atol=3e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_mels_are_float32_under_any_policy(dtype):
    front_end = MelFrontEnd()
    with backend.dtype_policy(f"mixed_{dtype}"):
        half = ops.cast(voice(3000)[None, :, None], dtype)
        found = array(front_end(half))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, array(front_end(ops.cast(half, "float32"))))


def test_mean_and_scale_are_those_of_all_frames():
    plain = MelFrontEnd.from_name("kan_bayashi")
    sounds = [voice(9000)[:, None], 0.1 * voice(5000)[:, None], np.zeros((300, 1), "float32")]
    mels = [kan_bayashi(sound[:, 0]) for sound in (*sounds[:2], np.zeros((1024, 1)))]
    found = plain.normalised(iter(sounds))
    np.testing.assert_allclose(found.mean, np.concatenate(mels).mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(found.scale, np.concatenate(mels).std(axis=0), atol=1e-5)
    assert set(found.differences(plain)) == {"mean", "scale"}
    assert found.normalised(sounds).get_config() == found.get_config(), "what it normalised before does not count"
    assert (plain.normalised([np.zeros((3000, 1))]).scale == 1).all()
    with pytest.raises(ValueError, match="mean and scale of mel bands need sounds"):
        plain.normalised([])


def test_config_is_plain_json_and_makes_the_same_front_end():
    front_end = MelFrontEnd.from_name("kan_bayashi_24k", mean=[0.1] * 80, scale=np.full(80, 0.3))
    again = MelFrontEnd.from_config(json.loads(json.dumps(front_end.get_config())))
    assert again.get_config() == front_end.get_config() and not again.differences(front_end)
    assert MelFrontEnd().get_config()["fmax"] == 11025.0 and MelFrontEnd().get_config()["win_length"] == 1024


def test_check_refuses_other_settings_and_names_both():
    front_end, mel = MelFrontEnd(), np.zeros((5, 80), "float32")
    assert front_end.check(mel, "melgan").shape == (5, 80)
    with pytest.raises(ValueError) as error:
        front_end.check(mel, SETTINGS["hifigan"])
    said = str(error.value)
    assert "other settings: fmax 8000.0 instead of 11025.0, log 'ln' instead of 'log10', epsilon 1e-09" in said
    assert "Expected: MelFrontEnd(sample_rate=22050," in said and "Received: MelFrontEnd(sample_rate=22050," in said
    assert said.count("MelFrontEnd") == 2 and len(said) < 1000
    assert set(front_end.differences("kan_bayashi")) == {"fmin", "fmax", "padding", "floor"}


@pytest.mark.parametrize(
    ("mel", "message"),
    [
        (np.zeros((80, 12)), r"must be \[frames, 80\] or .*\(80, 12\).*transposed"),
        (np.zeros((2, 12, 64)), r"Received: shape \(2, 12, 64\)\.$"),
        (np.zeros(80), r"Received: shape \(80,\)"),
        (np.full((3, 80), np.nan), "240 NaN or infinite"),
        (np.full((3, 80), -11.5), "goes down to -11.50, but silence is -5.00"),
    ],
)
def test_check_refuses_what_cannot_be_its_mel(mel, message):
    with pytest.raises(ValueError, match=message):
        MelFrontEnd().check(mel)


def test_mels_convert_between_logarithms_and_normalisations():
    audio, rng = voice(4000)[None, :, None], np.random.default_rng(3)
    stats = {"mean": rng.normal(size=80), "scale": rng.uniform(0.5, 2, 80)}
    ln, plain = MelFrontEnd(log="ln"), MelFrontEnd()
    normalised = MelFrontEnd(**stats)
    for source in (ln, plain, normalised):
        for target in (ln, plain, normalised):
            found = target.convert(array(source(audio)), source.get_config())
            assert isinstance(found, np.ndarray) and found.dtype == np.float32
            np.testing.assert_allclose(found, array(target(audio)), atol=2e-5)
    np.testing.assert_allclose(array(plain.convert(ln(audio), ln)), array(plain(audio)), atol=2e-5)
    with pytest.raises(ValueError, match="fmax 8000.0 instead of 11025.0, .*log 'ln' instead of 'log10'"):
        plain.convert(array(ln(audio)), "hifigan")
    with pytest.raises(ValueError, match=r"Received: shape \(3, 64\)"):
        plain.convert(np.zeros((3, 64)), ln)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fmin": 9000.0, "fmax": 8000.0}, "0 <= fmin < fmax <= sample_rate / 2"),
        ({"fmax": 12000.0}, "fmax <= sample_rate / 2. Received: MelFrontEnd.*fmax=12000.0"),
        ({"win_length": 2048}, "win_length <= n_fft"),
        ({"hop_length": 2000, "padding": "end"}, 'hop_length <= n_fft and padding "centre" or "reflect"'),
        ({"log": "log2"}, 'log "log10" or "ln"'),
        ({"floor": 0.0}, "floor > 0"),
        ({"mean": [0.0] * 79}, r"mean must be 80 finite numbers, one a band. Received: shape \(79,\)"),
        ({"scale": [0.0] * 80}, "scale > 0"),
    ],
)
def test_contradictory_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        MelFrontEnd(**settings)


def test_wrong_names_shapes_and_empty_bands():
    with pytest.raises(ValueError, match="melgan, kan_bayashi, kan_bayashi_24k, hifigan. Received: 'tacotron'"):
        MelFrontEnd.from_name("tacotron")
    with pytest.raises(ValueError, match=r"must be \[batch, samples, 1\]. Received: shape \(1, 4000, 2\)"):
        MelFrontEnd()(np.zeros((1, 4000, 2), "float32"))
    with pytest.raises(ValueError, match="needs 385 samples or more. Received: 384"):
        MelFrontEnd()(np.zeros((1, 384, 1), "float32"))
    with pytest.warns(UserWarning, match=r"of 80 mel bands \(the first is \d+\) lie between two FFT bins"):
        MelFrontEnd(sample_rate=16000, n_fft=128, hop_length=64)
