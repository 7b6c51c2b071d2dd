import numpy as np
import pytest

from tf_audio_gan import Sounds, dataset


@pytest.fixture
def sounds(folder):
    return Sounds(folder, length=2048, labels="folder")


def test_elements_are_the_batches_in_order(sounds):
    for step, (audio, labels) in enumerate(dataset(sounds, 5, labels=True).take(20).as_numpy_iterator()):
        expected = sounds.batch(step, 5)
        np.testing.assert_array_equal(audio, expected[0])
        np.testing.assert_array_equal(labels, expected[1])


def test_a_later_start_continues_the_run(sounds):
    whole = list(dataset(sounds, 5).take(9).as_numpy_iterator())
    rest = list(dataset(sounds, 5, start_step=6).take(3).as_numpy_iterator())
    np.testing.assert_array_equal(whole[6:], rest)


def test_shapes_are_static(sounds):
    audio, labels = dataset(sounds, 5, labels=True).element_spec
    assert audio.shape == (5, 2048, 1) and audio.dtype == "float32" and labels.shape == (5,) and labels.dtype == "int32"


def test_nothing_is_tuned_so_that_an_iterator_ends_at_once(sounds):
    """TensorFlow's thread that tunes pipelines is not woken when its iterator ends, which waits for it."""
    assert dataset(sounds, 5).options().autotune.enabled is False


def test_errors_come_through_with_their_message(sounds, folder):
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        dataset(sounds, 0)
    with pytest.raises(ValueError, match="has no labels; make Sounds with labels="):
        dataset(Sounds(folder), 2, labels=True)
    for path in folder.rglob("*.wav"):
        path.unlink()
    with pytest.raises(Exception, match="none of the 12 sounds in .* can be read any more"):
        next(iter(dataset(sounds, 5)))
