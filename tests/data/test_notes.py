"""Notes: pitches from names, tables, NSynth's files and by ear; what is left out is counted."""

import csv
import json
import sys

import numpy as np
import pytest
import soundfile

from tf_audio_gan import GANSynth, Notes, Sounds
from tf_audio_gan.data.pitches import entropy, estimated, midi, of_name
from tf_audio_gan.data.readers import open_sounds

NSYNTH = [
    "guitar_acoustic_010-060-075", "brass_acoustic_001-024-127", "bass_synthetic_033-060-050",
    "keyboard_electronic_002-084-100", "string_acoustic_014-023-025", "flute_acoustic_002-061-050",
]  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """Writes notes of given names into a folder."""

    def make(*names, seconds=0.1):
        for name in names:
            path = tmp_path / "notes" / f"{name}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, 0.5 * np.sin(np.arange(int(16000 * seconds)) / 9), 16000, subtype="PCM_16")
        return tmp_path / "notes"

    return make


def pitches(notes):
    return {clip.path.rsplit(".")[0]: int(notes.label_names[clip.label]) for clip in notes.clips}


@pytest.mark.parametrize(
    ("text", "number"),
    [("60", 60), ("024", 24), ("C4", 60), ("c-1", 0), ("A4", 69), ("F#3", 54), ("Bb2", 46), ("G9", 127), ("Fs3", 54),
     ("60.0", 60), ("128", None), ("H4", None), ("", None), ("Ab", None), ("na", None), ("A10", None)],
)  # fmt: skip
def test_pitches_by_number_and_by_name(text, number):
    assert midi(text) == number


@pytest.mark.parametrize(
    ("name", "pitch", "source"),
    [("x/violin_055_100.flac", 55, ""), ("sb-bass_24_na_3.flac", 24, ""), ("piano A4 loud.wav", 69, ""),
     ("guitar_acoustic_010-060-075.wav", 60, "acoustic"), ("bass_synth_033-061-050.wav", None, ""),
     ("synth_lead_synthetic_003-099-050.wav", 99, "synthetic"), ("kick.wav", None, "")],
)  # fmt: skip
def test_what_names_say(name, pitch, source):
    found = of_name(name)
    assert (found.pitch, found.source) == (pitch, source)


def test_labels_are_all_pitches_of_the_range(folder):
    notes = Notes(folder("a/violin_060_1", "b/cello_040_1", "violin_072_1", "tuba_020_1", "kick"), length=1600)
    assert pitches(notes) == {"a/violin_060_1": 60, "b/cello_040_1": 40, "violin_072_1": 72}
    assert notes.label_names == [str(p) for p in range(24, 85)] and notes.histogram == {40: 1, 60: 1, 72: 1}
    assert notes.left_out == {"below pitch 24 or above 84": 1, "without a pitch": 1}
    assert notes.skipped == [("kick.wav", "without a pitch")]
    text = notes.summary()
    assert "3 pitches from 40 to 72" in text and "Left out: 1 " in text and "1 without a pitch" in text
    audio, labels = notes.batch(0, 3)
    assert audio.shape == (3, 1600, 1) and sorted(labels) == [40 - 24, 60 - 24, 72 - 24]
    assert Notes(folder(), length=1600, pitches=(50, 84)).label_names[0] == "50"


def test_the_histogram_is_counted_and_says_how_even_it_is(folder):
    """Half of the notes are of one pitch, a quarter each of two: 1.5 bits. The paper's range has 61 pitches."""
    notes = Notes(folder("a_024", "b_024", "c_060", "d_084"), length=1600)
    assert notes.histogram == {24: 2, 60: 1, 84: 1} and len(notes.label_names) == 61
    assert entropy(notes.histogram) == pytest.approx(1.5 * np.log(2), abs=1e-12)
    assert "from 1 (pitch 60) to 2 (pitch 24) of each; entropy 1.0397 nats of at most 4.1109." in notes.summary()
    assert entropy(dict.fromkeys(range(24, 85), 7)) == pytest.approx(np.log(61), abs=1e-12)
    assert entropy({24: 5, 25: 0}) == 0
    # 61 pitches of 60,788 notes, half of them rarer: 30 x 700 + 30 x 1283 + 1298, by p ln p written out
    made = dict(zip(range(24, 85), [700] * 30 + [1283] * 30 + [1298], strict=True))
    n = 60_788
    by_hand = -(21_000 * np.log(700 / n) + 38_490 * np.log(1283 / n) + 1298 * np.log(1298 / n)) / n
    assert sum(made.values()) == n and entropy(made) == pytest.approx(by_hand, abs=1e-9) and by_hand < np.log(61)


