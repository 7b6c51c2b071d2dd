"""Recordings of a visitor: looked at before anything is done with them, then vocoded, denoised, or played as a song."""

import collections
import shutil
import tempfile
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tf_audio_gan.audio.analysis import mel_db, png_bytes, spectrogram_rgb, window_length
from tf_audio_gan.audio.io import read_audio, write_audio
from tf_audio_gan.data.decoders import UnreadableSound, open_recording
from tf_audio_gan.data.midi import read_midi
from tf_audio_gan.enhancement import enhance
from tf_audio_gan.listening import facts
from tf_audio_gan.playing import render_midi
from tf_audio_gan.studio.sounds import file_name, whole_seed
from tf_audio_gan.vocoding import vocode

LONGEST = 60.0  # seconds of a recording
LONGEST_SONG, MOST_NOTES, LARGEST_MIDI = 300.0, 3000, 2**20  # seconds, notes, bytes
CHANNELS = 2
HIGHEST_RATE = 192_000
_RESULTS = 32
_PICTURE = {"height": 128, "max_width": 640}


@dataclass(frozen=True)
class Clip:
    """A sound on the page.

    Attributes:
        title: its heading.
        path: the WAV file.
        facts: length, rate, channels.
        picture: bytes of a PNG, its spectrogram.
    """

    title: str
    path: Path
    facts: str
    picture: bytes


class Shelf:
    """A folder for results, of which the latest are kept; it is gone when the process ends."""

    def __init__(self, kept=_RESULTS):
        self.folder = Path(tempfile.mkdtemp(prefix="tf-audio-gan-play-"))
        self._places, self._kept, self._lock = collections.deque(), kept, threading.Lock()
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

    def place(self):
        """A new folder for one result."""
        with self._lock:
            new = Path(tempfile.mkdtemp(dir=self.folder))
            self._places.append(new)
            while len(self._places) > self._kept:
                shutil.rmtree(self._places.popleft(), ignore_errors=True)
        return new


def checked(path):
    """The path of a recording that can be used.

    Raises:
        ValueError: none was given, it is no sound, holds no samples, NaN or silence alone, is longer than `LONGEST`, or
            has more channels than `CHANNELS`; in words for whoever chose the file.
    """
    if not path:
        raise ValueError("There is no recording yet: choose a sound file, or record one.")
    path = Path(path)
    try:
        with open_recording(path) as reader:
            rate, channels = reader.rate, reader.channels
            _check_form(path.name, rate, channels)
            audio = reader.read(int(LONGEST * rate) + 1)
    except UnreadableSound:
        raise ValueError(
            f"{path.name} is no sound file that can be read. WAV, FLAC, Ogg, MP3 and AIFF can; "
            f"ffmpeg makes a WAV file of most others: ffmpeg -i {path.name} out.wav"
        ) from None
    if not len(audio):
        raise ValueError(f"{path.name} holds no samples: the recording is empty. Record it again.")
    if len(audio) > LONGEST * rate:
        raise ValueError(
            f"{path.name} is longer than {LONGEST:g} seconds, the most that this page takes. Cut it; or use the "
            "command line, which takes any length (tf-audio-gan vocode, tf-audio-gan enhance)."
        )
    if not np.isfinite(audio).all():
        raise ValueError(f"{path.name} holds samples that are no numbers (NaN or infinite). Export it again.")
    if not audio.any():
        raise ValueError(f"{path.name} is silent from beginning to end. Is the microphone muted?")
    return path


def _check_form(name, rate, channels):
    if channels > CHANNELS:
        raise ValueError(
            f"{name} has {channels} channels; this page takes mono and stereo. Mix it down, "
            f"for example with: ffmpeg -i {name} -ac 2 out.wav"
        )
    if rate > HIGHEST_RATE:
        raise ValueError(f"{name} has {rate} samples a second; {HIGHEST_RATE} is the most that this page takes.")


