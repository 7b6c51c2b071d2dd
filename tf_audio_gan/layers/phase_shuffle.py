"""Phase shuffle: a discriminator that cannot learn the phase of upsampling artifacts."""

import keras
from keras import ops

MODES = ("batch", "example", "channel")


def shift_reflect(x, shift, radius):
    """Shifts a batch in time by one whole number of steps, filling with the reflection of the edge.

    Args:
        x: [batch, time, ..., channels].
        shift: integer, or integer scalar tensor, in [-radius, radius]; positive shifts to the right.
        radius: the largest shift; static, so that the output's shape is too.

    Returns:
        The same shape: out[:, i] = reflected x[:, i - shift].
    """
    shape = (ops.shape(x)[0], *x.shape[1:])
    return ops.slice(_reflect(x, radius), (0, radius - shift, *[0] * (len(x.shape) - 2)), shape)


def shift_each(x, shifts, radius):
    """As `shift_reflect`, with a shift of its own for each example or channel.

    Args:
        x: [batch, time, ..., channels].
        shifts: integer tensor that broadcasts against [batch, 1, ..., channels], in [-radius, radius].
        radius: the largest shift.

    Returns:
        The same shape as x.
    """
    padded, time = _reflect(x, radius), x.shape[1]
    shifts = ops.cast(shifts, "int32")
    return sum(
        ops.cast(shifts == p, x.dtype) * padded[:, radius - p : radius - p + time] for p in range(-radius, radius + 1)
    )


def _reflect(x, radius):
    return ops.pad(x, ((0, 0), (radius, radius), *[(0, 0)] * (len(x.shape) - 2)), mode="reflect")


@keras.saving.register_keras_serializable("tf_audio_gan")
class PhaseShuffle(keras.layers.Layer):
    """Shifts feature maps in time by a random whole number of steps in [-radius, radius].

    Donahue et al. 2019, section 3.3 and figure 5. The paper shifts every channel on its own (`mode="channel"`); the
    authors' code draws one shift for the whole batch (`mode="batch"`, the default); `mode="example"` draws one for each
    example. The shape is static, so that XLA can compile it; gradients of any order flow through. Of spectrograms,
    [batch, time, bins, channels], all bins shift together.

    Args:
        radius: the largest shift in time steps; 0 does nothing.
        mode: "batch", "example" or "channel".
    """

    def __init__(self, radius=2, mode="batch", **kwargs):
        super().__init__(**kwargs)
        if mode not in MODES:
            raise ValueError(f"mode must be one of {', '.join(MODES)}. Received: mode={mode!r}")
        if not isinstance(radius, int) or radius < 0:
            raise ValueError(f"radius must be a whole number of time steps from 0. Received: radius={radius!r}")
        self.radius, self.mode = radius, mode

    def build(self, input_shape):
        if input_shape[1] <= self.radius:
            raise ValueError(
                f"phase shuffle reflects up to {self.radius} steps and needs more time steps than that. "
                f"Received: {input_shape[1]} steps. Use a smaller radius or a longer sound."
            )
        self.built = True

    def call(self, x, draws=None):
        """Shuffles [batch, time, ..., channels] by `draws` (`backend.Draws`); without draws, does nothing."""
        if draws is None or self.radius == 0:
            return x
        if self.mode == "batch":
            return shift_reflect(x, draws.shared_integer(-self.radius, self.radius + 1), self.radius)
        rest = [1] * (len(x.shape) - 2)
        shape = (ops.shape(x)[0], *rest, x.shape[-1] if self.mode == "channel" else 1)
        shifts = ops.cast(ops.floor(draws.uniform(shape) * (2 * self.radius + 1)), "int32") - self.radius
        return shift_each(x, shifts, self.radius)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "radius": self.radius, "mode": self.mode}
