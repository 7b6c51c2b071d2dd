"""Sound files in and out: decode with libsndfile, resample with soxr, write in one atomic step.

The numbers of 16-bit audio are ``clip(round(x * 32767), -32768, 32767)`` everywhere in this package: full scale is
symmetric, so ``x`` and ``-x`` are equally loud, and a written file read back differs by at most 1/32767 from what
was given (libsndfile divides by 32768).
"""

import io
import os
import struct
import threading
import wave
from pathlib import Path

import numpy as np

WRITABLE = {".wav": ("WAV", "PCM_16"), ".flac": ("FLAC", "PCM_16"), ".ogg": ("OGG", "VORBIS")}
WAV_BYTES = 2**32 - 1024  # of samples: sizes in a WAV file have 32 bits
_BLOCK = 65536  # samples per write: libsndfile's Vorbis encoder overflows its stack on long single writes


def read_audio(path, sample_rate=None, channels=None):
    """Read a sound file as float32.

    Args:
        path: a file libsndfile decodes (WAV, FLAC, Ogg, MP3, AIFF and others).
        sample_rate: rate to resample to in Hz, with soxr's high quality; None keeps the file's own.
        channels: number of channels wanted; 1 averages the file's channels, more than 1 repeats a mono file; None
            keeps the file's own.

    Returns:
        ``(audio, rate)``: float32 ``[samples, channels]``, in [-1, 1] for integer formats, and the rate in Hz.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it cannot be decoded, holds no samples or NaN, or has another number of channels.
    """
    import soundfile

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: {'a folder' if path.is_dir() else 'no such file'}; give one sound file")
    try:
        audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (RuntimeError, TypeError, ValueError) as error:  # soundfile wants a rate for .raw: TypeError
        raise ValueError(
            f"{path}: cannot be decoded as audio ({error}); expected WAV, FLAC, Ogg, MP3 or AIFF, "
            f"received {path.stat().st_size} bytes. Convert it, for example with `ffmpeg -i {path.name} out.wav`"
        ) from error
    if not len(audio):
        raise ValueError(f"{path}: holds no samples; expected at least one. Remove the file or record it again")
    if not np.isfinite(audio).all():
        raise ValueError(f"{path}: holds NaN or infinite samples; expected numbers in [-1, 1]. Export it again")
    audio = _with_channels(audio, channels, path)
    if sample_rate is not None:
        _check_rate(sample_rate)
        if rate != sample_rate:
            import soxr

            audio, rate = soxr.resample(audio, rate, sample_rate), int(sample_rate)
            audio = audio.reshape(len(audio), -1)
    return np.ascontiguousarray(audio, dtype=np.float32), rate


def write_audio(path, audio, sample_rate):
    """Write a sound file: 16-bit WAV or FLAC, or Ogg Vorbis, by the path's extension.

    The file appears complete or not at all, and missing parent folders are made.

    Args:
        path: where to write; ends in .wav, .flac or .ogg.
        audio: float ``[samples]`` or ``[samples, channels]`` in [-1, 1]; what lies outside is clipped.
        sample_rate: in Hz.

    Returns:
        How many samples were clipped, counted over all channels.

    Raises:
        ValueError: for another extension, a wrong rank, integers, NaN, or a sample rate that is not positive.
    """
    path = Path(path)
    if path.suffix.lower() not in WRITABLE:
        raise ValueError(f"{path}: cannot write {path.suffix or 'a file without extension'}; use .wav, .flac or .ogg")
    _check_rate(sample_rate)
    audio = _checked(audio, f"{path}: ")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        if path.suffix.lower() == ".wav":
            temporary.write_bytes(wav_bytes(audio, sample_rate))
        else:
            _encode(temporary, audio, int(sample_rate), *WRITABLE[path.suffix.lower()])
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return int(np.count_nonzero(np.abs(audio) > 1.0))