def test_nsynths_names_and_json_agree(folder, tmp_path):
    root = folder(*(f"audio/{name}" for name in NSYNTH))
    table = {name: {"pitch": int(name[-7:-4]), "instrument_source_str": name.split("_")[1]} for name in NSYNTH}
    (root / "examples.json").write_text(json.dumps(table))
    for labels in ("pitch", str(root / "examples.json")):
        notes = Notes(root, length=1600, labels=labels, sources=("acoustic",))
        assert sorted(pitches(notes).values()) == [24, 60, 61]
        assert notes.left_out == {"not acoustic": 2, "below pitch 24 or above 84": 1}
    (root / "examples.json").write_text("[1]")
    with pytest.raises(ValueError, match="is not NSynth's examples.json"):
        Notes(root, length=1600, labels=str(root / "examples.json"))


def test_a_table_with_splits(folder, tmp_path):
    root, table = folder("x", "y", "z"), tmp_path / "index.csv"
    rows = [("path", "pitch", "split"), ("x.wav", "C4", "train"), ("./y.wav", "61", "test"), ("z.wav", "62", "train")]
    with open(table, "w", newline="") as file:
        csv.writer(file).writerows(rows)
    for split, wanted in {"": {"x": 60, "y": 61, "z": 62}, "train": {"x": 60, "z": 62}, "test": {"y": 61}}.items():
        assert pitches(Notes(root, length=1600, labels=str(table), split=split)) == wanted
    table.write_text("path,label\nx.wav,violin\n")
    with pytest.raises(ValueError, match=r"has no column pitch; its columns are \['path', 'label'\]"):
        Notes(root, length=1600, labels=str(table))


def test_without_a_column_a_fifth_is_held_out(folder):
    root = folder(*(f"note{i}_060" for i in range(60)))
    train, test = (set(pitches(Notes(root, length=1600, split=split))) for split in ("train", "test"))
    assert len(train) + len(test) == 60 and not train & test and 4 <= len(test) <= 20


def test_pitches_by_ear(tmp_path):
    """Eleven harmonics, the first of them weaker than the second; and noise, which has no pitch."""
    t, rng = np.arange(24000) / 16000, np.random.default_rng(0)
    for pitch in (40, 64):
        f0 = 440 * 2 ** ((pitch - 69) / 12)
        tone = sum(np.sin(2 * np.pi * f0 * k * t) / (3 if k == 1 else k) for k in range(1, 12) if f0 * k < 7000)
        assert estimated(0.2 * tone * np.exp(-t), 16000) == pitch
    (tmp_path / "n").mkdir()
    soundfile.write(tmp_path / "n" / "a.wav", 0.2 * tone, 16000)
    soundfile.write(tmp_path / "n" / "noise.wav", 0.1 * rng.normal(size=24000), 16000)
    notes = Notes(tmp_path / "n", length=16000, labels="estimate")
    assert notes.histogram[64] == 1 and "Warning: pitches are estimated" in notes.summary()
    assert estimated(np.zeros(100), 16000) is None


def test_recipes_with_pitches_open_notes(folder):
    root = folder("violin_060", "violin_062")
    fixed = {"sample_rate": 16000, "length": 1600, "channels": 1, "progress": False}
    notes, unused = open_sounds({"path": root}, {"labels": "pitch", "pitches": [60, 64]}, **fixed)
    assert isinstance(notes, Notes) and notes.label_names == ["60", "61", "62", "63", "64"] and not unused
    sounds, unused = open_sounds({"path": root}, {"labels": "prefix", "crop": "start"}, **fixed)
    assert type(sounds) is Sounds and not unused


def test_a_model_counts_pitches(folder):
    notes = Notes(folder("a_060", "b_060", "c_062"), length=280, pitches=(60, 63), sample_rate=16000)
    model = GANSynth(length=280, frames=16, bins=32, blocks=2, filters=8, labels=notes.label_names)
    model.adapt(notes)
    np.testing.assert_array_equal(model.generator.facts.counts, [2, 0, 1, 0])
    other = GANSynth(length=280, frames=16, bins=32, blocks=2, filters=8, labels=["60", "62"])
    with pytest.raises(ValueError, match=r"the model's label_names, .'60', '62'.. Received: .'60', '61'"):
        other.adapt(notes)