def revoiced(model, path, place, seed=0):
    """A recording and what a vocoder makes of its mel spectrogram, both mono at the model's rate.

    Args:
        model: a `Vocoder`.
        path: of the recording.
        place: folder for the results.
        seed: of the noise, where the generator takes noise.

    Returns:
        (`Clip`, `Clip`), before and after.

    Raises:
        ValueError: as `checked`.
    """
    path, seed = checked(path), whole_seed(seed)
    audio, rate = read_audio(path, model.sample_rate, 1)
    before = place / f"{file_name(path.stem)}.wav"
    write_audio(before, audio, rate)
    after = vocode(model, before, place / "vocoded", seed=seed, progress=False).files[0]
    return _pair(("Before", before), ("After the vocoder", _renamed(after, "vocoded")))


def denoised(model, path, place, seed=0, blend=0.0):
    """A recording and what an enhancer makes of it, at the recording's rate and channels.

    Args:
        model: an `Enhancer`.
        path: of the recording.
        place: folder for the results.
        seed: of the latents.
        blend: share of the recording that is kept, 0 to 1.

    Returns:
        (`Clip`, `Clip`), before and after.

    Raises:
        ValueError: as `checked`, or an option out of range.
    """
    path, seed = checked(path), whole_seed(seed)
    before = place / f"{file_name(path.stem)}.wav"
    write_audio(before, *read_audio(path))
    after = enhance(model, before, place / "denoised", seed=seed, blend=blend, progress=False).files[0]
    return _pair(("Before", before), ("After denoising", _renamed(after, "denoised")))


def song(model, path, place, seeds=(0,), seconds_per_timbre=6.0):
    """A MIDI file, played.

    Args:
        model: a `GANSynth`.
        path: of the MIDI file.
        place: folder for the result.
        seeds: of the timbres that it goes through, evenly spread.
        seconds_per_timbre: where there is one seed: from it to the next, seconds.

    Returns:
        (`Clip`, `playing.Played`).

    Raises:
        ValueError: no MIDI file, a longer one than `LONGEST_SONG`, more notes than `MOST_NOTES`, none to play.
    """
    if not path:
        raise ValueError("There is no song yet: choose a MIDI file (.mid).")
    path, seeds = Path(path), [whole_seed(seed) for seed in seeds]
    if path.stat().st_size > LARGEST_MIDI:
        raise ValueError(f"{path.name} is larger than {LARGEST_MIDI // 1024} kB, the most that this page takes.")
    try:
        read = read_midi(path)
    except ValueError as error:
        raise ValueError(str(error).replace(str(path), path.name)) from None
    if read.seconds > LONGEST_SONG or len(read.notes) > MOST_NOTES:
        raise ValueError(
            f"{path.name} has {len(read.notes)} notes in {read.seconds:.0f} seconds; this page plays {MOST_NOTES} "
            f"notes in {LONGEST_SONG:g} seconds at most. The command line plays longer songs: "
            f"tf-audio-gan generate PRESET --midi {path.name}"
        )
    out = place / f"{file_name(path.stem)}.wav"
    seed = seeds if len(seeds) > 1 else seeds[0]
    played = render_midi(model, path, out, seed=seed, seconds_per_timbre=seconds_per_timbre)
    audio, rate = read_audio(out)
    return Clip(path.stem, out, facts(audio, rate), png_bytes(spectrogram_rgb(audio, rate, **_PICTURE))), played


def _renamed(path, what):
    return path.rename(path.with_name(f"{path.stem}_{what}.wav"))


def _pair(*named):
    """Clips of (title, path), their spectrograms on one scale: that of the first."""
    read = [(title, path, *read_audio(path)) for title, path in named]
    _, _, audio, rate = read[0]
    peak = float(mel_db(audio, rate, window_length(rate), max(64, window_length(rate) // 4)).max())
    return tuple(
        Clip(title, path, facts(audio, rate), png_bytes(spectrogram_rgb(audio, rate, peak_db=peak, **_PICTURE)))
        for title, path, audio, rate in read
    )
