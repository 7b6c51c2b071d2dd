"""Noisy recordings through an enhancer: files of any length, sample rate and channel count, in flat memory."""

import contextlib
import itertools
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tf_audio_gan import durable
from tf_audio_gan.audio.io import SoundWriter
from tf_audio_gan.data.decoders import UnreadableSound, finite, open_recording, reason_of
from tf_audio_gan.data.files import SOUNDS, targets
from tf_audio_gan.data.resample import resampled, resampled_blocks
from tf_audio_gan.data.scan import bar
from tf_audio_gan.models.enhancer import Enhancer
from tf_audio_gan.models.gan import from_preset

_KINDS = f"sounds ({', '.join(sorted(SOUNDS))})"


@dataclass
class Enhanced:
    """What `enhance` wrote.

    Attributes:
        files: the WAV files.
        seconds: of audio in them.
        clipped: {file: samples beyond full scale, which were clipped} of those that have any.
        skipped: [(file, reason)] of files that could not be used.
    """

    files: list = field(default_factory=list)
    seconds: float = 0.0
    clipped: dict = field(default_factory=dict)
    skipped: list = field(default_factory=list)


def enhance(preset, source, out, *, seed=0, zeros=False, blend=0.0, progress=None):
    """Takes the noise out of recordings.

    Each channel is enhanced by itself at the model's rate. What comes out has the recording's sample rate, channels,
    length and level, sample for sample in time; above half of the model's rate nothing is left but what `blend` keeps.
    Memory is that of some blocks, whatever the length.

    Args:
        preset: an `Enhancer`, or the handle of a preset.
        source: a sound file, or a folder of them, nested as you like.
        out: folder; gets a 16-bit WAV for each file, under its name.
        seed: of the latents; the same seed gives the same sound again.
        zeros: latents of 0 instead.
        blend: share of the recording that is kept, 0 to 1.
        progress: show a bar; None: on a terminal.

    Returns:
        `Enhanced`.

    Raises:
        FileNotFoundError: there is no such source.
        ValueError: the model is no enhancer, an option is out of range, two files would get one name, or no file could
            be used.
    """
    model = preset if isinstance(preset, Enhancer) else from_preset(preset)
    if not isinstance(model, Enhancer):
        raise ValueError(f"a {type(model).__name__} is for {model.task}, not an enhancer: use a SEGAN or SEGANPlus")
    options = {"seed": seed, "zeros": zeros}
    model.stream([], blend=blend, **options)  # refuses what is out of range
    source, out, done = Path(source), Path(out), Enhanced()
    files = targets(source, out, SOUNDS, _KINDS)
    for path, target in bar(files.items(), len(files), "Enhancing", progress):
        try:
            _write(model, path, target, options, blend, done)
        except UnreadableSound as error:
            done.skipped.append((str(path), reason_of(error, path)))
    if not done.files:
        with contextlib.suppress(OSError):
            out.rmdir()  # made for nothing
        path, reason = done.skipped[0]
        raise ValueError(f"none of {len(files)} files could be enhanced; the first, {path}: {reason}")
    return done


def _write(model, path, target, options, blend, done):
    with open_recording(path) as reader, open_recording(path) as original:
        rate, channels = reader.rate, reader.channels
        enhanced = resampled(_enhanced(model, reader, options), model.sample_rate, rate, channels)
        target.parent.mkdir(parents=True, exist_ok=True)
        with durable.whole(target) as new, SoundWriter(new, rate, channels) as writer:
            for audio in _fitted(enhanced, original):
                made, noisy = audio
                writer.write((1 - blend) * made + blend * noisy)
            if not writer.samples:
                raise UnreadableSound("holds no samples")
    done.files.append(target)
    done.seconds += writer.samples / rate
    if writer.clipped:
        done.clipped[target] = writer.clipped


def _enhanced(model, reader, options):
    """Yields float32 [samples, channels] at the model's rate: the channels side by side, each a stream of its own."""
    blocks = finite(resampled_blocks(reader, model.sample_rate, reader.channels))
    copies = itertools.tee(blocks, reader.channels)
    streams = [model.stream(_channel(copy, i), **options) for i, copy in enumerate(copies)]
    for parts in zip(*streams, strict=True):
        yield np.concatenate(parts, axis=1)


def _channel(blocks, i):
    for block in blocks:
        yield block[:, i]


def _fitted(enhanced, original):
    """Yields (enhanced, original) of equal lengths, to the original's last sample: resamplers round lengths."""
    for made in enhanced:
        noisy = original.read(len(made)) if len(made) else made
        yield made[: len(noisy)], noisy
    if len(rest := original.read(original.rate)):
        yield np.zeros_like(rest), rest
