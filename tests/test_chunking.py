"""Windows against one pass of a network of finite reach, and the order in which frames may arrive."""

import numpy as np
import pytest

from tf_audio_gan.chunking import CrossFade, half_overlapping, windows


def network(frames, reach=3, factor=4):
    """A moving sum over `reach` frames either side (zeros outside), each value repeated `factor` times."""
    kernel = np.arange(1, 2 * reach + 2)
    return np.repeat(np.convolve(frames, kernel)[reach : reach + len(frames)], factor)


@pytest.mark.parametrize("length", [1, 3, 8, 11, 16, 40])
@pytest.mark.parametrize("size", [1, 4, 8, 100])
def test_crops_join_to_one_pass(length, size):
    signal = np.random.default_rng(length).standard_normal(length)
    found = [w.crop(network(w.frames), 4) for w in windows([signal], size, 3)]
    assert all(len(part) <= 4 * size for part in found)
    np.testing.assert_allclose(np.concatenate(found), network(signal), atol=1e-12)


def test_too_little_overlap_shows():
    signal = np.random.default_rng(0).standard_normal(40)
    found = np.concatenate([w.crop(network(w.frames), 4) for w in windows([signal], 8, 2)])
    assert np.abs(found - network(signal)).max() > 0.1, "else the test above could not fail"


def test_frames_may_arrive_in_any_parts_and_leave_as_soon_as_they_can():
    signal = np.arange(20.0)
    arrived = []

    def one_by_one():
        for i in range(20):
            arrived.append(i)
            yield signal[i : i + 1]

    waits = [(w.start, len(arrived)) for w in windows(one_by_one(), 4, 3)]
    assert waits == [(0, 7), (4, 11), (8, 15), (12, 19), (16, 20)], "a stretch of 4 leaves with the 3 frames behind it"
    parts = [signal[:0], signal[:5], signal[5:5], signal[5:19], signal[19:]]
    for a, b in zip(windows(parts, 4, 3), windows([signal], 4, 3), strict=True):
        np.testing.assert_array_equal(a.frames, b.frames)
        assert (a.start, a.before, a.count, a.after) == (b.start, b.before, b.count, b.after)


def test_memory_is_a_window():
    frames = [len(w.frames) for w in windows((np.zeros((1, 80)) for _ in range(5000)), 32, 6)]
    assert max(frames) == 6 + 32 + 6 and sum(frames) < 5000 * 1.4


def test_nothing_and_nonsense():
    assert list(windows([], 4, 1)) == [] == list(windows([np.zeros(0)], 4, 1))
    with pytest.raises(ValueError, match="at least 1"):
        list(windows([np.zeros(3)], 0, 1))


def joined(parts, hop, count, network=lambda frames, first: frames):
    """What `network` makes of half-overlapping frames, cross-faded; and the lengths in which it leaves."""
    fade, found = CrossFade(hop), []
    for group in half_overlapping(parts, hop, count):
        found.append(fade(network(group.frames, group.first), group.last)[: len(group.samples)])
    return np.concatenate(found), [len(part) for part in found]


@pytest.mark.parametrize("length", [1, 4, 5, 8, 9, 12, 13, 16, 17, 40, 43])
@pytest.mark.parametrize("count", [1, 2, 3, 100])
def test_frames_join_to_the_signal_of_any_length(length, count):
    signal = np.random.default_rng(length).standard_normal(length).astype("float32")
    found, lengths = joined([signal], 4, count)
    np.testing.assert_allclose(found, signal, atol=1e-6)
    assert all(n == 4 * count for n in lengths[:-1]), "a group leaves a hop for each of its frames"


def test_the_fade_is_hanns_over_neighbours_and_none_at_the_ends():
    """Frame k of a network that answers k: between k - 1 and k the weight of k is sin^2."""
    found, _ = joined([np.ones(21, "float32")], 4, 2, lambda x, first: x * (first + 1.0 + np.arange(len(x))[:, None]))
    rise = np.sin(np.pi * np.arange(4) / 8) ** 2
    expected = np.concatenate([np.ones(4), *(k + rise for k in (1, 2, 3, 4)), [5.0]])
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_blocks_of_a_signal_do_not_matter_and_a_group_leaves_when_it_can():
    signal, arrived = np.random.default_rng(0).standard_normal(43).astype("float32"), []

    def one_by_one():
        for i in range(43):
            arrived.append(i)
            yield signal[i : i + 1]

    whole, pieces = list(half_overlapping([signal], 4, 2)), []
    for group in half_overlapping(one_by_one(), 4, 2):
        pieces.append((group, len(arrived)))
    assert [n for _, n in pieces] == [13, 21, 29, 37, 43]
    for a, (b, _) in zip(whole, pieces, strict=True):
        assert (a.first, a.last) == (b.first, b.last)
        np.testing.assert_array_equal(a.frames, b.frames)
        np.testing.assert_array_equal(a.samples, b.samples)
    assert list(half_overlapping([np.zeros(0)], 4, 2)) == []
