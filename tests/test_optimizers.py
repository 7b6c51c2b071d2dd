import keras
import numpy as np

from tf_audio_gan.optimizers import TF1RMSprop


def test_tf1_rmsprop_follows_tensorflow_1(rng):
    """ms = 0.9 ms + 0.1 g^2 from 1; x -= lr g / sqrt(ms + 1e-10)."""
    x, ms = np.array([1.0, -2.0, 0.5]), np.ones(3)
    variable, optimizer = keras.Variable(x.astype("float32")), TF1RMSprop(1e-2)
    for _ in range(5):
        g = rng.normal(size=3)
        ms = 0.9 * ms + 0.1 * g**2
        x = x - 1e-2 * g / np.sqrt(ms + 1e-10)
        optimizer.apply([keras.ops.convert_to_tensor(g.astype("float32"))], [variable])
    np.testing.assert_allclose(variable, x, rtol=1e-5)


def test_it_survives_serialisation():
    again = keras.optimizers.deserialize(keras.optimizers.serialize(TF1RMSprop(3e-4)))
    assert isinstance(again, TF1RMSprop) and again.learning_rate == np.float32(3e-4) and again.epsilon == 1e-10
