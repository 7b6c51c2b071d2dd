"""Decoders that run in TensorFlow."""

import re
import threading

import numpy as np
import tensorflow as tf

from tf_audio_gan.data.decoders import ArrayReader, UnreadableSound


def decode_wav(path):
    """Decodes a 16-bit PCM WAV with `tf.audio.decode_wav`.

    Args:
        path: a WAV file.

    Returns:
        A reader, see `tf_audio_gan.data.decoders`.

    Raises:
        UnreadableSound: not a WAV, or not 16-bit PCM.
    """
    try:
        with tf.device("CPU:0"):
            audio, rate = tf.audio.decode_wav(tf.io.read_file(str(path)))
    except tf.errors.OpError as error:
        hint = "decoder='tensorflow' reads 16-bit PCM WAV only; use decoder='soundfile'"
        raise UnreadableSound(f"{_plain(error)} ({hint})") from error
    return ArrayReader(audio.numpy(), int(rate))


def tensorflow_io_reader():
    """The tensorflow-io decoder: WAV, FLAC, Ogg Vorbis and MP3.

    Returns:
        A function from path to reader.

    Raises:
        ImportError: tensorflow-io is not installed, or does not fit this TensorFlow.
    """
    try:
        import tensorflow_io

        tensorflow_io.audio.AudioIOTensor  # noqa: B018  (loads the native library)
    except (ImportError, NotImplementedError, AttributeError, tf.errors.OpError) as error:
        raise ImportError(
            "decoder='tensorflow-io' needs tensorflow-io 0.37.1, which works with TensorFlow 2.17 only (this is "
            f"{tf.__version__}): pip install 'tf-audio-gan[io]' 'tensorflow==2.17.1'. decoder='soundfile' reads the "
            f"same formats everywhere. ({error})"
        ) from error

    class Reader(TensorflowIOReader):
        open_tensor = staticmethod(tensorflow_io.audio.AudioIOTensor)

    return Reader


class TensorflowIOReader:
    """Reads windows of a file through `tensorflow_io.audio.AudioIOTensor`.

    Eager TensorFlow gives every open AudioIOTensor the same native object, so opening a second file pulls the first
    one away (a crash, measured). Hence one file at a time in the whole process, from opening to closing.
    """

    one_at_a_time = threading.Lock()

    def __init__(self, path):
        self._path, self._at = str(path), 0

    def __enter__(self):
        self.one_at_a_time.acquire()
        try:
            with tf.device("CPU:0"):
                self._tensor = self.open_tensor(self._path)
            self.rate = int(self._tensor.rate)
            self._frames, self.channels = (int(n) for n in self._tensor.shape)
        except BaseException as error:
            self.one_at_a_time.release()
            if isinstance(error, (tf.errors.OpError, ValueError)):
                raise UnreadableSound(_plain(error)) from error
            raise
        return self

    def __exit__(self, *_):
        self._tensor = None
        self.one_at_a_time.release()

    def seek(self, frame):
        """Goes to a frame, counted from the start."""
        self._at = frame

    def read(self, frames):
        """At most `frames` frames from here on, float32 `[frames, channels]`; empty at the end."""
        stop = min(self._at + frames, self._frames)
        if stop <= self._at:
            return np.zeros((0, self.channels), np.float32)
        try:
            with tf.device("CPU:0"):
                block = _to_float(self._tensor[self._at : stop].numpy())
        except tf.errors.OpError as error:
            raise UnreadableSound(_plain(error)) from error
        self._at += len(block)
        return block


def _plain(error):
    """A TensorFlow error's message without the names of nodes and operations."""
    return re.sub(r"\{\{.*?\}\} ?| ?\[Op:.*", "", getattr(error, "message", None) or str(error)) or "not recognised"


def _to_float(samples):
    """Integer samples as float32 in [-1, 1)."""
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - 128) / 128
    if np.issubdtype(samples.dtype, np.integer):
        return (samples / -float(np.iinfo(samples.dtype).min)).astype(np.float32)
    return samples.astype(np.float32)
