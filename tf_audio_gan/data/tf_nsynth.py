"""NSynth's TFRecords, or its copy in tensorflow-datasets, become a folder of notes, as its JSON/WAV form is one."""

from pathlib import Path

import numpy as np

from tf_audio_gan import backend, durable
from tf_audio_gan.data.scan import bar

TFDS = "tfds:"


def extract_nsynth(files, out, *, split="train", data_dir=None, pitches=(0, 127), sources=(), progress=None):
    """Writes each note of NSynth as OUT/<note_str>.wav (16-bit PCM, 16 kHz), whose name holds its pitch.

    Files that are there already are not written again, so a call that was interrupted can be repeated.

    Args:
        files: one TFRecord file, or a list of them; or "tfds:nsynth/gansynth_subset", the name of a form of NSynth in
            tensorflow-datasets (extra `datasets`), which downloads and prepares it: 73 GiB.
        out: folder, made where missing.
        split: of tensorflow-datasets: "train", "valid" or "test".
        data_dir: where tensorflow-datasets keeps what it prepared; None: its own default.
        pitches: (lowest, highest) MIDI pitch.
        sources: of instruments, e.g. ("acoustic",); empty: all.
        progress: show a bar; None = on a terminal.

    Returns:
        {"written": notes there now, "left out": others}.

    Raises:
        FileNotFoundError: a file that does not exist.
        ImportError: tensorflow-datasets is not installed.
        RuntimeError: another backend than TensorFlow.
        ValueError: records that are not NSynth's.
    """
    backend.require_tensorflow("TFRecords of NSynth")
    prepared = isinstance(files, str) and files.startswith(TFDS)
    notes = _of_tfds(files.removeprefix(TFDS), split, data_dir) if prepared else _of_records(files)
    out, counts = Path(out), {"written": 0, "left out": 0}
    out.mkdir(parents=True, exist_ok=True)
    for note in bar(notes, None, f"Extracting to {out}", progress):
        fits = pitches[0] <= note["pitch"] <= pitches[1] and (not sources or note["source"] in sources)
        counts["written" if fits else "left out"] += 1
        target = out / f"{note['name']}.wav"
        if fits and not target.exists():
            _write(target, note["audio"])
    return counts


def _of_records(files):
    import tensorflow as tf

    files = [Path(file) for file in ([files] if isinstance(files, str | Path) else files)]
    for file in files:
        if not file.is_file():
            raise FileNotFoundError(f"no TFRecord file at {file}; unpack nsynth-train.tfrecord.tar first")
    return (_parsed(record, files) for record in tf.data.TFRecordDataset([str(file) for file in files]))


def _of_tfds(name, split, data_dir):
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise ImportError(
            f"{TFDS}{name} needs tensorflow-datasets ({error}): pip install 'tf-audio-gan[datasets]'"
        ) from None
    data, about = tfds.load(name, split=split, data_dir=data_dir, with_info=True)
    try:
        source = about.features["instrument"]["source"]
    except (KeyError, TypeError):
        raise ValueError(f"{name} of tensorflow-datasets is not NSynth: it has no instrument's source") from None
    for note in tfds.as_numpy(data):
        found = {"name": note["id"].decode(), "audio": note["audio"], "pitch": int(note["pitch"])}
        yield _checked(found | {"source": source.int2str(int(note["instrument"]["source"]))}, name)


def _parsed(record, files):
    import tensorflow as tf

    spec = {
        "audio": tf.io.FixedLenSequenceFeature([], tf.float32, allow_missing=True),
        "pitch": tf.io.FixedLenFeature([], tf.int64),
        "note_str": tf.io.FixedLenFeature([], tf.string),
        "instrument_source_str": tf.io.FixedLenFeature([], tf.string),
    }
    try:
        found = tf.io.parse_single_example(record, spec)
    except tf.errors.InvalidArgumentError as error:
        raise ValueError(f"{files[0]} does not hold NSynth's records: {error.message}") from None
    note = {"name": found["note_str"].numpy().decode(), "source": found["instrument_source_str"].numpy().decode()}
    return _checked(note | {"pitch": int(found["pitch"]), "audio": found["audio"].numpy()}, files[0])


def _checked(note, where):
    """The note itself; ValueError where its name is no file's, or it has no samples."""
    name, samples = note["name"], len(note["audio"])
    if Path(name).name != name or not samples:
        raise ValueError(f"{where} does not hold NSynth's records: a note called {name!r} of {samples}")
    return note


def _write(target, audio):
    import soundfile

    with durable.whole(target) as new, open(new, "wb") as file:
        soundfile.write(file, np.clip(audio, -1, 1), 16000, subtype="PCM_16", format="WAV")
