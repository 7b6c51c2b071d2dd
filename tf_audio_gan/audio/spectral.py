"""Differentiable short-time Fourier transforms on any Keras backend, and their exact inverse.

Spectra are pairs (real, imaginary) of ``[batch, frames, n_fft // 2 + 1]`` float32, whatever the dtype policy: half
types have no FFT. Windows are periodic Hann, centred in the FFT where they are shorter than it. How a sound's ends are
padded is named, because every project does it another way (`PADDINGS`).
"""

from functools import lru_cache

import numpy as np
from keras import ops

from tf_audio_gan.device import at_least, constant

PADDINGS = {
    "centre": "reflect n_fft // 2 at both ends: librosa and torch.stft with center=True, kan-bayashi",
    "reflect": "reflect (n_fft - hop_length) // 2 at both ends: official MelGAN and HiFi-GAN",
    "end": "zeros at the end: tf.signal.stft with pad_end=True, SpecGAN",
    "none": "whole frames only: tf.signal.stft",
}
SYNTHESES = {
    "least_squares": "windowed overlap-add, divided by the squared windows that lie there",
    "dual": "overlap-add by the dual window, tf.signal.inverse_stft_window_fn: the same, but for fading ends",
    "window": "windowed overlap-add, not divided: tf.signal.inverse_stft as it stands, SpecGAN's code",
}
_TINY = 1e-24  # of power: keeps the root's derivative finite where the spectrum is exactly 0


