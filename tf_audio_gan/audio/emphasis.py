"""Pre-emphasis, which raises high frequencies before a network, and its exact inverse after it."""

import math

import numpy as np
from keras import ops

_BLOCK = 128  # samples that one matrix product de-emphasises
_NEGLIGIBLE = 1e-10  # of a sample's effect on a later one


def check_coefficient(coefficient):
    """Raises ValueError unless the coefficient is in [0, 1), where the inverse is stable."""
    if not 0 <= coefficient < 1:
        raise ValueError(f"the pre-emphasis must be a coefficient in [0, 1). Received: {coefficient!r}")


def pre_emphasis(audio, coefficient=0.95, before=None):
    """y[n] = x[n] - coefficient x[n - 1].

    Args:
        audio: [batch, samples, channels].
        coefficient: in [0, 1); 0: nothing changes.
        before: [batch, 1, channels], the sample before the first; None: silence, so that y[0] = x[0].

    Returns:
        [batch, samples, channels].
    """
    audio = ops.convert_to_tensor(audio)
    before = ops.zeros_like(audio[:, :1]) if before is None else ops.convert_to_tensor(before)
    return audio - coefficient * ops.concatenate([before, audio[:, :-1]], axis=1)


def de_emphasis(audio, coefficient=0.95):
    """x[n] = y[n] + coefficient x[n - 1], the inverse of `pre_emphasis`, in blocks, as products of matrices.

    A block is de-emphasised by itself; what the blocks before it left decays by coefficient^128 a block, so a few of
    them count (4 for 0.95), and the rest, below 1e-10, is left out.

    Args:
        audio: [batch, samples, 1]; samples may be unknown while a graph is traced.
        coefficient: in [0, 1).

    Returns:
        float32 [batch, samples, 1].
    """
    if coefficient == 0:
        return audio
    samples = ops.shape(audio)[1]
    padded = ops.pad(ops.cast(audio, "float32")[..., 0], ((0, 0), (0, _BLOCK - 1)))
    count = (samples + _BLOCK - 1) // _BLOCK
    blocks = ops.reshape(padded[:, : count * _BLOCK], (-1, count, _BLOCK))
    n = np.arange(_BLOCK)
    response = np.where(n >= n[:, None], float(coefficient) ** np.maximum(n - n[:, None], 0), 0.0)
    alone = ops.matmul(blocks, response.astype("float32"))
    behind = coefficient ** (n + 1.0)
    carried = _carried(alone[:, :, -1:], coefficient**_BLOCK, count)
    whole = alone + ops.multiply(carried, behind.astype("float32"))
    return ops.reshape(whole, (-1, count * _BLOCK))[:, :samples, None]


def _carried(lasts, decay, count):
    """The last sample before each block, of the last samples [batch, blocks, 1] that blocks have alone."""
    reach = max(1, math.ceil(math.log(_NEGLIGIBLE) / math.log(decay))) if decay > _NEGLIGIBLE else 1
    padded = ops.pad(lasts, ((0, 0), (reach, 0), (0, 0)))
    return sum(decay**j * padded[:, reach - 1 - j : reach - 1 - j + count] for j in range(reach))


class Emphasis:
    """`pre_emphasis` of audio that arrives in blocks.

    Args:
        coefficient: in [0, 1).
    """

    def __init__(self, coefficient=0.95):
        self.coefficient, self.before = np.float32(coefficient), np.zeros(1, "float32")

    def each(self, blocks):
        """Checked blocks, float [samples] or [samples, 1] -> float32 [samples] each.

        Raises:
            ValueError: another shape, integers, or numbers that are not finite.
        """
        for block in blocks:
            audio = np.asarray(block)
            if audio.dtype.kind != "f" or audio.ndim not in (1, 2) or audio.ndim == 2 and audio.shape[1] != 1:
                raise ValueError(
                    "audio must be float [samples] or [samples, 1] in [-1, 1]. "
                    f"Received: {audio.dtype} {list(audio.shape)}"
                )
            if not np.isfinite(audio).all():
                raise ValueError("audio holds NaN or infinite samples")
            audio = audio.astype("float32").reshape(-1)
            whole = np.concatenate([self.before, audio])
            self.before = whole[-1:]
            yield audio - self.coefficient * whole[:-1]


class DeEmphasis:
    """`de_emphasis` of audio that arrives in blocks: the recursion itself, whatever their lengths.

    Args:
        coefficient: in [0, 1).
    """

    def __init__(self, coefficient=0.95):
        self.coefficient, self.state = float(coefficient), np.zeros(1)

    def __call__(self, block):
        """Float [samples] -> float32 [samples]."""
        from scipy.signal import lfilter

        audio, self.state = lfilter([1.0], [1.0, -self.coefficient], np.asarray(block, "float64"), zi=self.state)
        return audio.astype("float32")
