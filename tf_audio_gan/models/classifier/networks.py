"""The parts of a classifier of sounds: a log-mel picture of them, changes that keep the label, convolutions."""

import keras
import numpy as np
from keras import layers, ops

from tf_audio_gan import device

_POWER_FLOOR = 1e-20  # keeps the magnitude's gradient finite in digital silence


def mel_matrix(sample_rate, n_fft, n_mels, fmin, fmax):
    """Triangles on the HTK mel scale, 1127 ln(1 + f / 700), not normalised: TensorFlow's mel matrix.

    The sides are straight in mel, not in Hz, and the bin at 0 Hz belongs to no band.

    Args:
        sample_rate: Hz.
        n_fft: FFT length in samples.
        n_mels: bands.
        fmin: Hz, where the lowest triangle begins.
        fmax: Hz, where the highest ends.

    Returns:
        float32 `[n_fft // 2 + 1, n_mels]`, each column with a peak of at most 1.
    """
    bins = _htk_mel(np.linspace(0, sample_rate / 2, n_fft // 2 + 1))[:, None]
    edges = np.linspace(_htk_mel(fmin), _htk_mel(fmax), n_mels + 2)
    rising = (bins - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - bins) / np.diff(edges)[1:]
    matrix = np.maximum(0, np.minimum(rising, falling))
    matrix[0] = 0
    return matrix.astype("float32")


def _htk_mel(hz):
    return 1127 * np.log1p(np.asarray(hz, np.float64) / 700)


@keras.saving.register_keras_serializable("tf_audio_gan")
class Mel(layers.Layer):
    """Audio to mel bands of the magnitude spectrogram; padded with zeros at the end, so no frame looks back.

    Computed in float32 whatever the policy, and with a finite gradient everywhere.

    Args:
        sample_rate: Hz.
        n_fft: Hann window and FFT length in samples.
        hop_length: samples between frames.
        n_mels: bands.
        fmin: Hz.
        fmax: Hz; None: half the sample rate.
    """

    def __init__(self, sample_rate, n_fft, hop_length, n_mels, fmin, fmax, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.n_fft, self.hop_length = n_fft, hop_length
        self.matrix = mel_matrix(sample_rate, n_fft, n_mels, fmin, fmax or sample_rate / 2)

    def frames(self, samples):
        """How many frames a sound of so many samples has."""
        return -(-samples // self.hop_length)

    def call(self, audio):
        """[batch, samples, channels] -> [batch, ceil(samples / hop_length), n_mels, channels]."""
        samples = audio.shape[1]
        end = (self.frames(samples) - 1) * self.hop_length + self.n_fft - samples
        x = ops.pad(ops.transpose(audio, (0, 2, 1)), ((0, 0), (0, 0), (0, max(0, end))))
        real, imaginary = ops.stft(x, self.n_fft, self.hop_length, self.n_fft, center=False)
        magnitude = ops.sqrt(device.at_least(ops.square(real) + ops.square(imaginary), _POWER_FLOOR))
        return ops.transpose(ops.matmul(magnitude, device.constant(self.matrix)), (0, 2, 3, 1))


@keras.saving.register_keras_serializable("tf_audio_gan")
class Augment(layers.Layer):
    """In training, each sound faster or slower, earlier or later, louder or softer, and with white noise.

    Speed and shift are one linear interpolation; what comes from outside of the sound is silence. Off in inference.

    Args:
        gain_db: the gain is uniform in [-gain_db, gain_db] decibels.
        shift: the delay is uniform in [-shift, shift] x the sound's length.
        speed: the speed is uniform in [1 - speed, 1 + speed], and the pitch with it; 0 where labels depend on pitch.
        noise_db: level of the loudest noise in dB of full scale; uniform in the 40 dB below it. None: no noise.
        seed: of the draws.
    """

    def __init__(self, gain_db, shift, speed, noise_db, seed, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.gain_db, self.shift, self.speed, self.noise_db = gain_db, shift, speed, noise_db
        self.draws = keras.random.SeedGenerator(seed)

    def call(self, audio, training=False):
        """[batch, samples, channels] of the same shape."""
        if not training:
            return audio
        if self.speed or self.shift:
            audio = self._warped(audio)
        if self.gain_db:
            audio = audio * self._decibels(audio, -self.gain_db, self.gain_db)
        if self.noise_db is not None:
            noise = keras.random.normal(ops.shape(audio), dtype="float32", seed=self.draws)
            audio = audio + noise * self._decibels(audio, self.noise_db - 40, self.noise_db)
        return audio

    def _uniform(self, audio, low, high):
        return keras.random.uniform((ops.shape(audio)[0], 1, 1), low, high, dtype="float32", seed=self.draws)

    def _decibels(self, audio, low, high):
        return 10.0 ** (self._uniform(audio, low, high) / 20)

    def _warped(self, audio):
        samples, channels = audio.shape[1:]
        delay = self._uniform(audio, -self.shift, self.shift) * samples
        time = (ops.arange(samples, dtype="float32")[None, :, None] - delay) * self._uniform(
            audio, 1 - self.speed, 1 + self.speed
        )
        before = ops.floor(time)
        index = ops.cast(before, "int32")
        return sum(
            self._taken(audio, index + k, channels) * weight
            for k, weight in ((0, 1 - (time - before)), (1, time - before))
        )

    def _taken(self, audio, index, channels):
        """The samples at index [batch, samples, 1]; zeros outside of the sound."""
        last = audio.shape[1] - 1
        inside = ops.cast(ops.logical_and(index >= 0, index <= last), "float32")
        where = ops.repeat(ops.clip(index, 0, last), channels, axis=2)
        return ops.take_along_axis(audio, where, axis=1) * inside


@keras.saving.register_keras_serializable("tf_audio_gan")
class Colour(layers.Layer):
    """In training, each sound through a smooth random filter, as if by another microphone in another room.

    The filter's gain in decibels over the bands is a sum of three cosines, of one, two and three half periods, each of
    a height uniform in [-colour_db, colour_db], divided by its number.

    Args:
        colour_db: see above; 0: none.
        seed: of the draws.
    """

    def __init__(self, colour_db, seed, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.colour_db, self.draws = colour_db, keras.random.SeedGenerator(seed)

    def call(self, mel, training=False):
        """[batch, frames, bands, channels] magnitudes of the same shape."""
        if not training or not self.colour_db:
            return mel
        order = np.arange(1, 4)
        curves = np.cos(np.pi * order[:, None] * np.linspace(0, 1, mel.shape[2])) / order[:, None]
        shape = (ops.shape(mel)[0], len(order))
        heights = keras.random.uniform(shape, -self.colour_db, self.colour_db, dtype="float32", seed=self.draws)
        gain = 10.0 ** (ops.matmul(heights, curves.astype("float32")) / 20)
        return mel * gain[:, None, :, None]


@keras.saving.register_keras_serializable("tf_audio_gan")
class Mask(layers.Layer):
    """In training, one stretch of frames and one of bands set to zero (SpecAugment, Park et al. 2019, section 2).

    Args:
        time_mask: longest stretch of frames, as a share of all; the length is uniform from 0.
        mel_mask: widest stretch of bands, as a share of all.
        seed: of the draws.
    """

    def __init__(self, time_mask, mel_mask, seed, **kwargs):
        super().__init__(**kwargs)
        self.time_mask, self.mel_mask = time_mask, mel_mask
        self.draws = keras.random.SeedGenerator(seed)

    def call(self, x, training=False):
        """[batch, frames, bands, channels] of the same shape."""
        if not training:
            return x
        for axis, share in ((1, self.time_mask), (2, self.mel_mask)):
            if share:
                x = x * ops.cast(self._kept(x, axis, share), x.dtype)
        return x

    def _kept(self, x, axis, share):
        size, shape = x.shape[axis], [1, 1, 1, 1]
        shape[axis] = size
        width, place = (keras.random.uniform((ops.shape(x)[0], 1, 1, 1), seed=self.draws) for _ in range(2))
        width = width * share * size
        start = place * (size - width)
        index = ops.reshape(ops.arange(size, dtype="float32"), shape) + 0.5
        return ops.logical_or(index < start, index > start + width)


def batch_norm(name, axis=-1):
    """Batch norm whose moving statistics follow within some 20 steps: small sets are trained on in a few hundred."""
    return layers.BatchNormalization(axis=axis, momentum=0.95, name=name)


def convolutions(filters, kernel_size, pools, seed):
    """The layers from a normalised log-mel picture on: conv, ReLU, max-pool; batch norm before each conv but the first.

    Args:
        filters: channels of each conv.
        kernel_size: of every kernel, in frames and bands.
        pools: (frames, bands) that each max-pool makes one.
        seed: of the initial weights (Glorot uniform).

    Returns:
        list of layers.
    """
    stack = []
    for i, (width, pool) in enumerate(zip(filters, pools, strict=True)):
        if i:
            stack.append(batch_norm(f"norm_{i}"))
        glorot = keras.initializers.GlorotUniform(seed=seed * 1000 + i)
        options = {"padding": "same", "activation": "relu", "kernel_initializer": glorot}
        stack.append(layers.Conv2D(width, kernel_size, name=f"conv_{i}", **options))
        stack.append(layers.MaxPooling2D(pool, name=f"pool_{i}"))
    return stack
