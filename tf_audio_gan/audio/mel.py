"""Log-mel spectrograms as the vocoder projects make them: one class, every difference between them a keyword.

A vocoder understands only mels made with the settings it was trained on, and mels of other settings sound wrong
without any error. So a model stores its front end's `get_config()`, and mels from elsewhere pass through `check` or
`convert`.
"""

import math
import warnings

import numpy as np
from keras import ops

from tf_audio_gan.audio.analysis import mel_filters
from tf_audio_gan.audio.spectral import frame_count, magnitude, stft
from tf_audio_gan.device import at_least, constant

SETTINGS = {
    "melgan": {"padding": "reflect", "log": "log10", "floor": 1e-5},
    "kan_bayashi": {"fmin": 80.0, "fmax": 7600.0, "padding": "centre", "log": "log10", "floor": 1e-10},
    "kan_bayashi_24k": {
        "sample_rate": 24000,
        "n_fft": 2048,
        "hop_length": 300,
        "win_length": 1200,
        "fmin": 80.0,
        "fmax": 7600.0,
        "padding": "centre",
        "log": "log10",
        "floor": 1e-10,
    },
    "hifigan": {"fmax": 8000.0, "padding": "reflect", "log": "ln", "floor": 1e-5, "epsilon": 1e-9},
}
_BRIDGED = {"log", "mean", "scale"}
_LN = {"ln": 1.0, "log10": math.log(10)}


