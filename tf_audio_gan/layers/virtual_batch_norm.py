"""Batch normalisation with the statistics of a reference, as SEGAN's authors compute it."""

import keras
from keras import ops

from tf_audio_gan.device import at_least, numbers_made_there

MODES = ("vbn_segan", "bn")


@keras.saving.register_keras_serializable("tf_audio_gan")
class VirtualBatchNorm(keras.layers.Layer):
    """Normalises each channel over a group of examples and time; there are no moving averages.

    A call gets one or several groups of equal size in one batch. With mode "bn" each group is normalised by its own
    statistics, as in separate calls of batch normalisation. With "vbn_segan" the first group is the reference, which is
    so normalised; every other group of B examples is by the mean and mean square m = m_own / (B + 1) + m_reference
    B / (B + 1). That is what SEGAN's code does, where the reference is the step's own real examples and gradients flow
    through their statistics (Salimans et al. 2016 draw a reference once, and add one example at a time to it). A real
    group by the side of the reference would get the reference's result, so there is none.

    Args:
        mode: "vbn_segan" or "bn".
        epsilon: added to the variance.
        seed: of the initial gains of "vbn_segan", normal(1, 0.02); those of "bn" are 1.
    """

    def __init__(self, mode="vbn_segan", epsilon=1e-5, seed=0, **kwargs):
        super().__init__(**kwargs)
        if mode not in MODES:
            raise ValueError(f"mode must be one of {', '.join(MODES)}. Received: mode={mode!r}")
        self.mode, self.epsilon, self.seed = mode, epsilon, seed

    def build(self, input_shape):
        shape = (input_shape[-1],)
        gains = keras.initializers.RandomNormal(1.0, 0.02, seed=self.seed) if self.mode == "vbn_segan" else "ones"
        self.gamma = self.add_weight(shape=shape, initializer=gains, name="gamma")
        self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta")
        self.built = True

    def call(self, x, groups=1):
        """[groups x batch, time, channels] -> the same, each group normalised."""
        parts = ops.reshape(ops.cast(x, "float32"), (groups, -1, *x.shape[1:]))
        mean, square = (ops.mean(v, axis=(1, 2), keepdims=True) for v in (parts, ops.square(parts)))
        if self.mode == "vbn_segan" and groups > 1:
            with numbers_made_there():
                own = 1 / (ops.cast(ops.shape(parts)[1], "float32") + 1)
            mean, square = (self._mixed(m, own) for m in (mean, square))
        variance = at_least(square - ops.square(mean), 0.0)
        scale = ops.cast(self.gamma, "float32") * ops.rsqrt(variance + self.epsilon)
        y = parts * scale + (ops.cast(self.beta, "float32") - mean * scale)
        return ops.cast(ops.reshape(y, (-1, *x.shape[1:])), self.compute_dtype)

    def _mixed(self, m, own):
        return ops.concatenate([m[:1], own * m[1:] + (1 - own) * m[:1]], axis=0)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "mode": self.mode, "epsilon": self.epsilon, "seed": self.seed}
