"""Models whose answers are known: for tests of what is done around a model."""

import keras

from tf_audio_gan.models.enhancer import Enhancer


class Gain(keras.layers.Layer):
    def __init__(self, gain, **kwargs):
        super().__init__(**kwargs)
        self.gain = gain

    def call(self, noisy, latents=None):
        return self.gain * noisy


class Amplifier(Enhancer):
    """An enhancer that multiplies by `gain`; 1: what comes out is what went in."""

    def __init__(self, gain=1.0, window=1024, sample_rate=16000):
        super().__init__(
            make_generator=lambda: Gain(gain), make_discriminator=lambda: Gain(gain), sample_rate=sample_rate,
            window=window, latent_shape=None, objective="lsgan", adversarial=0.0, wave=(1.0, 0.0), stft=(0.0, 0.0),
            stft_parts=(1.0, 1.0), stft_resolutions=((256, 64, 256),), stft_compression=1.0, pre_emphasis=0.95,
            ema=0.0, seed=0, name="amplifier",
        )  # fmt: skip