@lru_cache(maxsize=32)
def hann(win_length, n_fft=None):
    """Periodic Hann window of `win_length` samples in the middle of `n_fft`: numpy float32, not to be written to."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(win_length) / win_length)
    left, right = _beside(win_length, n_fft or win_length)
    window = np.pad(window, (left, right)).astype("float32")
    window.setflags(write=False)
    return window


def frame_count(samples, n_fft, hop_length, padding="centre"):
    """How many frames `stft` makes of that many samples.

    ``1 + samples // hop_length`` for "centre" with an even `n_fft`, ``samples // hop_length`` for "reflect" with an
    even ``n_fft - hop_length``, ``ceil(samples / hop_length)`` for "end".
    """
    return 1 + (samples + sum(_pad_widths(n_fft, hop_length, padding)) - n_fft) // hop_length


def stft(audio, n_fft, hop_length, win_length=None, padding="centre"):
    """Short-time Fourier transform.

    Args:
        audio: float ``[batch, samples]``.
        n_fft: FFT length in samples; any integer, not only powers of two.
        hop_length: samples between frames.
        win_length: window length in samples, at most `n_fft`; None: `n_fft`.
        padding: one of `PADDINGS`.

    Returns:
        (real, imaginary), each float32 ``[batch, frames, n_fft // 2 + 1]``; frames as `frame_count` says.

    Raises:
        ValueError: for an unknown padding, a window longer than the FFT, or audio too short to be padded or framed.
    """
    win_length = win_length or n_fft
    _check_lengths(n_fft, hop_length, win_length)
    padded = _pad(ops.cast(audio, "float32"), n_fft, hop_length, padding)
    left, right = _beside(win_length, n_fft)
    padded = padded[:, left : -right or None]
    frames = ops.multiply(ops.extract_sequences(padded, win_length, hop_length), constant(hann(win_length)))
    return ops.rfft(ops.pad(frames, ((0, 0), (0, 0), (left, right))) if left or right else frames, n_fft)


def dual_window(win_length, n_fft, hop_length):
    """The window by which overlap-added frames of Hann-windowed frames give the sound back: numpy float32 [n_fft].

    Hann divided by the sum of squared windows where as many frames overlap as ever do; 0 where none does.
    """
    window = hann(win_length, n_fft).astype("float64")
    hops = -(-n_fft // hop_length)
    squares = np.pad(np.square(window), (0, hops * hop_length - n_fft)).reshape(hops, hop_length).sum(axis=0)
    weight = np.tile(squares, hops)[:n_fft]
    return (window / np.where(weight > 1e-10, weight, 1.0)).astype("float32")


def istft(spectrum, n_fft, hop_length, win_length=None, padding="centre", samples=None, synthesis="least_squares"):
    """Inverse of `stft`: windowed overlap-add divided by the summed squared window.

    The least-squares inverse (Griffin and Lim 1984, eq. 6), exact to float32 rounding for the spectrum of a sound
    wherever a window reaches, the ends included (`keras.ops.istft` is wrong there). Where none does, that is in the
    last samples that "none" left out, and in the first of "end" and "none", which a Hann window weighs 0: zeros.

    A spectrum that no sound has (a generated one, or one of other phases) asks "least_squares" for thousands of times
    full scale in the first samples of "end" and "none", where it divides by nearly nothing: "dual" is for these. There
    the first hop fades in.

    Args:
        spectrum: (real, imaginary), each ``[batch, frames, n_fft // 2 + 1]``.
        n_fft: FFT length in samples.
        hop_length: samples between frames.
        win_length: window length in samples; None: `n_fft`.
        padding: what `stft` was given.
        samples: how many to return; None: as many as give these frames again, which is frames * hop_length for
            "reflect" (one more if n_fft - hop_length is odd) and "end", and one hop less for "centre".
        synthesis: one of `SYNTHESES`.

    Returns:
        float32 ``[batch, samples]``.

    Raises:
        ValueError: as `stft`, for more `samples` than the frames span, and for an unknown synthesis.
    """
    win_length = win_length or n_fft
    _check_lengths(n_fft, hop_length, win_length)
    left, _ = _pad_widths(n_fft, hop_length, padding)
    audio = _synthesise(spectrum, n_fft, hop_length, win_length, synthesis)[:, left:]
    if samples is None:
        right = {"centre": n_fft - n_fft // 2, "reflect": left, "end": n_fft - hop_length, "none": 0}[padding]
        return audio[:, : -right or None]
    if isinstance(audio.shape[1], int) and samples > audio.shape[1]:
        raise ValueError(f"the frames span {audio.shape[1]} samples. Received: samples={samples}")
    return audio[:, :samples]


def magnitude(spectrum, epsilon=0.0, floor=_TINY):
    """``sqrt(max(real² + imag² + epsilon, floor))``, with a finite gradient at digital silence.

    Args:
        spectrum: (real, imaginary), tensors of one shape.
        epsilon: added to the power: 1e-9 in HiFi-GAN.
        floor: of the power: 1e-7 in kan-bayashi's losses.

    Returns:
        Tensor of that shape. Below the floor its gradient is 0.
    """
    real, imag = spectrum
    return ops.sqrt(at_least(ops.square(real) + ops.square(imag) + epsilon, floor))


def griffin_lim(
    magnitudes, n_fft, hop_length, win_length=None, padding="centre", iterations=16, synthesis="least_squares",
    start=None,
):  # fmt: skip
    """A sound whose magnitudes are near the given ones (Griffin and Lim 1984).

    Args:
        magnitudes: float ``[batch, frames, n_fft // 2 + 1]``, not negative.
        n_fft: FFT length in samples.
        hop_length: samples between frames.
        win_length: window length in samples; None: `n_fft`.
        padding: one of `PADDINGS`.
        iterations: how often the phase is taken from the sound that the last phase gave.
        synthesis: one of `SYNTHESES`; "least_squares" is for "centre" and "reflect" (see `istft`).
        start: (real, imaginary) of these magnitudes, whose phases are the first; None: phases of 0.

    Returns:
        float32 ``[batch, samples]``, as many as `istft` gives.
    """
    magnitudes = ops.cast(magnitudes, "float32")
    start = (magnitudes, ops.zeros_like(magnitudes)) if start is None else tuple(start)
    settings = (n_fft, hop_length, win_length, padding)

    def inverse(spectrum):
        return istft(spectrum, *settings, synthesis=synthesis)

    def iterate(_, spectrum):
        real, imag = stft(inverse(spectrum), *settings)
        gain = magnitudes / ops.maximum(magnitude((real, imag)), 1e-8)
        return gain * real, gain * imag

    return inverse(ops.fori_loop(0, iterations, iterate, start))


def _check_lengths(n_fft, hop_length, win_length):
    if not (0 < win_length <= n_fft and 0 < hop_length):
        raise ValueError(
            "expected 0 < win_length <= n_fft and 0 < hop_length. "
            f"Received: n_fft={n_fft}, hop_length={hop_length}, win_length={win_length}"
        )


def _beside(win_length, n_fft):
    left = (n_fft - win_length) // 2
    return left, n_fft - win_length - left


def _pad_widths(n_fft, hop_length, padding):
    if padding not in PADDINGS:
        raise ValueError(f"padding must be one of {', '.join(PADDINGS)}. Received: padding={padding!r}")
    half = (n_fft - hop_length) // 2
    return {"centre": (n_fft // 2,) * 2, "reflect": (half, half), "end": (0, n_fft - 1), "none": (0, 0)}[padding]


def _pad(audio, n_fft, hop_length, padding):
    if len(audio.shape) != 2:
        raise ValueError(f"audio must be [batch, samples]. Received: shape {tuple(audio.shape)}")
    widths, samples = _pad_widths(n_fft, hop_length, padding), audio.shape[1]
    mode = "constant" if padding == "end" else "reflect"
    least = widths[0] + 1 if mode == "reflect" else 1
    least = max(least, n_fft - sum(widths))
    if isinstance(samples, int) and samples < least:
        raise ValueError(
            f"an FFT of {n_fft} with hop {hop_length} and padding {padding!r} needs {least} samples or more. "
            f"Received: {samples}"
        )
    return ops.pad(audio, ((0, 0), widths), mode) if any(widths) else audio


def _synthesise(spectrum, n_fft, hop_length, win_length, synthesis):
    """[batch, frames, n_fft // 2 + 1] -> [batch, (frames - 1) * hop_length + n_fft]."""
    if synthesis not in SYNTHESES:
        raise ValueError(f"synthesis must be one of {', '.join(SYNTHESES)}. Received: synthesis={synthesis!r}")
    window = dual_window(win_length, n_fft, hop_length) if synthesis == "dual" else hann(win_length, n_fft)
    frames = ops.multiply(ops.irfft(tuple(ops.cast(part, "float32") for part in spectrum), n_fft), window)
    audio = _overlap_add(frames, hop_length)
    if synthesis != "least_squares":
        return audio
    weight = _overlap_add(ops.multiply(ops.ones_like(frames[:1]), np.square(window)), hop_length)
    return audio / ops.where(weight > 1e-10, weight, 1.0)


def _overlap_add(frames, hop_length):
    """Sums ``[batch, frames, n]`` shifted by `hop_length` each: ``[batch, (frames - 1) * hop_length + n]``."""
    batch, count, n = ops.shape(frames)
    hops = -(-n // hop_length)
    frames = ops.pad(frames, ((0, 0), (0, hops), (0, hops * hop_length - n)))
    parts = ops.transpose(ops.reshape(frames, (batch, count + hops, hops, hop_length)), (0, 2, 1, 3))
    # A row of count + hops cut to count + hops - 1: each part starts one hop later than the one before it.
    parts = ops.reshape(parts, (batch, hops * (count + hops), hop_length))[:, :-hops]
    summed = ops.sum(ops.reshape(parts, (batch, hops, count + hops - 1, hop_length)), axis=1)
    return ops.reshape(summed, (batch, (count + hops - 1) * hop_length))[:, : (count - 1) * hop_length + n]
