import json

import numpy as np
import pytest

from tf_audio_gan import Sounds, prepare_sounds
from tf_audio_gan.data.crc32c import crc32c, masked_crc32c


@pytest.fixture
def shards(folder, tmp_path, monkeypatch):
    """Records of 0.5 seconds and shards of 60 kB, so that a small folder fills several of both."""
    monkeypatch.setattr("tf_audio_gan.data.prepare.SHARD_BYTES", 60_000)
    monkeypatch.setattr("tf_audio_gan.data.prepare.RECORD_SECONDS", 0.5)
    prepare_sounds(folder, tmp_path / "out", labels="folder", workers=1, progress=False)
    return tmp_path / "out"


def test_crc32c(rng):
    assert crc32c(b"123456789") == 0xE3069283 and crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43 and crc32c(bytes(range(32))) == 0x46DD794E
    for size in (4, 7, 8, 255, 256, 257, 5001):
        data, register = rng.bytes(size), 0xFFFFFFFF
        for byte in data:
            register ^= byte
            for _ in range(8):
                register = (register >> 1) ^ (0x82F63B78 * (register & 1))
        assert crc32c(data) == register ^ 0xFFFFFFFF
    assert masked_crc32c(b"123456789") == (((0xE3069283 >> 15) | (0xE3069283 << 17)) + 0xA282EAD8) & 0xFFFFFFFF


@pytest.mark.parametrize(
    "options", [{}, {"normalize": "peak"}, {"normalize": "rms", "crop": "start", "weighting": "file"}]
)
def test_shards_equal_the_folder(folder, write, shards, options):
    one = Sounds(folder, length=6000, labels="folder", **options)
    two = Sounds(shards, length=6000, labels="folder", **options)
    assert one.fingerprint == two.fingerprint and one.label_names == two.label_names and one.clips == two.clips
    for step in range(6):
        (a, labels_a), (b, labels_b) = one.batch(step, 7), two.batch(step, 7)
        assert np.abs(a - b).max() < (0.51 if not options else 2) / 32768
        np.testing.assert_array_equal(labels_a, labels_b)


def test_louder_than_full_scale_survives_in_shards(tmp_path, write):
    write("loud.wav", 3 * np.sin(np.arange(4000) / 9), subtype="FLOAT")
    prepare_sounds(tmp_path / "sounds", tmp_path / "out", workers=1, progress=False)
    for normalize in ("none", "peak"):
        a, b = (Sounds(tmp_path / p, length=4000, normalize=normalize).batch(0, 1)[0] for p in ("sounds", "out"))
        assert np.abs(a - b).max() < 2 / 32768


def test_quiet_sounds_keep_their_resolution_in_shards(tmp_path, write):
    write("quiet.wav", 5e-4 * np.sin(np.arange(4000) / 9), subtype="FLOAT")
    prepare_sounds(tmp_path / "sounds", tmp_path / "out", workers=1, progress=False)
    a, b = (Sounds(tmp_path / p, length=4000, normalize="peak").batch(0, 1)[0] for p in ("sounds", "out"))
    assert np.abs(a - b).max() < 1e-3


def test_tfrecorddataset_reads_them(shards):
    import tensorflow as tf

    index = json.loads((shards / "index.json").read_text())
    assert len(index["shards"]) > 2
    read = list(tf.data.TFRecordDataset([str(shards / s["name"]) for s in index["shards"]]).as_numpy_iterator())
    expected = []
    for clip in index["clips"]:
        data = (shards / index["shards"][clip["shard"]]["name"]).read_bytes()
        at, left = clip["offset"], 2 * clip["frames"]
        while left:
            size = min(left, 2 * int(index["record_frames"]))
            expected.append(data[at : at + size])
            at, left = at + size + 16, left - size
    assert len(read) > 12 and read == expected


def test_the_index_says_what_is_inside(shards, folder):
    index = json.loads((shards / "index.json").read_text())
    assert index["sample_rate"] == 16000 and index["channels"] == 1 and index["label_names"] == ["a", "b", "c"]
    assert {c["path"] for c in index["clips"]} == {str(p.relative_to(folder)) for p in folder.rglob("*.wav")}
    assert index["seconds"] == pytest.approx(sum(c["frames"] for c in index["clips"]) / 16000)


def test_other_settings_are_refused(shards):
    with pytest.raises(
        ValueError, match="was prepared with sample_rate 16000, asked for 22050; ask for what it has, or"
    ):
        Sounds(shards, sample_rate=22050)
    with pytest.raises(ValueError, match="channels 1, asked for 2;.*--sample-rate 16000 --channels 2"):
        Sounds(shards, channels=2)


def test_labels_that_were_not_prepared_are_refused(folder, tmp_path):
    prepare_sounds(folder, tmp_path / "plain", workers=1, progress=False)
    with pytest.raises(ValueError, match="was prepared without labels, asked for labels='folder'"):
        Sounds(tmp_path / "plain", labels="folder")


def test_damage_is_found_and_named(shards):
    path = shards / "shard-00001.tfrecord"
    data = bytearray(path.read_bytes())
    data[1000] ^= 1
    path.write_bytes(data)
    with pytest.raises(
        ValueError, match="shard-00001.tfrecord is damaged .*copy it again, or delete that folder and run"
    ):
        Sounds(shards)
    path.unlink()
    with pytest.raises(ValueError, match="shard-00001.tfrecord is missing; copy it again"):
        Sounds(shards)


def test_an_index_of_another_version(shards):
    path = shards / "index.json"
    path.write_text(path.read_text().replace('"version": 1', '"version": 99'))
    with pytest.raises(ValueError, match="index.json has format 'tf_audio_gan shards' version 99, this release reads"):
        Sounds(shards)
    path.write_text("{")
    with pytest.raises(ValueError, match="index.json is not an index of prepared sounds"):
        Sounds(shards)


def test_a_shard_cut_short_during_training_is_replaced(shards):
    sounds = Sounds(shards, length=4000)
    sounds.batch(0, 12)
    path = shards / "shard-00000.tfrecord"
    path.write_bytes(path.read_bytes()[:100])
    audio, _ = sounds.batch(1, 12)
    assert audio.any(axis=(1, 2)).all()
    assert sounds.skipped[0][1] == "during training: shard shard-00000.tfrecord changed while in use"
