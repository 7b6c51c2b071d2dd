"""The reader without TensorFlow gives the batches of the pipeline."""

import numpy as np
import pytest

from tf_audio_gan import Batches, Sounds, prepare_sounds


@pytest.fixture(params=["folder", "shards"])
def sounds(request, tmp_path):
    from tf_audio_gan.audio.synthetic import write_drum_hits

    write_drum_hits(tmp_path / "hits", 10, seed=3)
    folder = tmp_path / "hits"
    if request.param == "shards":
        prepare_sounds(folder, folder := tmp_path / "shards", workers=1, progress=False)
    return Sounds(folder, length=256, seed=5, progress=False)


def test_batches_are_those_of_the_pipeline(sounds):
    pytest.importorskip("tensorflow", reason="compares with tf.data")
    import keras

    if keras.backend.backend() != "tensorflow":
        pytest.skip("compares with tf.data")
    from tf_audio_gan import dataset

    batches = Batches(sounds, 4, start_step=3)
    for k, wanted in enumerate(dataset(sounds, 4, start_step=3).take(5)):
        np.testing.assert_array_equal(batches[k][0], wanted)


def test_any_order_gives_the_batch_of_its_number(sounds):
    batches = Batches(sounds, 4, start_step=2)
    for k in (0, 1, 7, 7, 2, 3, 0):
        np.testing.assert_array_equal(batches[k][0], sounds.batch(2 + k, 4)[0])


def test_fit_takes_them_in_order_over_epochs(sounds):
    import keras

    class Watch(keras.Model):
        seen = []  # noqa: RUF012

        def train_step(self, data):
            batch = keras.utils.unpack_x_y_sample_weight(data)[0]
            self.seen.append(keras.ops.convert_to_numpy(batch))
            return {"mean": keras.ops.mean(batch)}

    model = Watch()
    model.built = True
    model.compile(run_eagerly=True)
    model.fit(Batches(sounds, 4), epochs=3, steps_per_epoch=2, verbose=0, shuffle=False)
    assert len(model.seen) >= 6
    for k, batch in enumerate(model.seen[-6:]):
        np.testing.assert_array_equal(batch, sounds.batch(k, 4)[0])


def test_wrong_settings_are_named(sounds):
    with pytest.raises(ValueError, match="received 0, 0"):
        Batches(sounds, 0)
    with pytest.raises(ValueError, match="has no labels"):
        Batches(sounds, 4, labels=True)
