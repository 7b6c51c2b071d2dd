"""The MIDI pitch of a note: in its file's name, in a table, or estimated."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tf_audio_gan.data.labels import plain_path, table_rows

RULES = ("pitch", "estimate")
_NSYNTH = re.compile(r"^.+_(?P<source>acoustic|electronic|synthetic)_\d{3}-(?P<pitch>\d{3})-\d{3}$")
_NAME = re.compile(r"^(?P<step>[A-Ga-g])(?P<bend>[#sb♯♭]?)(?P<octave>-?\d)$")
_STEPS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_ESTIMATED_SECONDS = 2.0


@dataclass(frozen=True)
class Known:
    """What is known of a note: MIDI `pitch` or None; instrument `source` and `split`, or an empty text."""

    pitch: int | None
    source: str = ""
    split: str = ""


def midi(text):
    """A pitch as a MIDI number: "60", "060", "C4", "F#3", "Bb2" (C4 is 60); None for any other text."""
    text = text.strip()
    if re.fullmatch(r"\d{1,3}(\.0*)?", text):
        number = int(float(text))
        return number if number <= 127 else None
    name = _NAME.match(text)
    if not name:
        return None
    bend = {"": 0, "#": 1, "s": 1, "♯": 1, "b": -1, "♭": -1}[name["bend"]]
    number = 12 * (int(name["octave"]) + 1) + _STEPS[name["step"].lower()] + bend
    return number if 0 <= number <= 127 else None


def of_name(path):
    """What a file's name says: NSynth's (family_source_NNN-PPP-VVV), else the first of its parts that is a pitch.

    Underscores and spaces separate parts: violin_055_100.flac, piano_A4.wav, bass 36 loud.wav.
    """
    stem = Path(path).stem
    if found := _NSYNTH.match(stem):
        return Known(midi(found["pitch"]), found["source"])
    pitches = [midi(part) for part in re.split(r"[_\s]+", stem)]
    return Known(next((pitch for pitch in pitches if pitch is not None), None))


def of_table(table):
    """{path as `plain_path`: `Known`} of a CSV table with the columns path, pitch and perhaps source, split.

    Raises:
        FileNotFoundError: no such table.
        ValueError: a column is missing.
    """
    return {
        plain_path(row["path"] or ""): Known(
            midi(row["pitch"] or ""), row.get("source") or "", (row.get("split") or "").strip()
        )
        for row in table_rows(table, ("path", "pitch"))
    }


def of_examples(path):
    """{note_str: `Known`} of NSynth's examples.json.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is not NSynth's.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no file at {path}; labels= takes NSynth's examples.json")
    try:
        notes = json.loads(Path(path).read_text(encoding="utf-8"))
        return {name: Known(int(note["pitch"]), note["instrument_source_str"]) for name, note in notes.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not NSynth's examples.json: {error!r}") from None


def entropy(histogram):
    """Of {pitch: notes}, in nats: ln of how many pitches, equally common, would be as hard to guess.

    Its exponential is the highest Inception score that a judge of pitches can give notes that come as often as these:
    58.9 of NSynth's acoustic training notes (60,788 of 61 pitches, 4.0751 nats), 61 where all come alike.
    """
    shares = np.array(list(histogram.values()), "float64") / sum(histogram.values())
    return float(-np.sum(shares[shares > 0] * np.log(shares[shares > 0])))


def estimated(audio, sample_rate):
    """The pitch that is heard in most of the first two seconds, by pYIN (Mauch and Dixon 2014): MIDI, None if none is.

    Args:
        audio: float [samples].
        sample_rate: Hz.
    """
    import librosa

    audio = np.asarray(audio[: int(_ESTIMATED_SECONDS * sample_rate)], "float32")
    low, high = librosa.midi_to_hz(21), min(librosa.midi_to_hz(108), sample_rate / 2 * 0.99)
    frame = 2 ** int(np.ceil(np.log2(4 * sample_rate / low)))
    if len(audio) < frame // 4:
        return None
    f0, voiced, _ = librosa.pyin(audio, fmin=low, fmax=high, sr=sample_rate, frame_length=frame)
    heard = f0[voiced]
    return int(np.rint(librosa.hz_to_midi(np.median(heard)))) if len(heard) else None
