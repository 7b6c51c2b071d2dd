import numpy as np

from tf_audio_gan.backend import Draws
from tf_audio_gan.layers.circular_shift import circular_shift, random_shift


def test_it_is_numpys_roll(rng):
    x = rng.normal(size=(2, 9, 3)).astype("float32")
    for shift in range(-4, 5):
        np.testing.assert_array_equal(np.asarray(circular_shift(x, shift, 4)), np.roll(x, shift, axis=1))


def test_every_shift_but_none_is_as_likely_and_the_batchs_own():
    x = np.broadcast_to(np.arange(32, dtype="float32")[None, :, None], (2, 32, 1))
    shifts = []
    for step in range(100):
        y = np.asarray(random_shift(x, Draws(0, step), 5))[..., 0].astype(int)
        np.testing.assert_array_equal(y[0], y[1])
        shifts.append((16 - y[0, 16] + 16) % 32 - 16)
        np.testing.assert_array_equal(y[0], np.roll(np.arange(32), shifts[-1]))
    counts = np.bincount(np.array(shifts) + 5, minlength=11)
    assert counts[5] == 0 and np.delete(counts, 5).min() > 2 and counts.sum() == 100
