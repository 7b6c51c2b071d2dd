import numpy as np
import pytest

from tf_audio_gan.backend import Draws
from tf_audio_gan.layers.phase_shuffle import PhaseShuffle, shift_each, shift_reflect


def numpy_shift(x, p):
    """out[i] = x reflected at the edges, at i - p."""
    padded = np.pad(x, (8, 8), mode="reflect")
    return padded[8 - p : 8 - p + len(x)]


@pytest.mark.parametrize("p, expected", [(1, [1, 0, 1, 2]), (-1, [1, 2, 3, 2]), (2, [2, 1, 0, 1]), (0, [0, 1, 2, 3])])
def test_shift_of_the_specification(p, expected):
    x = np.arange(4, dtype="float32")[None, :, None]
    np.testing.assert_array_equal(np.asarray(shift_reflect(x, p, 2))[0, :, 0], expected)
    np.testing.assert_array_equal(np.asarray(shift_each(x, np.full((1, 1, 1), p), 2))[0, :, 0], expected)


@pytest.mark.parametrize("mode", ["batch", "example", "channel"])
def test_modes_shift_what_they_say(mode, rng):
    x = rng.normal(size=(40, 30, 6)).astype("float32")
    y = np.asarray(PhaseShuffle(3, mode)(x, draws=Draws(0, 0)))
    shifts = np.empty((40, 6), int)
    for b in range(40):
        for c in range(6):
            shifts[b, c] = next(p for p in range(-3, 4) if np.array_equal(numpy_shift(x[b, :, c], p), y[b, :, c]))
    distinct = len(np.unique(shifts))
    if mode == "batch":
        assert distinct == 1
    else:
        assert distinct == 7
        assert (shifts == shifts[:, :1]).all() == (mode == "example")


@pytest.mark.parametrize("mode", ["batch", "example", "channel"])
def test_bins_of_a_spectrogram_shift_together(mode, rng):
    """[batch, time, bins, channels] moves as [batch, time, channels] does, in every bin."""
    x = rng.normal(size=(5, 12, 3, 4)).astype("float32")
    layer, draws = PhaseShuffle(2, mode), Draws(0, 3)
    y = np.asarray(layer(x, draws=draws))
    assert not np.array_equal(x, y)
    for k in range(3):
        np.testing.assert_array_equal(y[:, :, k], np.asarray(layer(x[:, :, k], draws=draws)))


def test_every_shift_is_as_likely():
    layer = PhaseShuffle(2)
    x = np.arange(64, dtype="float32")[None, :, None]
    counts = np.bincount([int(np.asarray(layer(x, draws=Draws(0, k)))[0, 32, 0]) - 30 for k in range(300)], minlength=5)
    assert counts.sum() == 300 and counts.min() > 35


def test_without_draws_or_radius_nothing_moves(rng):
    x = rng.normal(size=(2, 8, 3)).astype("float32")
    np.testing.assert_array_equal(PhaseShuffle(2)(x), x)
    np.testing.assert_array_equal(PhaseShuffle(0)(x, draws=Draws(0, 0)), x)


def test_wrong_settings_are_named():
    with pytest.raises(ValueError, match="batch, example, channel. Received: mode='time'"):
        PhaseShuffle(2, "time")
    with pytest.raises(ValueError, match="Received: radius=-1"):
        PhaseShuffle(-1)
    with pytest.raises(ValueError, match="more time steps"):
        PhaseShuffle(4).build((None, 4, 1))
