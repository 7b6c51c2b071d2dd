"""Decoders: a path becomes a reader of float32 samples.

A decoder is a function `open_sound(path) -> reader`; a reader is a context manager with `rate` (Hz), `channels`,
`seek(frame)` and `read(frames) -> float32 [at most frames, channels]` (empty at the end).
"""

import contextlib

import numpy as np

_PIECE = 1024
DECODERS = ("soundfile", "tensorflow", "tensorflow-io")


class UnreadableSound(Exception):
    """One file cannot be used; the message is the reason that is shown, without the path."""


class SoundfileReader:
    """Reads what libsndfile reads: WAV, FLAC, Ogg, MP3, AIFF and more, by content, whatever the extension.

    A file that breaks off ends where it breaks off.
    """

    def __init__(self, path):
        import soundfile

        self._path, self._at, self._open, self._broken = path, 0, soundfile.SoundFile, soundfile.LibsndfileError
        self._file = soundfile.SoundFile(path)
        self.rate, self.channels = self._file.samplerate, self._file.channels

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    def seek(self, frame):
        """Goes to a frame, counted from the start."""
        self._at = frame
        with contextlib.suppress(self._broken):  # beyond the break of a FLAC file; `read` will find out
            self._file.seek(frame)

    def read(self, frames):
        """At most `frames` frames from here on, float32 `[frames, channels]`; empty at the end."""
        try:
            if self._file.tell() != self._at:
                raise self._broken(0)
            block = self._file.read(frames, dtype="float32", always_2d=True)
        except self._broken:
            block = self._up_to_the_break(frames)
        self._at += len(block)
        return block

    def _up_to_the_break(self, frames):
        """Reads again from the start in small pieces: libsndfile drops the piece in which a FLAC file breaks off."""
        parts, at = [np.zeros((0, self.channels), np.float32)], 0
        with self._open(self._path) as file, contextlib.suppress(self._broken):
            while at < self._at + frames and len(piece := file.read(_PIECE, dtype="float32", always_2d=True)):
                parts.append(piece[max(0, self._at - at) : self._at + frames - at])
                at += len(piece)
        if not at:
            raise UnreadableSound("cannot be decoded: damaged from its first sample on")
        return np.concatenate(parts)


def open_recording(path):
    """A `SoundfileReader`; UnreadableSound where the file cannot be decoded."""
    try:
        return SoundfileReader(path)
    except Exception as error:  # decoders raise many kinds; each means that this file cannot be used
        raise UnreadableSound(f"cannot be decoded: {reason_of(error, path)}") from error


def finite(blocks):
    """Yields blocks of samples; UnreadableSound at one that holds NaN or infinite ones."""
    for block in blocks:
        if not np.isfinite(block).all():
            raise UnreadableSound("holds NaN or infinite samples")
        yield block


class ArrayReader:
    """A reader over samples that are in memory, for decoders that decode a file in one go."""

    def __init__(self, samples, rate):
        self._samples, self._at = samples, 0
        self.rate, self.channels = rate, samples.shape[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._samples = np.zeros((0, self.channels), np.float32)

    def seek(self, frame):
        """Goes to a frame, counted from the start."""
        self._at = frame

    def read(self, frames):
        """At most `frames` frames from here on, float32 `[frames, channels]`; empty at the end."""
        block = self._samples[self._at : self._at + frames]
        self._at += len(block)
        return block


def decoder_named(name):
    """The decoder of that name.

    Args:
        name: `"soundfile"` (everything libsndfile reads), `"tensorflow"` (`tf.audio.decode_wav`: 16-bit PCM WAV only)
            or `"tensorflow-io"` (WAV, FLAC, Ogg, MP3; needs TensorFlow 2.17).

    Returns:
        A function from path to reader.

    Raises:
        ValueError: no decoder has that name.
        ImportError: tensorflow-io is not installed.
    """
    if name == "soundfile":
        return SoundfileReader
    if name not in DECODERS:
        raise ValueError(f"decoder must be one of {', '.join(DECODERS)}; received {name!r}")
    from tf_audio_gan.data import tf_decoders

    return tf_decoders.decode_wav if name == "tensorflow" else tf_decoders.tensorflow_io_reader()


def reason_of(error, path):
    """One line that says why a file cannot be used, without its path."""
    text = str(error).replace(repr(str(path)), "the file").replace(str(path), "the file").strip()
    return " ".join(text.split())[:300] or type(error).__name__
