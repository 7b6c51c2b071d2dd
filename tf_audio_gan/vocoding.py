"""Recordings through a vocoder, or mel spectrograms from elsewhere into audio: any length, in flat memory."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tf_audio_gan import durable
from tf_audio_gan.audio.io import SoundWriter
from tf_audio_gan.data.decoders import UnreadableSound, finite, open_recording
from tf_audio_gan.data.each_file import make_each
from tf_audio_gan.data.files import SOUNDS
from tf_audio_gan.data.resample import resampled_blocks
from tf_audio_gan.models.gan import AudioGAN, from_preset
from tf_audio_gan.models.vocoder import CHUNK, PRECISIONS, Vocoder

_KINDS = f"sounds ({', '.join(sorted(SOUNDS))}) or mel spectrograms (.npy)"


@dataclass
class Vocoded:
    """What `vocode` wrote.

    Attributes:
        files: the WAV files.
        seconds: of audio in them.
        clipped: samples beyond full scale, which were clipped.
        skipped: [(file, reason)] of files that could not be used.
    """

    files: list = field(default_factory=list)
    seconds: float = 0.0
    clipped: int = 0
    skipped: list = field(default_factory=list)


def vocode(preset, source, out, *, settings=None, seed=0, chunk_frames=CHUNK, precision="float32", progress=None):
    """Makes audio of recordings (analysis and synthesis) or of mel spectrograms.

    A recording of any rate and channel count is resampled to the model's rate and mixed to one channel; what comes out
    has its length at that rate. Memory is that of a chunk, whatever the length.

    Args:
        preset: a `Vocoder`, or the handle of a preset.
        source: a sound file, a .npy file of float [frames, n_mels], or a folder of them, nested as you like.
        out: folder; gets a 16-bit WAV for each file, under its name.
        settings: what made the mels, where that is known: the name of mel settings, or their keywords.
        seed: of the noise, where the generator takes noise.
        chunk_frames: mel frames at a time.
        precision: "float32", or "bfloat16" for the network's arithmetic (`Vocoder.vocode`).
        progress: show a bar; None: on a terminal.

    Returns:
        `Vocoded`.

    Raises:
        FileNotFoundError: there is no such source.
        ValueError: the model is no vocoder, another precision, two files would get one name, or no file could be used.
    """
    model = preset if isinstance(preset, AudioGAN) else from_preset(preset)
    if not isinstance(model, Vocoder):
        raise ValueError(
            f"a {type(model).__name__} is for {model.task}, not a vocoder: use a MelGAN or ParallelWaveGAN"
        )
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}. Received: precision={precision!r}")
    done, options = Vocoded(), {"seed": seed, "chunk_frames": chunk_frames, "precision": precision}

    def make(path, target):
        mels = path.suffix == ".npy"
        stretches = _mel_file(model, path) if mels else _recording(model, path)
        _write(model, stretches, target, options | {"settings": settings if mels else None}, done)

    kinds, words = SOUNDS | {".npy"}, ("Vocoding", "vocoded")
    done.skipped = make_each(make, Path(source), Path(out), kinds, _KINDS, words, progress)
    return done


def _mel_file(model, path):
    """(mels, samples of audio or None) of a .npy file, which is mapped, not read."""
    try:
        mel = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError):
        raise UnreadableSound("no .npy file of numbers") from None
    if mel.ndim == 3 and len(mel) == 1:
        mel = mel[0]
    n_mels = model.front_end.n_mels
    if mel.ndim != 2 or mel.shape[1] != n_mels:
        turned = " It looks transposed: save its transpose." if mel.ndim == 2 and mel.shape[0] == n_mels else ""
        raise ValueError(f"a mel spectrogram must be [frames, {n_mels}]. Received: shape {mel.shape}.{turned}")
    return (mel[i : i + 4096] for i in range(0, len(mel), 4096)), None


def _recording(model, path):
    """(mels as the file is read, a list that holds the number of its samples when it has been read)."""
    reader, count = open_recording(path), [0]

    def read():
        with reader:
            for block in finite(resampled_blocks(reader, model.sample_rate, 1)):
                count[0] += len(block)
                yield block

    return model.analyse(read()), count


def _write(model, stretches, target, options, done):
    mels, count = stretches
    target.parent.mkdir(parents=True, exist_ok=True)
    with durable.whole(target) as new, SoundWriter(new, model.sample_rate, 1) as writer:
        for audio in model.stream(mels, **options):
            left = None if count is None else max(0, count[0] - writer.samples)
            writer.write(audio[:left])
        if not writer.samples:
            raise UnreadableSound("holds no samples")
    done.files.append(target)
    done.seconds += writer.samples / model.sample_rate
    done.clipped += writer.clipped
