"""Optimizers whose Keras defaults differ from what the papers were trained with."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("tf_audio_gan")
class TF1RMSprop(keras.optimizers.RMSprop):
    """RMSProp as TensorFlow 1 computed it: decay 0.9, epsilon 1e-10 inside the root, mean squares starting at 1.

    Keras starts them at 0, which makes the first steps about three times longer.

    Args:
        learning_rate: step size.
    """

    def __init__(self, learning_rate=1e-4, rho=0.9, momentum=0.0, epsilon=1e-10, **kwargs):
        super().__init__(learning_rate, rho=rho, momentum=momentum, epsilon=epsilon, **kwargs)

    def build(self, variables):
        fresh = not self.built
        super().build(variables)
        if fresh:
            for mean_square in self._velocities:
                mean_square.assign(ops.ones_like(mean_square))
