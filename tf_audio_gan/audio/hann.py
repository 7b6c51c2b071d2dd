"""The rising half of a Hann window, by NumPy alone: streams and clients need no more."""

import numpy as np


def hann_rise(hop):
    """The rising half of a periodic Hann window of two hops: float32 [hop]; with its mirror image it adds up to 1."""
    return (0.5 - 0.5 * np.cos(np.pi * np.arange(hop) / hop)).astype("float32")
