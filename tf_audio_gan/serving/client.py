"""The client: sounds from a server, over REST or gRPC, as arrays. It imports no TensorFlow.

    client = Client("http://127.0.0.1:8501")
    audio, rate = client.generate(n=4, seed=1)
    audio, rate = client.enhance("noisy.wav")

It asks what TensorFlow Serving and the embedded server both answer, so either may be behind the address.
"""

from typing import NamedTuple

import numpy as np

from tf_audio_gan.serving.asking.model import ServedModel
from tf_audio_gan.serving.asking.parts import CHUNK, in_flight, mel_parts, noisy_parts
from tf_audio_gan.serving.asking.retries import ServerError
from tf_audio_gan.serving.asking.sounds import sound_of, wav_of

__all__ = ["Client", "ServerError", "Sound"]


class Sound(NamedTuple):
    """Audio and its sample rate in Hz."""

    audio: np.ndarray
    sample_rate: int


class Client(ServedModel):
    """Asks a server for sounds of one model. Threads may share it; nothing is asked before the first call.

    Over REST sounds travel as 16-bit WAV files, over gRPC as 32-bit floats: rounded to 1/32768 and clipped to [-1, 1],
    or as the model made them. A request is sent again, after a pause, where the server had no room for it (HTTP 429,
    502, 503; gRPC UNAVAILABLE, RESOURCE_EXHAUSTED) or the connection was refused or reset before an answer.

    Args:
        url: `http://host:8501`, `https://...`, `grpc://host:8500` or `grpcs://...`; `https://name:password@host` where
            a proxy asks for both.
        model: name of the model, which the embedded server calls as its folder, TensorFlow Serving as `--model_name`;
            None: the only one, where the server says which it has (the embedded one does) or calls it as usual.
        version: number of a version, or None.
        label: label of a version, or None; with neither, the highest version.
        timeout: seconds to wait for each answer.
        retries: how often a request is sent again.
        parallel: requests under way at once where one call needs several.
        token: sent as `Authorization: Bearer ...`, for a proxy that asks for one; plain http:// and grpc:// do not
            hide it.
        headers: dict of further HTTP headers, or gRPC metadata.
        certificates: path of a PEM file with the authorities to trust in place of the system's.
        description: what the model's signature `describe` would say, for exports that have none.

    Raises:
        ValueError: an address of another form, a version and a label, or numbers out of range.
        ImportError: gRPC, and grpcio or protobuf is not installed.
    """

    def generate(self, n=1, seed=0, labels=None, pitch=None, batch_size=16):
        """Makes sounds, as `AudioGAN.generate` does of the same seeds.

        Args:
            n: how many.
            seed: sound i is that of seed + i; or a list of n seeds (then n need not be given).
            labels: of a model with labels: one for all or n of them: names, numbers of classes, or shares float
                [classes] or [n, classes]; or {name: weight}; None: seed s has class s modulo their number.
            pitch: of a model of notes: MIDI pitch of all, or n of them.
            batch_size: sounds in a request.

        Returns:
            `Sound` of float32 [n, length, channels].

        Raises:
            ValueError: the model makes no sounds of seeds, or does not take these labels or pitches.
            ServerError, ConnectionError, TimeoutError: as `predict`.
        """
        seeds = np.asarray(seed) if np.ndim(seed) else np.arange(n, dtype="int64") + seed
        if len(seeds) < 1 or batch_size < 1 or np.ndim(seed) and n not in (1, len(seeds)):
            raise ValueError(f"n and batch_size must be at least 1, and n as many as seeds. Received: {n=}, {seed=}")
        prefix, rows = self._conditions(seeds, labels, pitch)
        rows = {"seed": seeds, **rows}
        batches = [{name: x[i : i + batch_size] for name, x in rows.items()} for i in range(0, len(seeds), batch_size)]
        as_wav = self._wire.sends_wav or not self._describes()
        name = f"{prefix}wav" if as_wav else f"{prefix}from_seed"
        if name not in self._known():
            raise ValueError(f"the model {self.model!r} has no signature {name!r}: it makes no sounds of seeds")
        made = list(in_flight(lambda batch: self._sounds(batch, name, as_wav), batches, self._parallel))
        return Sound(np.concatenate([audio for audio, _ in made]), made[0][1])

    def _conditions(self, seeds, labels, pitch):
        """(prefix of the signatures' names, inputs beside the seeds)."""
        taken = self._known().get("from_seed", self._known().get("wav", {"inputs": {}}))["inputs"]
        for name, given in (("labels", labels), ("pitch", pitch)):
            if given is not None and name not in taken:
                raise ValueError(f"the model {self.model!r} takes no {name}. Received: {name}={given!r}")
        if "pitch" in taken:
            if pitch is None:
                raise ValueError(f"the model {self.model!r} makes notes: give pitch, a MIDI number, 60 for middle C")
            return "", {"pitch": np.broadcast_to(pitch, seeds.shape)}
        return self._classes(seeds, labels) if "labels" in taken else ("", {})

    def _classes(self, seeds, labels):
        from tf_audio_gan.data.labels import soft_labels

        names = self.description["labels"]
        shares = soft_labels(seeds % len(names) if labels is None else labels, names, len(seeds))
        if np.array_equal(shares, np.eye(len(names))[shares.argmax(1)]):
            return "", {"labels": shares.argmax(1)}
        return "mix_", {"labels": shares}

    def _sounds(self, inputs, name, as_wav):
        """(audio [batch, samples, channels], sample rate) of a signature; `as_wav`: its answers are WAV files."""
        outputs = self.predict(inputs, name)
        if not as_wav:
            return outputs["audio"], self.description["sample_rate"]
        sounds = [sound_of(data) for data in outputs["wav_bytes"]]
        return np.stack([audio for audio, _ in sounds]), sounds[0][1]

    def vocode(self, mel, seed=0, chunk_frames=CHUNK):
        """Audio of a mel spectrogram of any length, chunk by chunk, as `Vocoder.vocode` makes it.

        Args:
            mel: float [frames, n_mels], made with the settings that `description["mel"]` names.
            seed: of the noise, where the generator takes noise.
            chunk_frames: mel frames in a request, beside their context.

        Returns:
            `Sound` of float32 [frames * hop, 1].

        Raises:
            ValueError: the model is no vocoder, or the mel is of another shape or not finite.
            ServerError, ConnectionError, TimeoutError: as `predict`.
        """
        description, mel = self._of_task("vocoding"), np.asarray(mel, "float32")
        n_mels = description["mel"]["n_mels"]
        if mel.ndim != 2 or mel.shape[1] != n_mels or not len(mel) or not np.isfinite(mel).all():
            turned = " It looks transposed." if mel.ndim == 2 and mel.shape[0] == n_mels else ""
            raise ValueError(
                f"a mel spectrogram must be finite, [frames, {n_mels}]. Received: shape {mel.shape}.{turned}"
            )
        parts = mel_parts(mel, description, chunk_frames)
        return self._joined(parts, seed, "mel", ("serving_default", "wav"))

    def enhance(self, noisy, sample_rate=None, seed=0, blend=0.0):
        """Takes the noise out of a recording of any length, part by part, as `enhance` does.

        Each channel is enhanced by itself at the model's rate; what comes out has the recording's rate and length.

        Args:
            noisy: path of a sound file, or float [samples] or [samples, channels] in [-1, 1].
            sample_rate: of an array, in Hz; None: the model's.
            seed: of the latents; the same seed gives the same sound again.
            blend: share of the recording that is kept, 0 to 1.

        Returns:
            `Sound` of float32, of the recording's shape; [samples, channels] for a file.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the model is no enhancer, the file or array cannot be used, or blend is out of range.
            ServerError, ConnectionError, TimeoutError: as `predict`.
        """
        description = self._of_task("enhancement")
        if not 0 <= blend <= 1:
            raise ValueError(f"blend must be from 0 to 1. Received: {blend=}")
        audio, rate = _recording(noisy, sample_rate or description["sample_rate"])
        channels = audio.reshape(len(audio), -1).T
        made = np.stack([self._enhanced(one, rate, description, seed) for one in channels], 1).reshape(audio.shape)
        return Sound((1 - np.float32(blend)) * made + np.float32(blend) * audio, rate)

    def _enhanced(self, audio, rate, description, seed):
        """One channel [samples] -> the same, enhanced."""
        from tf_audio_gan.data.resample import resampled

        own = description["sample_rate"]
        given = np.concatenate(list(resampled([audio[:, None]], rate, own, 1)))
        made = self._joined(noisy_parts(given, description), seed, "audio", ("enhance", "wav_to_wav")).audio
        back = np.concatenate(list(resampled([made], own, rate, 1)))[: len(audio), 0]
        return np.pad(back, (0, len(audio) - len(back)))

    def _of_task(self, task):
        description = self.description
        if description["task"] != task:
            raise ValueError(f"the model {self.model!r}, a {description['model']}, is for {description['task']}")
        return description

    def _joined(self, parts, seed, kind, names):
        """The audio of parts, cropped and joined; `names` are the signatures for whole signals, audio and WAV."""
        as_wav = self._wire.sends_wav
        placed = "part" in self._known()
        name = ("part_wav" if as_wav else "part") if placed else names[as_wav]
        rate = self.description["sample_rate"]

        def ask(part):
            data, first, crop = part
            inputs = {"seed": [seed], "first": [first]} if placed else {}
            wav = {"wav_bytes": [wav_of(data, rate)]} if kind == "audio" and as_wav else {kind: data[None]}
            return crop(self._sounds({**wav, **inputs}, name, as_wav)[0][0])

        return Sound(np.concatenate(list(in_flight(ask, parts, self._parallel))), rate)


def _recording(noisy, rate):
    """(float32 [samples] or [samples, channels], rate in Hz) of a file or an array at `rate`."""
    if not hasattr(noisy, "__array__") and not isinstance(noisy, list):
        from tf_audio_gan.audio.io import read_audio

        return read_audio(noisy)
    audio = np.asarray(noisy)
    if audio.dtype.kind != "f" or audio.ndim not in (1, 2) or not audio.size or not np.isfinite(audio).all():
        raise ValueError(
            "audio must be finite float [samples] or [samples, channels] in [-1, 1]. "
            f"Received: {audio.dtype} {list(audio.shape)}"
        )
    return audio.astype("float32"), int(rate)
