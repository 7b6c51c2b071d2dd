"""The base class of vocoders: mel spectrograms in, audio out. Subclasses give the networks and their settings."""

import numpy as np
from keras import ops

from tf_audio_gan import backend, chunking
from tf_audio_gan.audio.mel import SETTINGS, MelFrontEnd
from tf_audio_gan.layers.weight_norm import fold
from tf_audio_gan.losses.adversarial import objective as find_objective
from tf_audio_gan.losses.feature_matching import feature_matching
from tf_audio_gan.losses.spectral import SUB_BAND, mel_l1, mel_l2, multi_resolution_stft
from tf_audio_gan.models.gan import Signature
from tf_audio_gan.models.one_pass import OnePassGAN

OBJECTIVES = ("hinge", "lsgan")
CHUNK = 256  # mel frames that are turned into audio at a time
PRECISIONS = ("float32", "bfloat16")  # that vocoding computes in
_STFT = ("g/spectral_convergence", "g/log_magnitude")
_SUBBAND_STFT = ("g/subband_spectral_convergence", "g/subband_log_magnitude")
_MEL = ("g/mel_l1", "g/mel_l2")


class Vocoder(OnePassGAN):
    """A generator from mel spectrograms to audio, trained on recordings alone: their mels are computed in the step.

    One generator pass serves the discriminator's update and the generator's, which goes through the updated
    discriminator; the features of real audio that are matched are those of the discriminator's own update (as in
    MelGAN's code). In the first `discriminator_start` steps the generator is trained on its spectral losses alone.

    A subclass sets `receptive_frames` and `least_frames`, and overrides `synthesise` where the generator takes more
    than a mel.

    Args:
        make_generator: (weight_norm) -> network, mel [batch, frames, n_mels] -> [batch, frames * hop / bands, bands].
        front_end: the name of mel settings (`audio.mel.SETTINGS`) or the keywords of `MelFrontEnd`.
        segment_length: samples of audio that are compared, a multiple of the hop.
        context: mel frames on either side of them that are cut from a longer crop, so that no mel is of padding.
        pqmf: `PQMF` that joins the generator's sub-bands, or None.
        objective: "hinge" or "lsgan", each summed over the discriminator's scales.
        adversarial, matching, stft, subband_stft, mel: weights of the generator's terms; `mel` a pair, for L1 and L2.
        matching_reduction: see `losses.feature_matching`.
        discriminator_start: generator steps before the discriminator takes part.
        gain: (lowest, highest) factor that an example is multiplied by, drawn uniformly.

    Attributes:
        front_end: the `MelFrontEnd`.
        receptive_frames: mel frames on either side that a sample of audio depends on.
        least_frames: mel frames that the generator needs; shorter mels are padded with copies of their last.
        takes_noise: whether `synthesise` asks for noise.
    """

    task = "vocoding"
    channels = 1
    receptive_frames, least_frames, aux_context = 0, 1, 0
    takes_noise = False

    def __init__(
        self, *, make_generator, front_end, segment_length, context, pqmf, objective, adversarial, matching,
        matching_reduction, stft, subband_stft, mel, discriminator_start, gain, **kwargs,
    ):  # fmt: skip
        self.front_end = front_end_of(front_end)
        hop = self.hop_length = self.front_end.hop_length
        self._check_settings(
            hop, segment_length, context, objective, discriminator_start, (stft, subband_stft, *mel), gain
        )
        self.segment_frames, self.context, self.pqmf = segment_length // hop, context, pqmf
        self.length = segment_length + 2 * context * hop
        self.objective, self.matching_reduction, self.gain = find_objective(objective), matching_reduction, tuple(gain)
        weights = {"g/adversarial": adversarial, "g/feature_matching": matching}
        weights |= dict.fromkeys(_STFT, stft) | dict.fromkeys(_SUBBAND_STFT, subband_stft)
        weights |= dict(zip(_MEL, mel, strict=True))
        used = {name: weight for name, weight in weights.items() if weight}
        super().__init__(
            make_generator=lambda: make_generator(True), sample_rate=self.front_end.sample_rate,
            discriminator_start=discriminator_start,
            loss_weights={"d/adversarial": 1.0, "d/real": 0.0, "d/fake": 0.0, **used}, **kwargs,
        )  # fmt: skip
        self._inference = _Inference(self, lambda: make_generator(False))

    def _check_settings(self, hop, segment_length, context, objective, start, reconstruction, gain):
        if segment_length < hop or segment_length % hop:
            raise ValueError(f"segment_length must be a multiple of the hop, {hop}. Received: {segment_length}")
        if context < self.aux_context:
            raise ValueError(f"context must be at least {self.aux_context} mel frames. Received: context={context}")
        if objective not in OBJECTIVES:
            raise ValueError(f"objective must be one of {', '.join(OBJECTIVES)}. Received: objective={objective!r}")
        if len(gain) != 2 or not 0 < gain[0] <= gain[1]:
            raise ValueError(f"gain must be two factors, 0 < lowest <= highest. Received: gain={gain}")
        if start and not any(reconstruction):
            raise ValueError(
                f"discriminator_start={start} leaves the generator without a loss until then. Give stft_loss, mel_l1 "
                "or mel_l2 a weight."
            )

    def synthesise(self, generator, mel, noise, with_context=False):
        """The generator's output for mel [batch, frames, n_mels].

        `noise(samples)` gives [batch, samples, 1]; with_context: `mel` has `aux_context` true frames more at each end.
        """
        return generator(mel)

    def to_audio(self, output):
        """The generator's output as audio [batch, samples, 1]: sub-bands are joined."""
        return self.pqmf.synthesis(output) if self.pqmf else output

    def pair(self, batch, draws):
        """Crops [batch, length, 1] -> (the audio that is compared, the mel it is made from), at a drawn gain."""
        low, high = self.gain
        batch = ops.convert_to_tensor(batch) * (
            low + (high - low) * draws.fold("gain").uniform((ops.shape(batch)[0], 1, 1))
        )
        first, count = self.context - self.aux_context, self.segment_frames + 2 * self.aux_context
        mel = self.front_end(batch)[:, first : first + count]
        start = self.context * self.hop_length
        return batch[:, start : start + self.segment_frames * self.hop_length], mel

    def _fake(self, mel, draws):
        noise = lambda samples: draws.fold("noise").normal((ops.shape(mel)[0], samples, 1))  # noqa: E731
        return ops.cast(self.synthesise(self.generator, mel, noise, with_context=True), "float32")

    def _discriminator_terms(self, real, fake, mel, draws):
        real_logits, maps = self.discriminator(real)
        fake_logits, _ = self.discriminator(ops.stop_gradient(fake))
        terms = {
            "d/adversarial": self.objective.discriminator(real_logits, fake_logits),
            "d/real": sum(ops.mean(x) for x in real_logits) / len(real_logits),
            "d/fake": sum(ops.mean(x) for x in fake_logits) / len(fake_logits),
        }
        return terms, maps

    def _generator_terms(self, real, output, mel, draws, real_maps):
        """The terms that have a weight; without `real_maps`, those that need no discriminator."""
        fake, terms = self.to_audio(output), {}
        if _STFT[0] in self.loss_weights:
            terms |= dict(zip(_STFT, multi_resolution_stft(real, fake), strict=True))
        if _SUBBAND_STFT[0] in self.loss_weights:
            bands = multi_resolution_stft(self.pqmf.analysis(real), output, SUB_BAND)
            terms |= dict(zip(_SUBBAND_STFT, bands, strict=True))
        if any(name in self.loss_weights for name in _MEL):
            mels = self.front_end(real), self.front_end(fake)
            both = dict(zip(_MEL, (mel_l1(*mels), mel_l2(*mels)), strict=True))
            terms |= {name: value for name, value in both.items() if name in self.loss_weights}
        if real_maps is not None:
            logits, maps = self.discriminator(fake)
            terms["g/adversarial"] = self.objective.generator(logits)
            if "g/feature_matching" in self.loss_weights:
                terms["g/feature_matching"] = feature_matching(real_maps, maps, self.matching_reduction)
        return terms

    def call(self, mel, seed=None, training=False):
        """Mel [batch, frames, n_mels] -> audio [batch, frames * hop, 1], by the generator's moving average.

        Args:
            mel: as `front_end` makes it.
            seed: int [batch], of the noise of a generator that takes noise; None: 0.
            training: no difference: the average is not trained.
        """
        return self._audio(self.ema_generator, mel, seed)

    def _audio(self, network, mel, seed=None, first=0):
        seeds = ops.zeros(ops.shape(mel)[:1], "int64") if seed is None else ops.cast(seed, "int64")
        start = ops.cast(first, "int64") * self.hop_length
        return self.to_audio(self.synthesise(network, mel, lambda n: backend.seeded_normal(seeds, start, n)[..., None]))

    def vocode(self, mel, *, settings=None, seed=0, chunk_frames=CHUNK, precision="float32"):
        """Audio of a mel spectrogram of any length, in flat memory: chunk by chunk, equal to one pass within 1e-6.

        Args:
            mel: float [frames, n_mels].
            settings: what made it, where that is known: a `MelFrontEnd`, its config, or the name of settings. Mels that
                differ from this model's in their logarithm or normalisation alone are converted.
            seed: of the noise, where the generator takes noise.
            chunk_frames: mel frames at a time.
            precision: "float32", or "bfloat16" for the network's weights and arithmetic; noise, the joining of
                sub-bands and the audio are float32 with either. On a CPU with bfloat16 instructions and oneDNN, MelGANs
                take a little over half the time (benchmarks/vocoders.py); on others, more time. Chunks then equal one
                pass within bfloat16's rounding.

        Returns:
            float32 [frames * hop, 1].

        Raises:
            ValueError: another shape, a mel of other settings (both settings are named), or another precision.
        """
        options = {"settings": settings, "seed": seed, "chunk_frames": chunk_frames, "precision": precision}
        return np.concatenate(list(self.stream([mel], **options)))

    def stream(self, mels, *, settings=None, seed=0, chunk_frames=32, precision="float32"):
        """Audio while mel frames arrive.

        The first audio leaves when `chunk_frames + receptive_frames` frames have come, and every chunk after it when
        `chunk_frames` more have: that many hops is the latency, beside the computation (see `latency`).

        Args:
            mels: iterable of float [frames, n_mels], frames in any number.
            settings: as in `vocode`.
            seed: as in `vocode`.
            precision: as in `vocode`.
            chunk_frames: mel frames in a chunk of audio.

        Yields:
            float32 [samples, 1]; joined they are the audio of `vocode`.
        """
        run = self._inference.ready(precision)
        checked = (self._checked_mel(mel, settings) for mel in mels)
        for window in chunking.windows(checked, chunk_frames, self.receptive_frames):
            missing = max(0, self.least_frames - len(window.frames))
            frames = np.pad(window.frames, ((0, missing), (0, 0)), mode="edge")
            audio = run(frames[None], np.array([seed], "int64"), np.int64(window.start - window.before))
            yield window.crop(audio[0], self.hop_length)

    def analyse(self, blocks):
        """Mel spectrograms while audio arrives, in flat memory; joined they are the mel of the whole, as `front_end`'s.

        Args:
            blocks: iterable of float [samples, 1] at `sample_rate`, any lengths; the end is filled up to a whole hop
                with zeros.

        Yields:
            float32 [frames, n_mels], a frame for every hop.
        """
        for window in chunking.windows(self._hops(blocks), CHUNK, -(-self.front_end.n_fft // self.hop_length)):
            audio = window.frames.reshape(1, -1, 1)
            short = max(0, self.front_end.n_fft - audio.shape[1])
            mel = self._inference.analysis(np.pad(audio, ((0, 0), (0, short), (0, 0))))
            yield window.crop(mel[0])

    def _hops(self, blocks):
        """Audio blocks as rows of a hop each."""
        rest = np.zeros(0, "float32")
        for block in blocks:
            audio = np.concatenate([rest, np.asarray(block, "float32").reshape(-1)])
            whole = len(audio) // self.hop_length * self.hop_length
            rest = audio[whole:]
            yield audio[:whole].reshape(-1, self.hop_length)
        if len(rest):
            yield np.pad(rest, (0, self.hop_length - len(rest)))[None]

    def _checked_mel(self, mel, settings):
        if settings is not None:
            mel = self.front_end.convert(np.asarray(mel, "float32"), settings)
        mel = self.front_end.check(mel)
        if mel.ndim != 2:
            raise ValueError(f"a mel spectrogram must be [frames, {self.front_end.n_mels}]. Received: {mel.shape}")
        return mel

    def latency(self, chunk_frames=32):
        """Seconds from a mel frame's arrival to its audio in `stream`, at most, without the computation."""
        return (chunk_frames + self.receptive_frames) * self.hop_length / self.sample_rate

    def generate(self, n=1, seed=0, batch_size=64):
        """A vocoder has nothing to make sounds from: use `vocode`."""
        raise ValueError(f"a {type(self).__name__} makes audio of mel spectrograms: use vocode, not generate")

    def preview(self, real):
        """Recordings [n, samples, 1] through analysis and synthesis."""
        return np.stack([self.vocode(mel)[: real.shape[1]] for mel in ops.convert_to_numpy(self.front_end(real))])

    def previews(self, real):
        """What there is to hear of recordings [n, samples, 1]: {name: float32 [n, samples, 1]}."""
        return {"real": real, "made": self.preview(real)}

    def audio_settings(self):
        """What audio.json of a preset holds: the mel settings too."""
        return {**super().audio_settings(), "mel": self.front_end.get_config()}

    def description(self):
        """As every model's, and what chunks of a long mel need."""
        names = ("hop_length", "receptive_frames", "least_frames")
        return {**super().description(), **{name: getattr(self, name) for name in names}}

    def served_network(self):
        """The moving average's network with weight normalisation folded into plain kernels, up to date."""
        self._inference.ready()
        return self._inference.networks["float32"]

    def signatures(self):
        """Mel to audio, and (added by the export) to and from WAV bytes.

        A generator that takes noise has "part" too: mel from frame `first` of a longer one on, with that noise.
        """
        network = self.served_network()
        mel = {"mel": ((None, None, self.front_end.n_mels), "float32")}
        audio = {"audio": ((None, None, 1), "float32")}
        place = {"seed": ((None,), "int64"), "first": ((None,), "int64")}
        part = Signature(
            mel | place,
            lambda mel, seed, first: {"audio": self._audio(network, mel, seed, first)},
            wav="part_wav",
            steps=32,
        )
        return {
            **({"part": part} if self.takes_noise else {}),
            "serving_default": Signature(mel, lambda mel: {"audio": self._audio(network, mel)}, wav="wav", steps=32),
            "analysis_synthesis": Signature(
                audio,
                lambda audio: {"audio": self._audio(network, self.front_end(audio))},
                wav="wav_to_wav",
                steps=32 * self.hop_length,
            ),
        }

    def portable_signature(self):
        """Mel to audio for runtimes that cannot make seeded noise: noise, where it is taken, is an input."""
        network, n_mels = self.served_network(), self.front_end.n_mels
        inputs = {"mel": ((None, None, n_mels), "float32")}
        inputs |= {"noise": ((None, None, 1), "float32")} if self.takes_noise else {}

        def audio(mel, noise=None):
            return {"audio": self.to_audio(self.synthesise(network, mel, lambda samples: noise))}

        return Signature(inputs, audio, steps=32)


class _Inference:
    """Plain copies of the moving average, one a precision, and compiled functions: not layers of the model."""

    def __init__(self, model, make):
        self.model, self.make, self.networks, self.functions = model, make, {}, {}
        self.analysis = backend.compiled(model.front_end)

    def ready(self, precision="float32"):
        """The function (mel, seeds, first frame) -> audio, with the weights that the model has now."""
        if precision not in PRECISIONS:
            raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}. Received: precision={precision!r}")
        if precision not in self.networks:
            self._make(precision)
        copy, run = self.functions[precision]
        copy()
        return run

    def _make(self, precision):
        with backend.dtype_policy(precision):
            network = self.networks[precision] = self.make()
        self.functions[precision] = (
            backend.compiled_action(lambda: fold(self.model.ema_generator, network)),
            backend.compiled(lambda mel, seeds, first: self.model._audio(network, mel, seeds, first)),
        )


def front_end_of(settings):
    """A `MelFrontEnd` of the name of its settings or of its keywords.

    Raises:
        ValueError: no such name, unknown keywords, or settings that contradict each other.
    """
    if isinstance(settings, MelFrontEnd):
        return settings
    if isinstance(settings, str):
        return MelFrontEnd.from_name(settings)
    try:
        return MelFrontEnd(**settings)
    except TypeError as error:
        names = ", ".join(SETTINGS)
        raise ValueError(f"front_end must be one of {names}, or keywords of MelFrontEnd: {error}") from None
