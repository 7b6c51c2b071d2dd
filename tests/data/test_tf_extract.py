"""A data set of tensorflow-datasets, made here, becomes a folder of sounds."""

import numpy as np
import pytest
import soundfile

from tf_audio_gan import Sounds, extract_sounds


@pytest.fixture
def small(tmp_path):
    """Four sounds in the form of tensorflow-datasets: 16-bit numbers at 22050 Hz, ids and labels."""
    tfds = pytest.importorskip("tensorflow_datasets", reason="extra `datasets`")
    import tensorflow as tf

    kinds = tfds.features.ClassLabel(names=["zero", "one", "other"])
    speech = tfds.features.Audio(shape=(None,), dtype=np.int16, sample_rate=22050)
    features = tfds.features.FeaturesDict({"id": tfds.features.Text(), "speech": speech, "label": kinds, "n": np.int64})
    sounds = np.random.default_rng(0).integers(-30000, 30000, (4, 500)).astype(np.int16)
    values = {"id": ["a-1", "b-2", "../c", "d-4"], "speech": sounds, "label": [0, 1, 1, 2], "n": [0, 1, 2, 3]}
    where = {"name": "small_speech", "version": "1.0.0", "data_dir": tmp_path / "tfds"}
    splits = {"train": tf.data.Dataset.from_tensor_slices(values)}
    tfds.dataset_builders.store_as_tfds_dataset(**where, features=features, split_datasets=splits)
    return sounds, {"data_dir": tmp_path / "tfds", "audio": "speech", "progress": False}


def test_sounds_become_files(small, tmp_path):
    sounds, options = small
    out = tmp_path / "out"
    assert extract_sounds("small_speech", out, **options) == {"written": 4, "left out": 0}
    (numbered,) = (path.stem for path in out.glob("*.wav") if path.stem.isdigit())  # "../c" is no file's name
    for name, samples in zip(["a-1", "b-2", numbered, "d-4"], sounds, strict=True):
        made, rate = soundfile.read(out / f"{name}.wav", dtype="int16")
        assert rate == 22050
        np.testing.assert_array_equal(made, samples)
    (out / "a-1.wav").write_bytes(b"kept")
    extract_sounds("small_speech", out, **options)
    assert (out / "a-1.wav").read_bytes() == b"kept"


def test_labels_become_folders(small, tmp_path):
    _, options = small
    options |= {"label": "label", "labels": ("zero", "one")}
    assert extract_sounds("small_speech", tmp_path / "out", **options) == {"written": 3, "left out": 1}
    found = Sounds(tmp_path / "out", sample_rate=22050, length=500, labels="folder", progress=False)
    assert found.label_names == ["one", "zero"] and len(found) == 3


def test_what_is_missing_is_named(small, tmp_path):
    _, options = small
    with pytest.raises(ValueError, match="small_speech has no feature wave. Its features: id, .*speech"):
        extract_sounds("small_speech", tmp_path / "out", **options | {"audio": "wave"})
    with pytest.raises(ValueError, match="does not say the sample rate of 'n'"):
        extract_sounds("small_speech", tmp_path / "out", **options | {"audio": "n"})
