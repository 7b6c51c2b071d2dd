"""16-bit WAV files as TensorFlow's operations read and write them: full scale is 32768."""

import io
import wave

import numpy as np


def wav_of(audio, sample_rate):
    """Bytes of a WAV file of float [samples, channels]; what lies outside of [-1, 1] is clipped."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(audio.shape[1])
        sound.setsampwidth(2)
        sound.setframerate(sample_rate)
        sound.writeframes(np.clip(np.rint(audio * np.float32(32768)), -32768, 32767).astype("<i2").tobytes())
    return file.getvalue()


def sound_of(data):
    """(float32 [samples, channels], sample rate in Hz) of the bytes of a 16-bit WAV file.

    Raises:
        ValueError: they are none.
    """
    try:
        with wave.open(io.BytesIO(data)) as sound:
            if sound.getsampwidth() != 2:
                raise ValueError(f"{8 * sound.getsampwidth()} bits a sample")
            samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2").reshape(-1, sound.getnchannels())
            return samples.astype(np.float32) / np.float32(32768), sound.getframerate()
    except (wave.Error, EOFError, ValueError) as error:
        raise ValueError(f"the server's answer is no 16-bit WAV file: {error}") from None
