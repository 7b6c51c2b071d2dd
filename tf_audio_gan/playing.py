"""A song of a MIDI file, played by a model of notes whose timbre changes on the way, as Engel et al. 2019 showed."""

import collections
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from keras import ops

from tf_audio_gan import durable
from tf_audio_gan.audio.io import SoundWriter
from tf_audio_gan.audio.sustain import sustained
from tf_audio_gan.data.midi import read_midi
from tf_audio_gan.data.scan import bar
from tf_audio_gan.models.gan import AudioGAN, from_preset

HELD = 0.75  # share of a model's note that is held, unless said: 3 s of NSynth's 4
LONGEST = 300.0  # seconds of a note
_TOGETHER = 64  # notes that are made before what they complete is written
_KEPT = 128  # sounds that are kept in case they come again
_BLOCK = 2**16  # samples


@dataclass
class Played:
    """What `render_midi` wrote.

    Attributes:
        path: the WAV file.
        seconds: its length.
        notes: how many notes were played.
        parts: what the song's parts are called, in the order of `seed` where every part has a timbre of its own.
        folded: how many notes were moved by octaves into the model's range.
        left_out: how many were outside it, and not moved.
        drums: how many notes of drums were left out.
    """

    path: Path
    seconds: float
    notes: int
    parts: tuple
    folded: int
    left_out: int
    drums: int


def render_midi(
    preset, midi, out, *, seed=0, seconds_per_timbre=6.0, per_part=False, fold=True, attack=0.01, release=0.3,
    held=None, sample_rate=None, gain=-6.0, batch_size=8, progress=False,
):  # fmt: skip
    """Plays a MIDI file with a model that makes notes of a pitch, and writes one mono WAV file.

    A note has one timbre, that of the moment when it begins: on the way from one seed's latents to the next one's. It
    begins at its sample, is as loud as its velocity (its peak is velocity / 127), rises linearly, and falls linearly
    after its end. One that lasts longer than the model's notes are held repeats its steady part
    (`audio.sustain.sustained`), for 5 minutes at most. The file lasts until the last note has fallen, rounded up to a
    sample. Memory does not grow with the song.

    Args:
        preset: a `GANSynth`, or the handle of a preset.
        midi: a MIDI file, see `data.midi.read_midi`.
        out: the WAV file (16 bits).
        seed: of the first timbre; the next ones are those of seed + 1, ...; or a list of seeds, evenly spread.
        seconds_per_timbre: from one to the next, rounded so that the song ends with one; 0: the first one throughout.
        per_part: instead, every part of the song (a track's channel) has a timbre of its own: the first that of seed,
            the second seed + 1, ...; of a list, over again from its beginning.
        fold: move notes outside the model's range into it by octaves; False: leave them out.
        attack: seconds that a note rises.
        release: seconds that it falls.
        held: seconds of the model's note that are steady; None: three quarters of it.
        sample_rate: of the file, in Hz; None: the model's.
        gain: peak of the file, in dB below (or, above 0, over) full scale.
        batch_size: notes made at a time.
        progress: show a bar; None = on a terminal.

    Returns:
        `Played`.

    Raises:
        FileNotFoundError: no such preset or MIDI file.
        ValueError: a preset without pitches, no MIDI file, no note in the model's range, or an option out of range.
    """
    model = preset if isinstance(preset, AudioGAN) else from_preset(preset)
    if not hasattr(model, "pitches"):
        raise ValueError(f"a {type(model).__name__} makes no notes of a pitch; take a GANSynth")
    out, held = Path(out), HELD * model.length / model.sample_rate if held is None else held
    _check(out, model, attack, release, held, sample_rate, seconds_per_timbre)
    rate = model.sample_rate if sample_rate is None else sample_rate
    song = read_midi(midi)
    pitches = [_pitch(note.pitch, model.pitches, fold) for note in song.notes]
    played = [(note, pitch) for note, pitch in zip(song.notes, pitches, strict=True) if pitch is not None]
    if not played:
        raise ValueError(
            f"none of the {len(song.notes)} notes of {midi} is in the model's range, "
            f"{model.pitches.min()} to {model.pitches.max()}; fold moves them into it"
        )
    latents = _timbres(model, song, seed, seconds_per_timbre, per_part)
    shape = {"rate": rate, "attack": attack, "release": release, "held": held}
    notes = bar(_sounding(model, played, latents, batch_size, shape), len(played), "Playing", progress)
    samples = int(np.ceil((max(note.start + _seconds(note, attack) for note, _ in played) + release) * rate))
    with tempfile.TemporaryFile() as kept:
        peak = 0.0
        for block in _mixed(notes, samples):
            peak = max(peak, float(np.abs(block).max(initial=0.0)))
            kept.write(block.astype("<f4").tobytes())
        scale = 10 ** (gain / 20) / peak if peak else 0.0
        out.parent.mkdir(parents=True, exist_ok=True)
        kept.seek(0)
        with durable.whole(out) as new, SoundWriter(new, rate, 1) as writer:
            while piece := kept.read(4 * _BLOCK):
                writer.write((np.frombuffer(piece, "<f4") * np.float32(scale))[:, None])
    folded = sum(note.pitch != pitch for note, pitch in played)
    return Played(out, samples / rate, len(played), song.parts, folded, len(song.notes) - len(played), song.drums)


