import numpy as np
import pytest

from tf_audio_gan.data.draws import Draws


@pytest.mark.parametrize(("slots", "batch_size"), [(100, 7), (64, 64), (100, 64), (127, 64), (129, 64), (1000, 64)])
def test_no_slot_twice_in_a_pass_nor_in_a_batch(slots, batch_size):
    draws = Draws(slots, seed=3)
    batches = [draws.batch(step, batch_size) for step in range(5 * slots // batch_size + 1)]
    assert all(len(set(batch)) == batch_size for batch in batches)
    for drawn in np.concatenate(batches)[: 5 * slots].reshape(5, slots):
        assert sorted(drawn) == list(range(slots))
    assert not np.array_equal(draws.order(1, batch_size), draws.order(2, batch_size))


def test_fewer_slots_than_examples_come_round_evenly():
    counts = np.bincount(Draws(5, seed=0).batch(3, 64), minlength=5)
    assert counts.min() >= 12 and counts.max() <= 14


@pytest.mark.parametrize("slots", (5, 90, 1000))
def test_a_step_does_not_depend_on_the_steps_before(slots):
    running = Draws(slots, seed=9)
    for step in range(40):
        np.testing.assert_array_equal(running.batch(step, 64), Draws(slots, seed=9).batch(step, 64))
    np.testing.assert_array_equal(running.batch(3, 64), Draws(slots, seed=9).batch(3, 64))


def test_seeds_differ_and_the_numbers_are_pinned():
    assert not np.array_equal(Draws(100, 0).batch(0, 100), Draws(100, 1).batch(0, 100))
    assert Draws(10, 0).batch(0, 10).tolist() == PINNED_ORDER
    np.testing.assert_allclose(Draws(10, 0).fractions(2, 3), PINNED_FRACTIONS, atol=1e-12)


def test_fractions_are_uniform_and_belong_to_the_example():
    draws = Draws(10, 5)
    all_of_them = draws.fractions(0, 20_000)
    np.testing.assert_array_equal(draws.fractions(1235, 64), all_of_them[1235 : 1235 + 64])
    assert abs(all_of_them.mean() - 0.5) < 0.01 and all_of_them.min() >= 0 and all_of_them.max() < 1
    assert abs(np.histogram(all_of_them, 10, (0, 1))[0] - 2000).max() < 200


def test_an_example_has_an_endless_row_of_its_own():
    draws = Draws(10, 5)
    rows = np.stack([draws.own(example, 500) for example in range(40)])
    np.testing.assert_array_equal(draws.own(7, 20), rows[7, :20])
    assert len(np.unique(rows)) == rows.size and not np.isin(draws.fractions(0, 100), rows).any()
    assert abs(np.histogram(rows, 10, (0, 1))[0] - 2000).max() < 200
    assert np.abs(np.corrcoef(rows) - np.eye(40)).max() < 0.25


PINNED_ORDER = [0, 2, 9, 1, 8, 5, 4, 3, 6, 7]
PINNED_FRACTIONS = [0.09156485321371732, 0.9952812491864403, 0.648928877421278]
