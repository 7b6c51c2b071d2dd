"""A MIDI file as notes in seconds."""

import bisect
import struct
from dataclasses import dataclass
from pathlib import Path

DRUMS = 9  # General MIDI's channel 10
_SUSTAIN = 64  # the number of the pedal's controller, and where it counts as down
_TEMPO = 500_000  # microseconds a quarter note, until the file says otherwise
_LARGEST, _LONGEST = 2**26, 6 * 3600  # bytes, seconds


@dataclass(frozen=True)
class Note:
    """A note: `start` and `end` in seconds, MIDI `pitch`, `velocity` 1 to 127, `part`: its place in `Song.parts`."""

    start: float
    end: float
    pitch: int
    velocity: int
    part: int


@dataclass(frozen=True)
class Song:
    """The notes of a MIDI file, by their start.

    Attributes:
        notes: tuple of `Note`.
        parts: what each part is called: the tracks' channels that have notes, in the file's order.
        drums: how many notes of the drum channel were left out.
    """

    notes: tuple
    parts: tuple
    drums: int

    @property
    def seconds(self):
        """Where the last note ends."""
        return max((note.end for note in self.notes), default=0.0)


def read_midi(path):
    """Reads a standard MIDI file of format 0 or 1.

    The sustain pedal holds notes until it is released; a note that is struck again ends; one that never ends does so
    with its track. Tempo changes hold for all tracks.

    Args:
        path: the file.

    Returns:
        `Song`, with one note at least.

    Raises:
        ImportError: mido is not installed (extra `midi`).
        FileNotFoundError: no such file.
        ValueError: it is no such MIDI file, is cut off, lasts more than 6 hours, or holds no notes but drums'.
    """
    path = Path(path)
    file = _parsed(path)
    seconds = _clock(file)
    notes, parts, drums = [], [], 0
    for number, track in enumerate(file.tracks):
        for channel, (found, end) in _channels(track).items():
            if channel == DRUMS:
                drums += len(found)
                continue
            name = track.name.strip() or f"track {number + 1}"
            parts.append(f"{name}, channel {channel + 1}")
            part = len(parts) - 1
            notes += [Note(seconds(a), seconds(end if b is None else b), p, v, part) for a, b, p, v in found]
    song = Song(tuple(sorted(notes, key=lambda note: (note.start, note.pitch, note.part))), tuple(parts), drums)
    if not notes:
        what = f"only drums ({drums} notes of channel 10), which have no pitch" if drums else "no notes"
        raise ValueError(f"{path} holds {what}; there is nothing to play")
    if song.seconds > _LONGEST:
        raise ValueError(f"{path} lasts {song.seconds / 3600:.1f} hours; at most 6 are played. Cut it")
    return song


def _parsed(path):
    try:
        import mido
    except ImportError:
        raise ImportError("to read MIDI files, mido is needed: pip install 'tf-audio-gan[midi]'") from None
    if not path.is_file():
        raise FileNotFoundError(f"{path}: {'a folder' if path.is_dir() else 'no such file'}; give a MIDI file")
    if path.stat().st_size > _LARGEST:
        raise ValueError(f"{path} has {path.stat().st_size / 2**20:.0f} MiB; a MIDI file of notes has less than 64")
    try:
        file = mido.MidiFile(path, clip=True)
    except (EOFError, OSError, ValueError, LookupError, TypeError, struct.error) as error:
        why = str(error) or "it ends too early"
        raise ValueError(
            f"{path} cannot be read as a MIDI file ({why}). Export it again from where it was made"
        ) from None
    if file.type == 2:
        raise ValueError(f"{path} is a MIDI file of format 2, songs one after the other; save one of them as format 1")
    if file.ticks_per_beat <= 0:
        raise ValueError(f"{path} counts time in film frames (SMPTE); save it with ticks per quarter note")
    return file


def _clock(file):
    """A function from ticks to seconds, by the tempo changes of all tracks."""
    changes = {0: _TEMPO}
    for track in file.tracks:
        tick = 0
        for message in track:
            tick += message.time
            if message.type == "set_tempo":
                changes[tick] = message.tempo
    ticks = sorted(changes)
    starts = [0.0]
    for before, after in zip(ticks, ticks[1:], strict=False):
        starts.append(starts[-1] + (after - before) * changes[before] / 1e6 / file.ticks_per_beat)

    def seconds(tick):
        at = bisect.bisect_right(ticks, tick) - 1
        return starts[at] + (tick - ticks[at]) * changes[ticks[at]] / 1e6 / file.ticks_per_beat

    return seconds


def _channels(track):
    """{channel: ([(start, end or None, pitch, velocity)], tick of the track's end)} of the channels that have notes."""
    tick, found, sounding, held, down = 0, {}, {}, {}, {}

    def end(key):
        if key in sounding:
            start, velocity = sounding.pop(key)
            found[key[0]].append((start, tick, key[1], velocity))
        held.pop(key, None)

    for message in track:
        tick += message.time
        if message.type == "note_on" and message.velocity:
            key = (message.channel, message.note)
            found.setdefault(message.channel, [])
            end(key)
            sounding[key] = tick, message.velocity
        elif message.type in ("note_off", "note_on"):
            key = (message.channel, message.note)
            if down.get(message.channel):
                held[key] = True
            else:
                end(key)
        elif message.type == "control_change" and message.control == _SUSTAIN:
            down[message.channel] = message.value >= _SUSTAIN
            if not down[message.channel]:
                for key in [key for key in held if key[0] == message.channel]:
                    end(key)
    for (channel, pitch), (start, velocity) in sounding.items():
        found[channel].append((start, None, pitch, velocity))
    return {channel: (notes, tick) for channel, notes in sorted(found.items())}
