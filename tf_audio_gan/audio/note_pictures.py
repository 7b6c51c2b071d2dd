"""GANSynth's pictures of notes: log magnitude and phase, or its steps, of a short-time Fourier transform; and back.

Engel et al. 2019, section 3; numbers as in Magenta's code. Hann windows that overlap by three quarters, zeros in front
of the sound alone, and one bin dropped, so that both sizes are powers of two.
"""

import math

import numpy as np
from keras import ops

from tf_audio_gan.audio.gansynth_mel import MEL_VARIANTS, mel_matrices
from tf_audio_gan.audio.instantaneous_frequency import instantaneous_frequency, phase_of, wrapped
from tf_audio_gan.audio.spectral import griffin_lim, istft, magnitude, stft
from tf_audio_gan.device import at_least, constant

FLOOR = 1e-6  # added to magnitudes, and to powers of mel bands
KINDS = ("phase", "if", "if_mel")


class NotePictures:
    """The way from sounds of one length to pictures [batch, frames, bins, 2], and back.

    Channel 0 is the natural logarithm of magnitude + 1e-6 ("if_mel": of a band's power + 1e-6); channel 1 the phase
    over pi in [-1, 1] ("phase"), or its steps from frame to frame over pi. Of the paper's six, three are these at
    256 frames x 512 bins, and "+H" are the same at 128 x 1024.

    Args:
        kind: one of `KINDS`.
        sample_rate: Hz.
        length: samples of a sound.
        frames: of a picture.
        bins: of a picture, a power of two: the FFT has 2 x bins samples, frames are bins / 2 apart.
        discard_dc: drop the lowest bin, as Magenta's code does; False: the highest.
        mel_variant: "magenta", the matrix of its released networks, or "true".
        griffin_lim: on the way back, how often phases are made to fit the magnitudes (Griffin and Lim 1984), beginning
            with the picture's, whose errors add up from frame to frame. 0, as the paper: they are taken as they are.

    Attributes:
        n_fft: FFT and window length in samples.
        hop_length: samples between frames.
        front: zeros before the sound. The last 3/4 of a window fade out on the way back, for nothing follows.

    Raises:
        ValueError: an unknown kind or variant, bins that are no power of two, or frames that do not span the sound.
    """

    def __init__(self, kind="if_mel", *, sample_rate=16000, length=64000, frames=128, bins=1024, discard_dc=True,
                 mel_variant="magenta", griffin_lim=0):  # fmt: skip
        if not isinstance(griffin_lim, int) or griffin_lim < 0:
            raise ValueError(f"griffin_lim must be a whole number of iterations from 0. Received: {griffin_lim!r}")
        if kind not in KINDS:
            raise ValueError(f"representation must be one of {', '.join(KINDS)}. Received: representation={kind!r}")
        if mel_variant not in MEL_VARIANTS:
            raise ValueError(f"mel_variant must be one of {', '.join(MEL_VARIANTS)}. Received: {mel_variant!r}")
        if not isinstance(bins, int) or bins < 2 or bins & (bins - 1):
            raise ValueError(f"bins must be a power of two from 2. Received: bins={bins!r}")
        self.kind, self.sample_rate, self.length, self.discard_dc = kind, sample_rate, length, discard_dc
        self.griffin_lim = griffin_lim
        self.frames, self.bins, self.n_fft, self.hop_length = frames, bins, 2 * bins, bins // 2
        self.front = self.hop_length * (frames - 1) + self.n_fft - length
        if length < 1 or self.front < 0:
            raise ValueError(self._misfit())
        if kind == "if_mel":
            matrices = mel_matrices(bins, sample_rate, mel_variant)
            self._to_mel, self._to_linear = (np.asarray(m, "float32") for m in matrices)

    def _misfit(self):
        needed = max(1, math.ceil((self.length - self.n_fft) / self.hop_length) + 1)
        return (
            f"{self.frames} frames of {self.bins} bins span {self.front + self.length} samples, which must be at least "
            f"as many as the sound has, and those at least 1. Received: length={self.length}. It needs {needed} frames."
        )

    def of(self, audio):
        """Sounds [batch, length, 1] -> pictures float32 [batch, frames, bins, 2]."""
        padded = ops.pad(ops.squeeze(ops.cast(audio, "float32"), -1), ((0, 0), (self.front, 0)))
        kept = slice(1, None) if self.discard_dc else slice(None, -1)
        real, imag = (part[:, :, kept] for part in stft(padded, self.n_fft, self.hop_length, padding="none"))
        log, phase = ops.log(magnitude((real, imag)) + FLOOR), ops.arctan2(imag, real) / math.pi
        if self.kind == "if":
            phase = instantaneous_frequency(phase)
        elif self.kind == "if_mel":
            log, phase = self._mel(log, phase)
        return ops.stack([log, phase], axis=-1)

    def audio(self, pictures):
        """Pictures [batch, frames, bins, 2] -> sounds float32 [batch, length, 1], by the dual window."""
        spectrum = self._spectrum(pictures)
        if self.griffin_lim:
            how = {"padding": "none", "synthesis": "dual", "iterations": self.griffin_lim, "start": spectrum}
            sound = griffin_lim(magnitude(spectrum), self.n_fft, self.hop_length, **how)
        else:
            sound = self._sound(spectrum)
        return sound[:, self.front : self.front + self.length, None]

    def inconsistency(self, pictures):
        """How far magnitudes are from those of the sound they make: 0 of a picture that a sound has.

        Args:
            pictures: [batch, frames, bins, 2].

        Returns:
            Scalar: mean of ((|S| - |STFT(iSTFT(S))|) / max(1, the largest of both in the example))^2.
        """
        wanted = self._spectrum(pictures)
        found = magnitude(stft(self._sound(wanted), self.n_fft, self.hop_length, padding="none"))
        wanted = magnitude(wanted)
        loudest = ops.max(ops.maximum(wanted, found), axis=(1, 2), keepdims=True)
        return ops.mean(ops.square((wanted - found) / at_least(loudest, 1.0)))

    def _sound(self, spectrum):
        """The padded sound [batch, front + length] of a spectrum."""
        return istft(spectrum, self.n_fft, self.hop_length, padding="none", synthesis="dual")

    def _spectrum(self, pictures):
        """(real, imaginary), [batch, frames, bins + 1] each, of pictures."""
        pictures = ops.cast(pictures, "float32")
        log, phase = pictures[..., 0], pictures[..., 1]
        if self.kind == "if_mel":
            power = ops.matmul(ops.exp(log), constant(self._to_linear))
            log, phase = 0.5 * ops.log(power + FLOOR), ops.matmul(phase, constant(self._to_linear))
        angle = math.pi * (phase if self.kind == "phase" else phase_of(phase))
        size, missing = ops.exp(log), ((0, 0), (0, 0), (1, 0) if self.discard_dc else (0, 1))
        return tuple(ops.pad(size * part, missing) for part in (ops.cos(angle), ops.sin(angle)))

    def _mel(self, log, phase):
        """Projected, the phase unwrapped before and its steps wrapped again: where columns add up to over 1, lossy.

        Projection and differences commute, so no phase is ever summed up; the first frame is not wrapped.
        """
        power = ops.matmul(ops.exp(2.0 * log), constant(self._to_mel))
        steps = ops.matmul(instantaneous_frequency(phase), constant(self._to_mel))
        steps = ops.concatenate([steps[:, :1], wrapped(steps[:, 1:])], axis=1)
        return ops.log(power + FLOOR), steps