class MelFrontEnd:
    """Audio to log-mel spectrograms, differentiable.

    ``log(max(|STFT| @ filters, floor))``, then ``(value - mean) / scale`` for each band. Magnitudes, not powers;
    periodic Hann window; Slaney's mel scale with area-normalised filters (``librosa.filters.mel``). The defaults are
    official MelGAN's; `SETTINGS` names those of the projects whose checkpoints and mels are in use:

    | name | what |
    |---|---|
    | melgan | descriptinc/melgan-neurips: 22,050 Hz, 80 bands to 11,025 Hz, log10, silence is -5 |
    | kan_bayashi | kan-bayashi/ParallelWaveGAN, TensorFlowTTS (LJSpeech): 80 to 7600 Hz, log10, silence is -10 |
    | kan_bayashi_24k | the same at 24,000 Hz with hop 300; both are normalised by the training set's mean and scale |
    | hifigan | jik876/hifi-gan, NVIDIA's Tacotron 2 (but for `epsilon`): 0 to 8000 Hz, ln, silence is -11.51 |

    kan-bayashi pairs its ``1 + samples // hop_length`` frames with audio padded at the end to ``frames * hop_length``.

    Args:
        sample_rate: of the audio, in Hz.
        n_fft: FFT length in samples.
        hop_length: samples between frames.
        win_length: window length in samples; None: `n_fft`.
        n_mels: number of bands.
        fmin: lowest frequency of the bands, in Hz.
        fmax: highest, in Hz; None: half the sample rate.
        padding: "centre" (reflect n_fft // 2) or "reflect" ((n_fft - hop_length) // 2): `audio.spectral.PADDINGS`.
        log: "log10" or "ln".
        floor: smallest band magnitude, before the logarithm.
        epsilon: added to the power spectrum, inside the root.
        mean: subtracted from each band's logarithm: `n_mels` numbers, or None for 0.
        scale: divides what is left: `n_mels` positive numbers, or None for 1.

    Raises:
        ValueError: for settings that contradict each other.
    """

    def __init__(
        self,
        sample_rate=22050,
        n_fft=1024,
        hop_length=256,
        win_length=None,
        n_mels=80,
        fmin=0.0,
        fmax=None,
        padding="reflect",
        log="log10",
        floor=1e-5,
        epsilon=0.0,
        mean=None,
        scale=None,
    ):
        self.sample_rate, self.n_fft, self.hop_length = int(sample_rate), int(n_fft), int(hop_length)
        self.win_length, self.n_mels = int(win_length or n_fft), int(n_mels)
        self.fmin, self.fmax = float(fmin), float(sample_rate / 2 if fmax is None else fmax)
        self.padding, self.log, self.floor, self.epsilon = padding, log, float(floor), float(epsilon)
        self.mean, self.scale = (_per_band(name, v, self.n_mels) for name, v in (("mean", mean), ("scale", scale)))
        self._validate()

    @classmethod
    def from_name(cls, name, **changes):
        """The front end called `name` in `SETTINGS`, with other values for the keywords given."""
        if name not in SETTINGS:
            raise ValueError(f"the mel settings with names are {', '.join(SETTINGS)}. Received: {name!r}")
        return cls(**{**SETTINGS[name], **changes})

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def get_config(self):
        """Every setting as plain JSON; what was None because it follows from others is a number here."""
        config = {name: getattr(self, name) for name in _NAMES}
        for name in ("mean", "scale"):
            config[name] = None if config[name] is None else config[name].tolist()
        return config

    def __call__(self, audio):
        """The log-mel spectrogram.

        Float32 under every dtype policy. The gradient is finite everywhere, and 0 in bands at the floor.

        Args:
            audio: float ``[batch, samples, 1]`` in [-1, 1], at `sample_rate`.

        Returns:
            float32 ``[batch, frames, n_mels]``, frames as `frames` says.

        Raises:
            ValueError: for another shape, or audio too short to be padded (`n_fft` samples are always enough).
        """
        if len(audio.shape) != 3 or audio.shape[-1] != 1:
            raise ValueError(f"audio must be [batch, samples, 1]. Received: shape {tuple(audio.shape)}")
        spectrum = stft(ops.squeeze(audio, -1), self.n_fft, self.hop_length, self.win_length, self.padding)
        mel = ops.matmul(magnitude(spectrum, self.epsilon), constant(self._filters()))
        return self._normalise(ops.log(at_least(mel, self.floor)) / _LN[self.log])

    def normalised(self, sounds):
        """This front end, with the mean and the standard deviation of each band over sounds as `mean` and `scale`.

        As kan-bayashi's compute-statistics: over all frames, so long sounds count for more; a band that never changes
        gets a scale of 1. Sounds of over a minute are analysed in pieces.

        Args:
            sounds: iterable of float arrays ``[samples, 1]`` at `sample_rate`.

        Returns:
            `MelFrontEnd`.

        Raises:
            ValueError: there are no sounds.
        """
        plain = MelFrontEnd(**{**self.get_config(), "mean": None, "scale": None})
        count, total, squares = 0, np.zeros(self.n_mels), np.zeros(self.n_mels)
        for sound in sounds:
            for piece in _pieces(np.asarray(sound, "float32"), 60 * self.sample_rate, self.n_fft):
                mel = ops.convert_to_numpy(plain(piece[None]))[0].astype("float64")
                count, total, squares = count + len(mel), total + mel.sum(axis=0), squares + (mel**2).sum(axis=0)
        if not count:
            raise ValueError("the mean and scale of mel bands need sounds; there are none")
        mean = total / count
        scale = np.sqrt(np.maximum(squares / count - mean**2, 0))
        return MelFrontEnd(**{**self.get_config(), "mean": mean, "scale": np.where(scale > 1e-6, scale, 1)})

    def frames(self, samples):
        """How many frames that many samples make."""
        return frame_count(samples, self.n_fft, self.hop_length, self.padding)

    def check(self, mel, settings=None):
        """Refuses a mel spectrogram that was not made by this front end.

        Args:
            mel: array ``[frames, n_mels]`` or ``[batch, frames, n_mels]``.
            settings: what made it, where that is known: a `MelFrontEnd`, its config, or a name in `SETTINGS`.

        Returns:
            `mel` as a float32 numpy array.

        Raises:
            ValueError: for another shape, NaN, other settings, or (where no settings are given and this front end
                does not normalise) values well below those of silence, which another logarithm gives.
        """
        mel = np.asarray(ops.convert_to_numpy(mel), "float32")
        self._check_shape(mel)
        if not np.isfinite(mel).all():
            raise ValueError(f"the mel spectrogram holds {np.count_nonzero(~np.isfinite(mel))} NaN or infinite values")
        if settings is not None:
            self._refuse(settings, self.differences(settings))
        elif self.mean is None and self.scale is None and mel.size and mel.min() < self.silence - 1:
            raise ValueError(
                f"the mel spectrogram goes down to {mel.min():.2f}, but silence is {self.silence:.2f} in {self!r}. "
                "It was made with other settings, perhaps another logarithm or floor: say which and use `convert`"
            )
        return mel

    def convert(self, mel, settings):
        """A mel made with other settings as this front end would have made it.

        Possible where only the logarithm, the mean or the scale differ: other bands, windows or floors have lost
        what would be needed.

        Args:
            mel: array or tensor ``[..., frames, n_mels]``.
            settings: what made it: a `MelFrontEnd`, its config, or a name in `SETTINGS`.

        Returns:
            float32 of `mel`'s kind (numpy array or tensor) and shape; `mel` itself where nothing differs.

        Raises:
            ValueError: for another shape, or settings that differ in more.
        """
        self._check_shape(mel)
        theirs, differing = _front_end(settings), self.differences(settings)
        if set(differing) - _BRIDGED:
            self._refuse(theirs, differing)
        if not differing:
            return mel
        on_host = isinstance(mel, np.ndarray)
        logarithm = theirs._denormalise(ops.cast(mel, "float32")) * (_LN[theirs.log] / _LN[self.log])
        converted = self._normalise(logarithm)
        return ops.convert_to_numpy(converted) if on_host else converted

    def differences(self, settings):
        """The settings in which another front end differs: {name: (its value, this one's)}, empty if in none."""
        theirs, mine = _front_end(settings).get_config(), self.get_config()
        return {name: (theirs[name], mine[name]) for name in mine if theirs[name] != mine[name]}

    @property
    def silence(self):
        """The value of digital silence, the smallest there is, before `mean` and `scale`."""
        return math.log(self.floor) / _LN[self.log]

    def __repr__(self):
        return f"MelFrontEnd({', '.join(f'{name}={_short(value)}' for name, value in self.get_config().items())})"

    def _filters(self):
        return mel_filters(self.sample_rate, self.n_fft, self.n_mels, self.fmin, self.fmax)

    def _normalise(self, mel):
        mel = mel if self.mean is None else ops.subtract(mel, constant(self.mean))
        return mel if self.scale is None else ops.divide(mel, constant(self.scale))

    def _denormalise(self, mel):
        mel = mel if self.scale is None else ops.multiply(mel, self.scale)
        return mel if self.mean is None else ops.add(mel, self.mean)

    def _validate(self):
        rules = {
            "0 < win_length <= n_fft": 0 < self.win_length <= self.n_fft,
            "0 < hop_length <= n_fft": 0 < self.hop_length <= self.n_fft,
            "n_mels > 0": self.n_mels > 0,
            "0 <= fmin < fmax <= sample_rate / 2": 0 <= self.fmin < self.fmax <= self.sample_rate / 2,
            'padding "centre" or "reflect"': self.padding in ("centre", "reflect"),
            'log "log10" or "ln"': self.log in _LN,
            "floor > 0": self.floor > 0,
            "epsilon >= 0": self.epsilon >= 0,
            "scale > 0": self.scale is None or bool((self.scale > 0).all()),
        }
        broken = [rule for rule, holds in rules.items() if not holds]
        if broken:
            raise ValueError(f"mel settings must have {' and '.join(broken)}. Received: {self!r}")
        empty = np.flatnonzero(~self._filters().any(axis=0))
        if len(empty):
            warnings.warn(
                f"{len(empty)} of {self.n_mels} mel bands (the first is {empty[0]}) lie between two FFT bins and are "
                f"always silent; a larger n_fft or fewer n_mels fill them. Received: {self!r}",
                stacklevel=3,
            )

    def _check_shape(self, mel):
        shape = tuple(mel.shape)
        if len(shape) in (2, 3) and shape[-1] == self.n_mels:
            return
        hint = " It looks transposed: swap its last two axes." if self.n_mels in shape[-2:-1] else ""
        raise ValueError(
            f"a mel spectrogram must be [frames, {self.n_mels}] or [batch, frames, {self.n_mels}]. "
            f"Received: shape {shape}.{hint}"
        )

    def _refuse(self, settings, differing):
        if differing:
            rows = ", ".join(f"{name} {_short(a)} instead of {_short(b)}" for name, (a, b) in differing.items())
            raise ValueError(
                f"the mel spectrogram was made with other settings: {rows}. "
                f"Expected: {self!r}. Received: {_front_end(settings)!r}"
            )


_NAMES = (
    "sample_rate", "n_fft", "hop_length", "win_length", "n_mels", "fmin", "fmax",
    "padding", "log", "floor", "epsilon", "mean", "scale",
)  # fmt: skip


def _front_end(settings):
    if isinstance(settings, MelFrontEnd):
        return settings
    return MelFrontEnd.from_name(settings) if isinstance(settings, str) else MelFrontEnd.from_config(settings)


def _pieces(sound, most, least):
    """[samples, 1] in pieces of at most so many samples; a short one is padded with zeros."""
    for start in range(0, max(1, len(sound)), most):
        piece = sound[start : start + most]
        yield np.pad(piece, ((0, max(0, least - len(piece))), (0, 0)))


def _per_band(name, values, n_mels):
    if values is None:
        return None
    values = np.asarray(values, "float32")
    if values.shape != (n_mels,) or not np.isfinite(values).all():
        raise ValueError(f"{name} must be {n_mels} finite numbers, one a band. Received: shape {values.shape}")
    return values


def _short(value):
    return f"[{value[0]:.4g}, ...]" if isinstance(value, list) else repr(value)
