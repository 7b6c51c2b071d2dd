import numpy as np
import pytest
from keras import ops

from tf_audio_gan import backend


@pytest.mark.parametrize(
    "counter, key, expected",
    [  # known answers of Random123, threefry2x32, 20 rounds
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
        ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_threefry_gives_the_published_answers(counter, key, expected):
    assert tuple(int(x) for x in backend.threefry(key, counter)) == expected
    assert backend.threefry_on_host(key, counter) == expected
    one, many = np.array(counter[:1]), np.array(counter[1:]) + np.arange(3)
    assert tuple(x[0] for x in backend.threefry_on_host(key, (one, many))) == expected


def test_a_seed_names_a_row():
    rows = np.asarray(backend.seeded_uniform(np.array([5, -1, 2**40, 6]), 101))
    alone = np.asarray(backend.seeded_uniform(np.array([2**40]), 101))
    assert rows.shape == (4, 101) and rows.dtype == np.float32
    np.testing.assert_array_equal(rows[2], alone[0])
    assert len(np.unique(rows)) > 400 and rows.min() >= 0 and rows.max() < 1


def test_draws_are_uniform_and_independent():
    from scipy.stats import kstest

    a = np.asarray(backend.Draws(1, 7, ("x",)).uniform((20000,)))
    b = np.asarray(backend.Draws(1, 8, ("x",)).uniform((20000,)))
    c = np.asarray(backend.Draws(1, 7).fold("y").uniform((20000,)))
    assert kstest(a, "uniform").pvalue > 1e-3
    for other in (b, c):
        assert abs(np.corrcoef(a, other)[0, 1]) < 0.03
    np.testing.assert_array_equal(a, backend.Draws(1, 7).fold("x").uniform((20000,)))


def test_replicas_share_one_draw(two_devices):
    """Two replicas of 3 rows hold the 6 rows of one replica, and the same shared numbers."""
    import tensorflow as tf

    whole = np.asarray(backend.Draws(3, 4).uniform((6, 5)))
    strategy = tf.distribute.MirroredStrategy(two_devices)

    @tf.function
    def draw():
        draws = backend.Draws(3, 4)
        return draws.uniform((3, 5)), draws.shared_uniform((2,))

    rows, shared = strategy.run(draw)
    np.testing.assert_array_equal(np.concatenate(strategy.experimental_local_results(rows)), whole)
    first, second = strategy.experimental_local_results(shared)
    np.testing.assert_array_equal(first, second)


def test_the_numbers_are_those_of_every_backend():
    """Fixed draws: the same here under TensorFlow and under PyTorch, and with `shared_integer`."""
    draws = backend.Draws(2**33 + 1, 7, ("x",))
    np.testing.assert_array_equal(draws.uniform((3,)), np.float32([0.17691404, 0.65075326, 0.6771666]))
    assert [int(backend.Draws(1, k).shared_integer(-2, 3)) for k in range(8)] == [
        int(np.floor(np.float32(backend.Draws(1, k).shared_uniform(())) * np.float32(5))) - 2 for k in range(8)
    ]


def test_steps_are_counted_without_asking_the_device():
    import keras

    optimizer, w = keras.optimizers.SGD(0.1), keras.Variable([1.0])
    optimizer.build([w])
    assert int(backend.steps_taken(optimizer)) == 0
    with backend.no_gradients():
        for _ in range(3):
            backend.apply_gradients(optimizer, [ops.ones((1,))], [w])
    assert int(backend.steps_taken(optimizer)) == 3 == int(optimizer.iterations)
    optimizer.iterations.assign(40)  # as a restored checkpoint does
    with backend.no_gradients():
        backend.apply_gradients(optimizer, [ops.ones((1,))], [w])
    assert int(backend.steps_taken(optimizer)) == 41 == int(optimizer.iterations)


def test_input_gradient_can_be_differentiated_again():
    import keras

    w = keras.Variable([2.0, -1.0])
    x = np.array([[1.0, 3.0]], "float32")

    def loss():
        slope = backend.input_gradient(lambda x: ops.sum(ops.square(w * x)), x)  # 2 w^2 x
        return ops.sum(slope), {"slope": slope}

    (gradient,), terms = backend.gradients(loss, [w])  # 4 w x
    np.testing.assert_allclose(terms["slope"], [[8.0, 6.0]])
    np.testing.assert_allclose(gradient, [8.0, -12.0])


def test_another_backend_is_told_in_one_line(monkeypatch):
    monkeypatch.setattr("keras.backend.backend", lambda: "jax")
    with pytest.raises(
        RuntimeError, match="SavedModel exports need the TensorFlow backend. Received: KERAS_BACKEND=jax"
    ):
        backend.require_tensorflow("SavedModel exports")