def _check(out, model, attack, release, held, sample_rate, seconds_per_timbre):
    if out.suffix.lower() != ".wav":
        raise ValueError(f"a song is written to one WAV file. Received: {out}; name it {out.with_suffix('.wav').name}")
    least = {"attack": attack, "release": release, "seconds_per_timbre": seconds_per_timbre}
    for name, value in least.items():
        if not 0 <= value < np.inf:
            raise ValueError(f"{name} must be a number of seconds from 0. Received: {name}={value!r}")
    whole = model.length / model.sample_rate
    if not 32 / model.sample_rate <= held <= whole:
        raise ValueError(f"held must lie within the model's note, {whole:g} s. Received: held={held!r}")
    if sample_rate is not None and not 1000 <= sample_rate <= 384_000:
        raise ValueError(f"sample_rate must be from 1000 to 384000 Hz. Received: sample_rate={sample_rate!r}")


def _pitch(pitch, known, fold):
    """The pitch itself, or octaves away if it may be; None: the model has none of them."""
    octaves = range(-11, 12) if fold else (0,)
    found = [pitch + 12 * o for o in sorted(octaves, key=abs) if pitch + 12 * o in known]
    return found[0] if found else None


def _timbres(model, song, seed, every, per_part):
    """A function: the latents [latent_dim] of a note."""
    given = list(seed) if isinstance(seed, list | tuple | np.ndarray) else None
    if given is not None and not given:
        raise ValueError("seed is an empty list; give at least one seed")
    if per_part:
        count = len(song.parts)
        seeds = [given[i % len(given)] for i in range(count)] if given else range(seed, seed + count)
        own = ops.convert_to_numpy(model.latents(model.seeds(count, list(seeds))))
        return lambda note: own[note.part]
    count = len(given) if given else max(2, round(song.seconds / every) + 1) if every else 1
    frames = ops.convert_to_numpy(model.latents(model.seeds(count, given or seed)))

    def at(note):
        place = min(max(note.start / song.seconds, 0.0), 1.0) * (len(frames) - 1)
        first = min(int(place), max(len(frames) - 2, 0))
        following = frames[min(first + 1, len(frames) - 1)]
        return ops.convert_to_numpy(model.between(frames[first], following, place - first))

    return at


def _sounding(model, played, latents, batch_size, shape):
    """(first sample, audio) of every note, in the order of their beginning."""
    cache = collections.OrderedDict()
    for group in (played[i : i + _TOGETHER] for i in range(0, len(played), _TOGETHER)):
        rows = [np.asarray(latents(note), "float32") for note, _ in group]
        keys = [(pitch, row.tobytes()) for (_, pitch), row in zip(group, rows, strict=True)]
        new = {key: row for key, row in zip(keys, rows, strict=True) if key not in cache}
        if new:
            labels = model.soft(np.array([str(pitch) for pitch, _ in new]), np.arange(len(new)))
            made = model.generate_from(np.stack(list(new.values())), batch_size, labels)
            cache.update(zip(new, (_resampled(x[:, 0], model.sample_rate, shape["rate"]) for x in made), strict=True))
        for (note, _), key in zip(group, keys, strict=True):
            yield round(note.start * shape["rate"]), _shaped(cache[key], note, **shape)
        while len(cache) > _KEPT:
            cache.popitem(last=False)


def _seconds(note, attack):
    """How long a note is held."""
    return min(max(note.end - note.start, attack), LONGEST)


def _resampled(audio, rate, wanted):
    if rate == wanted:
        return audio
    import soxr

    return soxr.resample(audio, rate, wanted)


def _shaped(sound, note, rate, attack, release, held):
    """A note as long as it is to be, its peak velocity / 127."""
    duration = _seconds(note, attack)
    samples = int(np.ceil((duration + release) * rate))
    audio = sustained(sound, min(round(held * rate), len(sound)), samples)
    time = np.arange(samples) / rate
    rising = np.minimum(time / attack, 1.0) if attack else 1.0
    falling = np.clip((duration + release - time) / release, 0.0, 1.0) if release else 1.0
    audio *= rising * falling
    peak = np.abs(audio).max(initial=0.0)
    return audio * (note.velocity / 127 / peak) if peak > 1e-9 else np.zeros(samples)


def _mixed(notes, samples):
    """Blocks of the sum of notes, each written when no later note can change it; `samples` in all."""
    done, open_end = 0, np.zeros(0)
    for start, audio in notes:
        while start - done >= _BLOCK:
            yield np.pad(open_end[:_BLOCK], (0, max(0, _BLOCK - len(open_end))))
            open_end, done = open_end[_BLOCK:], done + _BLOCK
        end = start - done + len(audio)
        if end > len(open_end):
            open_end = np.pad(open_end, (0, end - len(open_end)))
        open_end[start - done : end] += audio
    yield open_end[: samples - done]