class SoundWriter:
    """Writes a WAV file piece by piece; a context manager. The same audio gives the same bytes.

    Args:
        path: where.
        sample_rate: in Hz.
        channels: of every piece.
        float32: 32-bit floats, of which none is clipped, instead of 16 bits.

    Attributes:
        samples: written so far, of each channel.
        clipped: how many lay outside [-1, 1] and were clipped, over all channels.
    """

    def __init__(self, path, sample_rate, channels, float32=False):
        _check_rate(sample_rate)
        self.samples, self.clipped, self._float32 = 0, 0, float32
        self._frame, self._form = (4 if float32 else 2) * channels, (int(sample_rate), channels, float32)
        self._file = open(path, "wb")  # noqa: SIM115
        self._file.write(_wav_header(*self._form, 0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self._file.seek(0)
            self._file.write(_wav_header(*self._form, self.samples * self._frame))
        finally:
            self._file.close()

    def write(self, audio):
        """Appends float ``[samples, channels]``; ValueError for NaN, another rank, or more than a WAV file holds."""
        if not len(audio):
            return
        audio = _checked(audio)
        if (self.samples + len(audio)) * self._frame > WAV_BYTES:
            raise ValueError("would be longer than a WAV file can be (4 GiB); split it, or take fewer bits or channels")
        self._file.write((audio.astype("<f4") if self._float32 else _pcm16(audio).astype("<i2")).tobytes())
        self.samples += len(audio)
        if not self._float32:
            self.clipped += int(np.count_nonzero(np.abs(audio) > 1.0))


def _wav_header(rate, channels, float32, data):
    """The bytes before `data` bytes of samples; floats have a chunk with their number, as the format demands."""
    code, width = (3, 4) if float32 else (1, 2)
    form = struct.pack("<HHIIHH", code, channels, rate, rate * channels * width, channels * width, 8 * width)
    chunks = [(b"fmt ", form)]
    if float32:
        chunks = [(b"fmt ", form + b"\0\0"), (b"fact", struct.pack("<I", data // (channels * width)))]
    body = b"".join(name + struct.pack("<I", len(content)) + content for name, content in chunks)
    return b"RIFF" + struct.pack("<I", 12 + len(body) + data) + b"WAVE" + body + b"data" + struct.pack("<I", data)


def wav_bytes(audio, sample_rate):
    """Encode audio as the bytes of a 16-bit RIFF WAV file, with the standard library alone.

    Args:
        audio: float ``[samples]`` or ``[samples, channels]`` in [-1, 1]; what lies outside is clipped.
        sample_rate: in Hz.

    Returns:
        The file's bytes: a 44-byte header, then little-endian int16 with interleaved channels.

    Raises:
        ValueError: for a wrong rank, integers, NaN, or a sample rate that is not positive.
    """
    _check_rate(sample_rate)
    audio = _checked(audio)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(audio.shape[1])
        file.setsampwidth(2)
        file.setframerate(int(sample_rate))
        file.writeframes(_pcm16(audio).astype("<i2").tobytes())
    return buffer.getvalue()


def _pcm16(audio):
    """Float32 in [-1, 1] to int16, rounded to nearest and clipped."""
    return np.clip(np.round(audio * 32767.0), -32768, 32767).astype(np.int16)


def _encode(path, audio, sample_rate, container, subtype):
    """Write through libsndfile in blocks: int16 for PCM, float32 for Vorbis."""
    import soundfile

    data = _pcm16(audio) if subtype == "PCM_16" else np.clip(audio, -1.0, 1.0)
    with soundfile.SoundFile(path, "w", sample_rate, audio.shape[1], subtype, format=container) as file:
        for start in range(0, len(data), _BLOCK):
            file.write(data[start : start + _BLOCK])


def _checked(audio, where=""):
    """Audio as float32 ``[samples, channels]``, or a ValueError that says what was wrong with it."""
    audio = np.asarray(audio)
    if audio.dtype.kind in "iubcOSU":
        raise ValueError(
            f"{where}audio has dtype {audio.dtype}; expected float in [-1, 1]. Divide 16-bit integers by 32768"
        )
    if audio.ndim not in (1, 2):
        raise ValueError(
            f"{where}audio has shape {audio.shape}; expected [samples] or [samples, channels]. "
            "Write the clips of a batch one by one"
        )
    audio = audio.astype(np.float32).reshape(len(audio), -1) if audio.size else audio
    if not audio.size:
        raise ValueError(f"{where}audio has shape {audio.shape}, so no samples; expected at least one")
    if audio.shape[1] > 255:
        raise ValueError(
            f"{where}audio has shape {audio.shape}; expected [samples, channels] with at most 255 channels. "
            "Transpose it if the channels come first"
        )
    bad = np.count_nonzero(~np.isfinite(audio))
    if bad:
        raise ValueError(
            f"{where}{bad} of {audio.size} samples are NaN or infinite; expected finite numbers in [-1, 1]. "
            "Look for a diverged generator or a division by a silent clip's peak"
        )
    return audio


def _check_rate(sample_rate):
    if not sample_rate > 0 or int(sample_rate) != sample_rate:
        raise ValueError(f"sample_rate is {sample_rate}; expected a positive whole number of Hz, such as 16000")


def _with_channels(audio, channels, path):
    """Average to mono, repeat mono, or refuse."""
    if channels is None or channels == audio.shape[1]:
        return audio
    if channels == 1:
        return audio.mean(axis=1, keepdims=True)
    if audio.shape[1] == 1 and channels > 1:
        return np.repeat(audio, channels, axis=1)
    raise ValueError(
        f"{path}: has {audio.shape[1]} channels, {channels} were asked for; expected the same number, "
        "1 (which averages) or a mono file (which is repeated)"
    )
