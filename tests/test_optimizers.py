import keras
import numpy as np
import pytest

from tf_audio_gan import backend
from tf_audio_gan.optimizers import RAdam, RestartingAdam, TF1RMSprop, constant_rate, set_rate, with_rate

TORCH_RADAM = [-0.02487088614, 0.00460064538, -0.00200899538]


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


def radam_by_hand(x, gradients, learning_rate, beta_1, beta_2, epsilon):
    """Liu et al. 2020, algorithm 2, with kan-bayashi's epsilon, in float64."""
    m, v, path = np.zeros_like(x), np.zeros_like(x), []
    longest = 2 / (1 - beta_2) - 1
    for t, g in enumerate(gradients, 1):
        m, v = beta_1 * m + (1 - beta_1) * g, beta_2 * v + (1 - beta_2) * g**2
        length = longest - 2 * t * beta_2**t / (1 - beta_2**t)
        if length >= 5:
            r = np.sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length))
            x = x - learning_rate * np.sqrt(1 - beta_2**t) * r / (1 - beta_1**t) * m / (np.sqrt(v) + epsilon)
        else:
            x = x - learning_rate / (1 - beta_1**t) * m
        path.append(x)
    return np.array(path)


@pytest.mark.parametrize("beta_2", [0.999, 0.9])
def test_radam_follows_its_algorithm_through_the_rectification(beta_2, rng):
    """With 0.999 the sixth step is the first rectified one, at step 5 rho is 4.996; with 0.9 (rho_inf 19) the sixth."""
    x, gradients = np.array([1.0, -2.0, 0.5]), rng.normal(size=(12, 3))
    variable, optimizer = keras.Variable(x.astype("float32")), RAdam(1e-2, beta_2=beta_2)
    path = []
    for g in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(g.astype("float32"))], [variable])
        path.append(keras.ops.convert_to_numpy(variable))
    np.testing.assert_allclose(path, radam_by_hand(x, gradients, 1e-2, 0.9, beta_2, 1e-6), rtol=2e-6)


def test_radam_ends_where_pytorchs_does():
    """torch.optim.RAdam(lr=1e-2, eps=1e-6) of PyTorch 2.13 after 10 steps with gradients sin(t), cos(t), 1e-3 t."""
    variable, optimizer = keras.Variable(np.zeros(3, "float32")), RAdam(1e-2)
    for t in range(1, 11):
        g = np.array([np.sin(t), np.cos(t), 1e-3 * t], "float32")
        optimizer.apply([keras.ops.convert_to_tensor(g)], [variable])
    np.testing.assert_allclose(variable, TORCH_RADAM, rtol=1e-5)


def test_radam_survives_serialisation_and_saves_its_state():
    again = keras.optimizers.deserialize(keras.optimizers.serialize(RAdam(3e-4, beta_1=0.5, global_clipnorm=10.0)))
    assert isinstance(again, RAdam) and again.learning_rate == np.float32(3e-4)
    assert (again.beta_1, again.beta_2, again.epsilon, again.global_clipnorm) == (0.5, 0.999, 1e-6, 10.0)
    again.build([keras.Variable(np.zeros(3))])
    assert len(again.variables) == 4  # iterations, learning rate, two moments


def stepped(optimizer, start, gradients):
    """Where one variable goes: an array [steps, 3]."""
    variable, path = keras.Variable(start.astype("float32")), []
    for g in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(g.astype("float32"))], [variable])
        path.append(keras.ops.convert_to_numpy(variable).copy())
    return np.array(path)


@pytest.mark.parametrize("beta_1", [0.0, 0.5])
def test_a_restarting_adam_is_a_fresh_adam_at_every_restart(beta_1, rng):
    gradients, start = rng.normal(size=(9, 3)), np.array([1.0, -2.0, 0.5])
    settings = {"learning_rate": 1e-2, "beta_1": beta_1, "beta_2": 0.9, "epsilon": 1e-8}
    found = stepped(RestartingAdam(**settings, restarts=[3, 7]), start, gradients)
    for first, end in ((0, 3), (3, 7), (7, 9)):
        begun = start if first == 0 else found[first - 1]
        wanted = stepped(keras.optimizers.Adam(**settings), begun, gradients[first:end])
        np.testing.assert_allclose(found[first:end], wanted, rtol=1e-5, atol=1e-7)
    kept = stepped(RestartingAdam(**settings), start, gradients)
    assert np.abs(kept - found).max(axis=1)[[2, 3]].tolist()[0] == 0 and np.abs(kept - found)[3].max() > 1e-4


def test_a_restarting_adam_survives_serialisation_and_trains_some_variables_alone():
    again = keras.optimizers.deserialize(keras.optimizers.serialize(RestartingAdam(3e-4, restarts=[5, 2])))
    assert isinstance(again, RestartingAdam) and again.restarts == [2, 5] and again.learning_rate == np.float32(3e-4)
    a, b = (keras.Variable(np.ones(2, "float32")) for _ in range(2))
    again.build([a, b])
    again.apply([keras.ops.ones(2)], [b])
    assert not (keras.ops.convert_to_numpy(a) - 1).any() and (keras.ops.convert_to_numpy(b) < 1).all()


def test_a_held_rate_falls_in_a_compiled_step_and_is_saved_as_it_is():
    """Of an optimizer with a schedule, whose variables stay the same: none is added for the rate."""
    planned = keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(1.0, 10, 0.5))
    held, variable = with_rate(planned, 0.5), keras.Variable(np.zeros(1, "float32"))
    assert constant_rate(planned) is None and constant_rate(held) == 0.5
    for optimizer in (planned, held):
        optimizer.build([variable])
    assert [v.path for v in held.variables] == [v.path for v in planned.variables]
    step = backend.compiled_action(lambda: held.apply([keras.ops.ones(1)], [variable]))
    for rate, place in ((0.5, -0.5), (0.125, -0.625), (0.25, -0.875)):
        set_rate(held, rate)
        step()
        assert float(variable[0]) == place and float(held.learning_rate) == rate
    again = keras.optimizers.deserialize(keras.optimizers.serialize(held))
    assert constant_rate(again) == 0.25
    plain = with_rate(keras.optimizers.SGD(1.0), 0.5)
    set_rate(plain, 0.25)
    assert constant_rate(plain) == float(plain.learning_rate) == 0.25