def test_nsynths_records_become_notes(tmp_path):
    tf = pytest.importorskip("tensorflow")
    from tf_audio_gan import extract_nsynth

    def feature(value):
        if isinstance(value, bytes):
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        if isinstance(value, int):
            return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
        return tf.train.Feature(float_list=tf.train.FloatList(value=value))

    audio = np.random.default_rng(0).integers(-32767, 32767, 4000) / 32768
    with tf.io.TFRecordWriter(str(tmp_path / "n.tfrecord")) as writer:
        for name in NSYNTH:
            note = {"audio": audio, "pitch": int(name[-7:-4]), "note_str": name.encode(), "velocity": 100}
            note["instrument_source_str"] = name.split("_")[1].encode()
            features = tf.train.Features(feature={key: feature(value) for key, value in note.items()})
            writer.write(tf.train.Example(features=features).SerializeToString())
    for _ in range(2):
        counts = extract_nsynth(tmp_path / "n.tfrecord", tmp_path / "out", pitches=(24, 84), sources=("acoustic",))
        assert counts == {"written": 3, "left out": 3}
    notes = Notes(tmp_path / "out", length=4000)
    assert sorted(pitches(notes).values()) == [24, 60, 61]
    np.testing.assert_allclose(notes.batch(0, 1)[0][0, :, 0], audio, atol=1.1 / 32768)
    with tf.io.TFRecordWriter(str(tmp_path / "other.tfrecord")) as writer:
        writer.write(b"nothing")
    with pytest.raises(ValueError, match="does not hold NSynth's records"):
        extract_nsynth(tmp_path / "other.tfrecord", tmp_path / "other")
    with pytest.raises(FileNotFoundError, match="no TFRecord file at"):
        extract_nsynth(tmp_path / "missing", tmp_path / "other")


def test_nsynth_of_tensorflow_datasets_becomes_notes(tmp_path, rng):
    tfds = pytest.importorskip("tensorflow_datasets", reason="extra `datasets`")
    import tensorflow as tf

    from tf_audio_gan import extract_nsynth

    source = tfds.features.ClassLabel(names=["acoustic", "electronic", "synthetic"])
    audio = tfds.features.Audio(shape=(None,), dtype=np.float32, sample_rate=16000)
    features = {"id": tfds.features.Text(), "audio": audio, "pitch": tfds.features.Scalar(np.int64)}
    features = tfds.features.FeaturesDict(features | {"instrument": {"source": source}})
    sounds = rng.uniform(-1, 1, (len(NSYNTH), 4000)).astype("float32")
    notes = {
        "id": list(NSYNTH), "audio": sounds, "pitch": [int(name[-7:-4]) for name in NSYNTH],
        "instrument": {"source": [source.str2int(name.split("_")[1]) for name in NSYNTH]},
    }  # fmt: skip
    splits = {"train": tf.data.Dataset.from_tensor_slices(notes)}
    where = {"name": "small_nsynth", "version": "1.0.0", "data_dir": tmp_path / "tfds"}
    tfds.dataset_builders.store_as_tfds_dataset(**where, features=features, split_datasets=splits)
    options = {"data_dir": tmp_path / "tfds", "pitches": (24, 84), "sources": ("acoustic",)}
    assert extract_nsynth("tfds:small_nsynth", tmp_path / "out", **options) == {"written": 3, "left out": 3}
    made = Notes(tmp_path / "out", length=4000)
    assert sorted(pitches(made).values()) == [24, 60, 61]


def test_without_tensorflow_datasets_the_extra_is_named(tmp_path, monkeypatch):
    pytest.importorskip("tensorflow")
    from tf_audio_gan import extract_nsynth

    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(ImportError, match=r"tfds:nsynth/gansynth_subset needs .*'tf-audio-gan\[datasets\]'"):
        extract_nsynth("tfds:nsynth/gansynth_subset", tmp_path / "out")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pitches": (60, 60)}, r"the lowest and the highest MIDI pitch, 0 to 127. Received: \[60, 60\]"),
        ({"split": "valid"}, "split must be one of 'train', 'test' or empty. Received: split='valid'"),
        ({"labels": "folder"}, "labels of notes must be one of pitch, estimate, a .csv or examples.json"),
        ({"sources": ("acoustic",)}, "no note left of 1: 1 not acoustic. Name files like violin_055.flac"),
        ({"labels": "nowhere.csv"}, "no table at nowhere.csv"),
    ],
)
def test_wrong_settings_are_named(options, message, folder):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        Notes(folder("a_060"), length=1600, **options)
