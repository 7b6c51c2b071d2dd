"""NSynth's TFRecords become a folder of notes, as its JSON/WAV form is one."""

from pathlib import Path

import numpy as np

from tf_audio_gan import backend, durable
from tf_audio_gan.data.scan import bar


def extract_nsynth(files, out, *, pitches=(0, 127), sources=(), progress=None):
    """Writes each note of NSynth's TFRecords as OUT/<note_str>.wav (16-bit PCM, 16 kHz), whose name holds its pitch.

    Files that are there already are not written again, so a call that was interrupted can be repeated.

    Args:
        files: one TFRecord file, or a list of them.
        out: folder, made where missing.
        pitches: (lowest, highest) MIDI pitch.
        sources: of instruments, e.g. ("acoustic",); empty: all.
        progress: show a bar; None = on a terminal.

    Returns:
        {"written": notes there now, "left out": others}.

    Raises:
        FileNotFoundError: a file that does not exist.
        RuntimeError: another backend than TensorFlow.
        ValueError: records that are not NSynth's.
    """
    backend.require_tensorflow("TFRecords of NSynth")
    import tensorflow as tf

    files = [Path(file) for file in ([files] if isinstance(files, str | Path) else files)]
    for file in files:
        if not file.is_file():
            raise FileNotFoundError(f"no TFRecord file at {file}; unpack nsynth-train.tfrecord.tar first")
    out, counts = Path(out), {"written": 0, "left out": 0}
    out.mkdir(parents=True, exist_ok=True)
    records = tf.data.TFRecordDataset([str(file) for file in files])
    for record in bar(records, None, f"Extracting to {out}", progress):
        note = _parsed(record, files)
        fits = pitches[0] <= note["pitch"] <= pitches[1] and (not sources or note["source"] in sources)
        counts["written" if fits else "left out"] += 1
        target = out / f"{note['name']}.wav"
        if fits and not target.exists():
            _write(target, note["audio"])
    return counts


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
    name = found["note_str"].numpy().decode()
    if Path(name).name != name or not len(found["audio"]):
        raise ValueError(f"{files[0]} does not hold NSynth's records: a note called {name!r} of {len(found['audio'])}")
    source = found["instrument_source_str"].numpy().decode()
    return {"name": name, "source": source, "pitch": int(found["pitch"]), "audio": found["audio"].numpy()}


def _write(target, audio):
    import soundfile

    with durable.whole(target) as new, open(new, "wb") as file:
        soundfile.write(file, np.clip(audio, -1, 1), 16000, subtype="PCM_16", format="WAV")
