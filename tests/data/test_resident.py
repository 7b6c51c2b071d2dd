"""Sounds on PyTorch's device: the examples of the reader on the host. A CPU that says it has memory serves here."""

import keras
import numpy as np
import pytest

from tf_audio_gan import Batches, Sounds, device, prepare_sounds
from tf_audio_gan.audio.io import write_audio
from tf_audio_gan.audio.synthetic import write_drum_hits
from tf_audio_gan.data.resident import exact, on_device, size

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="needs KERAS_BACKEND=torch: `make test-torch` runs it"
)


@pytest.fixture
def memory(monkeypatch):
    """Sets how many bytes the device says it has."""
    return lambda count: monkeypatch.setattr(device, "free_memory", lambda: count)


@pytest.fixture
def hits(tmp_path):
    write_drum_hits(tmp_path / "hits", 10, seed=3)
    return tmp_path / "hits"


@pytest.fixture
def shards(hits, tmp_path):
    prepare_sounds(hits, tmp_path / "shards", workers=1, labels="folder", progress=False)
    return tmp_path / "shards"


def assert_same_batches(batches, sounds, batch_size, steps, start_step=0):
    for k in steps:
        wanted = sounds.batch(start_step + k, batch_size)
        for found, array in zip(batches[k], wanted, strict=True):
            assert found.device == device._device() and found.numpy().dtype == array.dtype
            assert found.numpy().tobytes() == array.tobytes()


@pytest.mark.parametrize("normalize", ["none", "peak", "rms"])
@pytest.mark.parametrize("kept", ["int16", "float32"])
def test_examples_are_those_of_the_host(hits, shards, kept, normalize, memory):
    """Resampled files are kept as float32, shards as int16; 3500 samples are more than some hits have."""
    memory(2**30)
    options = {"length": 3500, "normalize": normalize, "labels": "folder", "seed": 5, "progress": False}
    sounds = Sounds(shards if kept == "int16" else hits, **options)
    assert min(clip.length for clip in sounds.clips) < 3500 < max(clip.length for clip in sounds.clips)
    batches = Batches(sounds, 4, start_step=3, labels=True)
    assert batches.note == f"the sounds lie on the accelerator: {size(sounds, kept) / 2**20:.1f} MB as {kept}"
    assert_same_batches(batches, Sounds(hits, **options) if kept == "float32" else sounds, 4, (0, 1, 2, 9, 1), 3)


@pytest.mark.parametrize("crop", ["random", "start"])
def test_two_channels_and_many_blocks(tmp_path, crop, memory, monkeypatch, rng):
    memory(2**30)
    monkeypatch.setattr("tf_audio_gan.data.resident._BLOCK", 1500)
    for k in range(5):
        write_audio(tmp_path / f"{k}.wav", rng.uniform(-1, 1, (200 + 150 * k, 2)).astype("float32"), 16000)
    sounds = Sounds(tmp_path, length=256, channels=2, crop=crop, normalize="rms", progress=False)
    batches = Batches(sounds, 3)
    for k in range(6):
        assert batches[k][0].numpy().tobytes() == sounds.batch(k, 3)[0].tobytes()


@pytest.mark.parametrize("kept", ["int16", "float32"])
@pytest.mark.parametrize("crop", ["random", "start"])
def test_changed_examples_are_those_of_the_host(hits, shards, kept, crop, memory):
    memory(2**30)
    changes = {"augment_gain": 6.0, "augment_shift": 0.02, "augment_polarity": True}
    options = {"length": 3500, "crop": crop, "normalize": "peak", "labels": "folder", "progress": False, **changes}
    sounds = Sounds(shards if kept == "int16" else hits, **options)
    batches = Batches(sounds, 4, labels=True)
    assert batches.note.endswith(f"as {kept}")
    assert_same_batches(batches, sounds, 4, range(8))
    assert any((sounds.batch(k, 4)[0][:, 0] == 0).any() for k in range(8)), "some begin later"
    slower = Batches(Sounds(hits, length=1000, augment_speed=0.1, progress=False), 4)
    assert slower.note == "the sounds stay on the host, where their speed is changed ([data] augment_speed)"


def test_a_file_that_breaks_is_replaced_as_on_the_host(hits, memory):
    memory(2**30)
    here, there = (Sounds(hits, length=1000, labels="folder", seed=1, progress=False) for _ in range(2))
    (hits / here.clips[2].path).unlink()
    batches = Batches(here, 5, labels=True)
    assert here.skipped == [(there.clips[2].path, "during training: disappeared")]
    assert_same_batches(batches, there, 5, range(6))
    assert there.skipped == here.skipped


def test_what_does_not_fit_stays_on_the_host(shards, hits, memory):
    sounds = Sounds(shards, length=1000, labels="folder", progress=False)
    memory(4 * size(sounds, "int16") - 4)
    batches = Batches(sounds, 4, labels=True)
    assert "stay on the host: they take " in batches.note and "device_share = 0.25 of" in batches.note
    assert_same_batches(batches, sounds, 4, (0, 1, 5))
    memory(4 * size(sounds, "int16"))
    assert "as int16" in on_device(sounds)[1], "to the last byte"
    assert on_device(sounds, 0) == (None, "")
    memory(3 * size(sounds, "int16"))
    resampled = Sounds(hits, length=1000, progress=False)
    assert on_device(resampled, 0.5)[0] is None and "as float32" in on_device(resampled, 1)[1]
    with pytest.raises(ValueError, match=r"device_share must be from 0 to 1. Received: 2"):
        Batches(sounds, 4, device_share=2)


def test_files_read_in_windows_stay_on_disk(hits, memory):
    memory(2**30)
    sounds = Sounds(hits, length=1000, cache_mb=0, labels="folder", progress=False)
    batches = Batches(sounds, 4, labels=True)
    assert batches.note.startswith("the sounds stay on disk, for some are too long")
    assert_same_batches(batches, sounds, 4, (0, 1))


def test_without_an_accelerator_nothing_is_said_or_copied(hits):
    batches = Batches(Sounds(hits, length=1000, progress=False), 4)
    assert batches.note == "" and isinstance(batches[0][0], np.ndarray)


def test_sixteen_bits_only_where_they_are_exact():
    whole = np.float32([[-1], [0], [32767 / 32768]])
    np.testing.assert_array_equal(exact(whole), np.int16([[-32768], [0], [32767]]))
    for wrong in (np.float32([[1]]), np.float32([[2.0**-16]]), np.float32([[-1.5]])):
        with pytest.raises(OverflowError):
            exact(wrong)
