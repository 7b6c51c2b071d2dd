import keras
import numpy as np
import pytest
from keras import ops

from tf_audio_gan import backend
from tf_audio_gan.models.classifier.classifier import Classifier
from tf_audio_gan.models.classifier.networks import Augment, Colour, Mask, Mel, mel_matrix
from tf_audio_gan.models.classifier.presets import NETWORKS

DIGITS = "zero one two three four five six seven eight nine".split()
RNG = np.random.default_rng(0)
SINE = np.sin(2 * np.pi * 500 * np.arange(8000) / 8000).astype("float32")[None, :, None]


def count(variables):
    return sum(int(np.prod(v.shape)) for v in variables)


def test_the_sc09_network_has_the_published_parameters():
    judge = Classifier(labels=DIGITS, **NETWORKS["sc09"]["model"])
    convolutions = 25 * 128 + 128 + 3 * (25 * 128 * 128 + 128)
    by_hand = 2 * 128 + convolutions + 3 * 2 * 128 + 2 * 8192 + 8192 * 10 + 10
    assert count(judge.trainable_variables) == by_hand == 1_331_850
    assert judge.features(np.zeros((1, 16384, 1))).shape == (1, 8192)
    assert tuple(judge.mel(np.zeros((1, 16384, 1), "float32")).shape) == (1, 128, 128, 1)


def test_mel_matrix_is_tensorflows():
    tf = pytest.importorskip("tensorflow", reason="the reference is tf.signal")
    expected = tf.signal.linear_to_mel_weight_matrix(128, 513, 16000, 40.0, 7800.0)
    np.testing.assert_allclose(mel_matrix(16000, 1024, 128, 40.0, 7800.0), expected, atol=2e-4)


def test_mel_agrees_with_numpy():
    audio = RNG.uniform(-1, 1, (2, 1000, 2)).astype("float32")
    found = ops.convert_to_numpy(Mel(8000, 256, 96, 20, 50.0, None)(audio))
    padded = np.pad(audio[1, :, 1], (0, 256))
    frames = np.stack([padded[i * 96 : i * 96 + 256] for i in range(11)])
    magnitude = np.abs(np.fft.rfft(frames * np.hanning(257)[:-1]))
    expected = magnitude @ mel_matrix(8000, 256, 20, 50.0, 4000.0)
    assert found.shape == (2, 11, 20, 2)
    np.testing.assert_allclose(found[1, :, :, 1], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.skipif(keras.backend.backend() not in ("tensorflow", "torch"), reason="gradients of these two")
def test_the_gradient_of_silence_is_finite():
    judge = Classifier(sample_rate=8000, length=4096, labels=["a", "b"])
    gradient = backend.input_gradient(lambda x: ops.sum(judge(x)), np.zeros((1, 4096, 1), "float32"))
    assert np.isfinite(ops.convert_to_numpy(ops.stop_gradient(gradient))).all()


def changed(seed=3, audio=SINE, **keywords):
    options = {"gain_db": 0.0, "shift": 0.0, "speed": 0.0, "noise_db": None, **keywords}
    return ops.convert_to_numpy(Augment(seed=seed, **options)(audio, training=True))


def test_augmentation_is_off_in_inference_and_follows_its_seed():
    everything = {"gain_db": 6.0, "shift": 0.1, "speed": 0.1, "noise_db": -40.0}
    np.testing.assert_array_equal(ops.convert_to_numpy(Augment(seed=1, **everything)(SINE)), SINE)
    np.testing.assert_array_equal(changed(**everything), changed(**everything))
    assert not np.array_equal(changed(**everything), changed(seed=4, **everything))
    np.testing.assert_array_equal(changed(), SINE)


def test_each_change_of_the_sound_stays_in_its_range():
    many = np.repeat(SINE, 64, axis=0)
    gains = 20 * np.log10(changed(audio=many, gain_db=6.0)[:, 4, 0] / SINE[0, 4, 0])
    assert -6 <= gains.min() < -4 and 4 < gains.max() <= 6
    noise = 20 * np.log10((changed(audio=many, noise_db=-20.0) - many).std(axis=(1, 2)))
    assert -60.5 < noise.min() < -50 and -30 < noise.max() < -19.5
    impulse = np.zeros((64, 1000, 2), "float32")
    impulse[:, 500] = 1.0
    centres = (changed(audio=impulse, shift=0.1)[..., 1] * np.arange(1000)).sum(axis=1)
    assert 400 <= centres.min() < 430 and 570 < centres.max() <= 600
    pitches = np.abs(np.fft.rfft(changed(audio=many, speed=0.2)[:, :6000, 0])).argmax(axis=1) * 8000 / 6000
    assert 399 < pitches.min() < 430 and 570 < pitches.max() < 601


def test_masks_are_one_stretch_of_frames_and_one_of_bands():
    x = np.ones((64, 40, 20, 1), "float32")
    kept = ops.convert_to_numpy(Mask(0.25, 0.5, seed=0)(x, training=True))[..., 0]
    for axis, most in ((2, 10), (1, 10)):
        gone = (kept.max(axis=axis) == 0).astype(int)
        assert (np.abs(np.diff(np.pad(gone, ((0, 0), (1, 1))))).sum(axis=1) <= 2).all(), "more than one stretch"
        assert gone.sum(axis=1).max() in (most - 2, most - 1, most, most + 1) and gone.sum(axis=1).min() <= 1
    np.testing.assert_array_equal(Mask(0.25, 0.5, seed=0)(x), x)


def test_colour_is_a_smooth_gain_within_its_decibels():
    mel = np.ones((200, 3, 32, 1), "float32")
    gain = 20 * np.log10(ops.convert_to_numpy(Colour(6.0, seed=0)(mel, training=True))[..., 0])
    np.testing.assert_array_equal(gain[:, 0], gain[:, 2])
    assert 8 < gain.max() <= 11 and np.abs(np.diff(gain, axis=2)).max() < 3 * 6 * np.pi / 31
    np.testing.assert_array_equal(Colour(6.0, seed=0)(mel), mel)
