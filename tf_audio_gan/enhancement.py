"""Noisy recordings through an enhancer: files of any length, sample rate and channel count, in flat memory."""

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tf_audio_gan import durable
from tf_audio_gan.audio.io import SoundWriter
from tf_audio_gan.data.decoders import UnreadableSound, finite, open_recording
from tf_audio_gan.data.each_file import make_each
from tf_audio_gan.data.files import SOUNDS
from tf_audio_gan.data.resample import resampled, resampled_blocks
from tf_audio_gan.data.sounds import check_numbers
from tf_audio_gan.models.enhancer import Enhancer
from tf_audio_gan.models.gan import AudioGAN, from_preset

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


def enhance(
    preset, source, out, *, seed=0, zeros=False, blend=0.0, sample_rate=None, float32=False, progress=None
):  # fmt: skip
    """Takes the noise out of recordings.

    Each channel is enhanced by itself at the model's rate. What comes out has the recording's sample rate, channels,
    length and level, sample for sample in time. Of frequencies above half of the model's rate (8 kHz at 16 kHz) nothing
    is left, whatever the recording's rate, but the share that `blend` keeps. Memory is that of some blocks, whatever
    the length.

    Args:
        preset: an `Enhancer`, or the handle of a preset.
        source: a sound file, or a folder of them, nested as you like.
        out: folder; gets a WAV file for each file, under its name.
        seed: of the latents; the same seed gives the same sound again.
        zeros: latents of 0 instead.
        blend: share of the recording that is kept, 0 to 1.
        sample_rate: of what comes out, in Hz; None: each recording's own.
        float32: write 32-bit floats, which do not clip, instead of 16 bits.
        progress: show a bar; None: on a terminal.

    Returns:
        `Enhanced`.

    Raises:
        FileNotFoundError: there is no such source.
        ValueError: the model is no enhancer, an option is out of range, two files would get one name, or no file could
            be used.
    """
    model = preset if isinstance(preset, AudioGAN) else from_preset(preset)
    if not isinstance(model, Enhancer):
        raise ValueError(f"a {type(model).__name__} is for {model.task}, not an enhancer: use a SEGAN or SEGANPlus")
    model.stream([], seed=seed, zeros=zeros, blend=blend)  # refuses what is out of range
    if sample_rate is not None:
        check_numbers(sample_rate=sample_rate)
    done, latents, form = Enhanced(), {"seed": seed, "zeros": zeros}, (sample_rate, float32)
    make = lambda path, target: _write(model, path, target, latents, blend, form, done)  # noqa: E731
    done.skipped = make_each(make, Path(source), Path(out), SOUNDS, _KINDS, ("Enhancing", "enhanced"), progress)
    return done


def _write(model, path, target, latents, blend, form, done):
    """Enhances one file; `form` is (sample rate or None for its own, whether to write floats)."""
    with open_recording(path) as reader, open_recording(path) as original:
        rate, channels = form[0] or reader.rate, reader.channels
        enhanced = resampled(_enhanced(model, reader, latents), model.sample_rate, rate, channels)
        recording = resampled_blocks(original, rate, channels)
        target.parent.mkdir(parents=True, exist_ok=True)
        with durable.whole(target) as new, SoundWriter(new, rate, channels, form[1]) as writer:
            for made, noisy in _in_step(enhanced, recording, channels):
                writer.write((1 - blend) * made + blend * noisy)
            if not writer.samples:
                raise UnreadableSound("holds no samples")
    done.files.append(target)
    done.seconds += writer.samples / rate
    if writer.clipped:
        done.clipped[target] = writer.clipped


def _enhanced(model, reader, latents):
    """Yields float32 [samples, channels] at the model's rate: the channels side by side, each a stream of its own."""
    blocks = finite(resampled_blocks(reader, model.sample_rate, reader.channels))
    streams = [model.stream(channel, **latents) for channel in _apart(blocks, reader.channels)]
    for parts in zip(*streams, strict=True):
        yield np.concatenate(parts, axis=1)


def _apart(blocks, channels):
    """[samples, channels] in blocks -> an iterator of [samples] for each channel; `itertools.tee` holds 57 blocks."""
    queues = [deque() for _ in range(channels)]

    def channel(waiting):
        while waiting or (block := next(blocks, None)) is not None:
            if not waiting:
                for queue, samples in zip(queues, block.T, strict=True):
                    queue.append(samples)
            yield waiting.popleft()

    return [channel(queue) for queue in queues]


def _in_step(enhanced, recording, channels):
    """Yields (enhanced, recording), equally long, to the recording's last sample: resamplers round lengths."""
    held = np.zeros((0, channels), np.float32)
    for block in recording:
        while len(held) < len(block) and (more := next(enhanced, None)) is not None:
            held = np.concatenate([held, more])
        lacking = max(0, len(block) - len(held))
        yield np.pad(held, ((0, lacking), (0, 0)))[: len(block)], block
        held = held[len(block) :]
