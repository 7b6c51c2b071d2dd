"""The base class of models that enhance speech: noisy in, clean out. Subclasses give networks and their settings."""

import math

import numpy as np
from keras import ops

from tf_audio_gan import backend
from tf_audio_gan.audio.cross_fade import cross_faded, half_frames
from tf_audio_gan.audio.emphasis import DeEmphasis, Emphasis, check_coefficient, de_emphasis, pre_emphasis
from tf_audio_gan.chunking import CrossFade, half_overlapping
from tf_audio_gan.losses.adversarial import objective as find_objective
from tf_audio_gan.losses.spectral import complex_stft
from tf_audio_gan.models.gan import Signature
from tf_audio_gan.models.one_pass import OnePassGAN

OBJECTIVES = {"lsgan": 2.0, "hinge": 1.0}  # factor of the discriminator's term: SEGAN's least squares are not halved
GROUP = 8  # windows that are enhanced at a time, in an exported graph too
_WAVE, _STFT = ("g/wave_l1", "g/wave_l2"), ("g/stft_l1", "g/stft_l2")


class Enhancer(OnePassGAN):
    """A generator from noisy windows (and latents) to clean ones, trained on batches of both.

    Batches are [batch, window + 1, 2]: clean and noisy, raw. The step emphasises high frequencies of both, for which
    the first sample is context alone; networks and distances see pre-emphasised windows. The discriminator judges pairs
    (clean or enhanced, noisy). One generator pass serves the discriminator's update and the generator's, which goes
    through the updated discriminator.

    Args:
        make_generator: () -> network, (noisy [batch, window, 1], latents or None) -> [batch, window, 1].
        make_discriminator: () -> network as `models.segan.networks.Discriminator`.
        window: samples that the networks see, even.
        latent_shape: (steps, channels) of a window's latents; None: the generator takes none.
        objective: "lsgan" or "hinge".
        adversarial: weight of the generator's adversarial term; 0: the discriminator is neither evaluated nor trained.
        wave, stft: weights of the (L1, L2) distances of waveforms and of complex spectrograms.
        stft_parts: factors of (real and imaginary parts, magnitudes) within those.
        stft_resolutions, stft_compression: see `losses.spectral.complex_stft`.
        pre_emphasis: coefficient in [0, 1).
    """

    task = "enhancement"
    channels = 2

    def __init__(
        self, *, window, latent_shape, objective, adversarial, wave, stft, stft_parts, stft_resolutions,
        stft_compression, pre_emphasis, **kwargs,
    ):  # fmt: skip
        self._check_settings(window, objective, adversarial, (*wave, *stft), stft_parts, stft_resolutions)
        check_coefficient(pre_emphasis)
        weights = {"g/adversarial": adversarial} | dict(zip(_WAVE + _STFT, (*wave, *stft), strict=True))
        used = {name: weight for name, weight in weights.items() if weight}
        if adversarial:
            used = {"d/adversarial": 1.0, "d/real": 0.0, "d/fake": 0.0, **used}
        super().__init__(loss_weights=used, discriminator_start=0 if adversarial else math.inf, **kwargs)
        self.window, self.hop, self.length, self.latent_shape = window, window // 2, window + 1, latent_shape
        self.objective, self.d_factor = find_objective(objective), OBJECTIVES[objective]
        self.stft_parts, self.stft_compression, self.pre_emphasis = tuple(stft_parts), stft_compression, pre_emphasis
        self.stft_resolutions = tuple(tuple(r) for r in stft_resolutions)
        self._random = backend.compiled(lambda noisy, seed, first: self._windows(noisy, seed, first))
        self._zeros = backend.compiled(lambda noisy: self.ema_generator(noisy, self._no_latents(noisy)))

    def _check_settings(self, window, objective, adversarial, distances, parts, resolutions):
        if window < 2 or window % 2:
            raise ValueError(f"window must be an even number of samples. Received: window={window}")
        if objective not in OBJECTIVES:
            raise ValueError(f"objective must be one of {', '.join(OBJECTIVES)}. Received: objective={objective!r}")
        if min(adversarial, *distances) < 0 or max(adversarial, *distances) == 0:
            raise ValueError(
                "adversarial, wave_l1, wave_l2, stft_l1 and stft_l2 must be 0 or more, and one of them above 0. "
                f"Received: adversarial={adversarial}, the others {distances}"
            )
        if len(parts) != 2 or min(parts) < 0 or max(parts) == 0:
            raise ValueError(f"stft_parts must be two factors, 0 or more, not both 0. Received: {parts}")
        if not resolutions or any(len(r) != 3 or not 0 < r[2] <= r[0] <= window or r[1] < 1 for r in resolutions):
            raise ValueError(
                "stft_resolutions must be a list of (n_fft, hop_length, win_length), windows within FFTs within the "
                f"{window} samples of a window. Received: {resolutions}"
            )

    def pair(self, batch, draws):
        """A batch [batch, window + 1, 2] -> (clean, noisy), pre-emphasised, [batch, window, 1] each."""
        batch = ops.convert_to_tensor(batch)
        emphasised = pre_emphasis(batch[:, 1:], self.pre_emphasis, batch[:, :1])
        return emphasised[..., :1], emphasised[..., 1:]

    def _fake(self, noisy, draws):
        latents = None
        if self.latent_shape:
            latents = draws.fold("latents").normal((ops.shape(noisy)[0], *self.latent_shape))
        return ops.cast(self.generator(noisy, latents), "float32")

    def _discriminator_terms(self, real, fake, noisy, draws):
        pairs = self._pairs([real, ops.stop_gradient(fake)], noisy)
        (logits,), _ = self.discriminator(pairs, groups=2, draws=draws.fold("d"))
        real_logits, fake_logits = ops.split(logits, 2)
        terms = {
            "d/adversarial": self.d_factor * self.objective.discriminator([real_logits], [fake_logits]),
            "d/real": ops.mean(real_logits),
            "d/fake": ops.mean(fake_logits),
        }
        return terms, []

    def _generator_terms(self, real, output, noisy, draws, maps):
        terms = self._distances(real, output)
        if maps is not None:
            groups = [real, output] if self.discriminator.needs_reference else [output]
            pairs = self._pairs(groups, noisy)
            (logits,), _ = self.discriminator(pairs, groups=len(groups), draws=draws.fold("g"))
            terms["g/adversarial"] = self.objective.generator([ops.split(logits, len(groups))[-1]])
        return terms

    def _pairs(self, groups, noisy):
        """Each group [batch, window, 1] beside the noisy one: [groups x batch, window, 2]."""
        return ops.concatenate([ops.concatenate([x, noisy], axis=-1) for x in groups], axis=0)

    def _distances(self, real, output):
        """The distances that have a weight."""
        difference, terms = output - real, {}
        for name, distance in zip(_WAVE, (ops.abs, ops.square), strict=True):
            if name in self.loss_weights:
                terms[name] = ops.mean(distance(difference))
        for power, name in enumerate(_STFT, 1):
            if name in self.loss_weights:
                found = complex_stft(real, output, power, self.stft_resolutions, self.stft_compression)
                terms[name] = sum(factor * part for factor, part in zip(self.stft_parts, found, strict=True))
        return terms

    def call(self, noisy, latents=None, training=False):
        """Noisy windows [batch, window, 1] -> enhanced ones, by the generator's moving average.

        Each is a signal of its own: silence before it, nothing faded.

        Args:
            noisy: raw audio.
            latents: [batch, *latent_shape]; None: zeros.
            training: no difference: the average is not trained.
        """
        emphasised = pre_emphasis(ops.cast(noisy, "float32"), self.pre_emphasis)
        latents = self._no_latents(noisy) if latents is None else latents
        return de_emphasis(self.ema_generator(emphasised, latents), self.pre_emphasis)

    def latents(self, seeds, first=0, count=1):
        """Latents of the windows `first` to `first + count` of signals: int [batch] -> [batch x count, *latent_shape].

        Standard normal, named by (seed, window); `first` may be int [batch]; None for a generator that takes none.
        """
        if not self.latent_shape:
            return None
        size = math.prod(self.latent_shape)
        first = ops.cast(first, "int64") * size
        return ops.reshape(backend.seeded_normal(seeds, first, count * size), (-1, *self.latent_shape))

    def _no_latents(self, noisy):
        return ops.zeros((ops.shape(noisy)[0], *self.latent_shape)) if self.latent_shape else None

    def _windows(self, noisy, seed, first):
        """Pre-emphasised windows [n, window, 1] of one signal, enhanced; `first` is the number of the first."""
        noisy = ops.reshape(noisy, (-1, self.window, 1))
        return self.ema_generator(noisy, self.latents(seed, first, ops.shape(noisy)[0]))

    def enhance(self, noisy, *, seed=0, zeros=False, blend=0.0, batch_size=GROUP):
        """Enhances a signal of any length: `stream` of it.

        Args:
            noisy: float [samples] or [samples, 1] at `sample_rate`.
            seed: as in `stream`.
            zeros: as in `stream`.
            blend: as in `stream`.
            batch_size: as in `stream`.

        Returns:
            float32 of the same shape, not clipped.
        """
        noisy = np.asarray(noisy)
        parts = list(self.stream([noisy], seed=seed, zeros=zeros, blend=blend, batch_size=batch_size))
        return np.concatenate([np.zeros((0, 1), "float32"), *parts]).reshape(noisy.shape)

    def stream(self, blocks, *, seed=0, zeros=False, blend=0.0, batch_size=GROUP):
        """Enhances audio while it arrives, in flat memory; the result does not depend on the blocks' lengths.

        Windows overlap by half and are cross-faded (Hann); pre-emphasis before and de-emphasis after them are those of
        the whole signal. The first audio leaves when `batch_size + 1` half windows have come and one sample more.

        Args:
            blocks: iterable of float [samples, 1] or [samples] at `sample_rate`, any lengths.
            seed: of the latents: window k of a signal gets those of (seed, k).
            zeros: latents of 0 instead.
            blend: share of the noisy signal in the output, 0 to 1.
            batch_size: windows at a time.

        Yields:
            float32 [samples, 1], not clipped; joined as long as the input.

        Raises:
            ValueError: another shape, integers, numbers that are not finite, or a blend, seed or batch_size out of
                range.
        """
        if not 0 <= blend <= 1 or batch_size < 1 or not -(2**63) <= seed < 2**63:
            raise ValueError(
                "blend must be from 0 to 1, batch_size at least 1 and seed fit into 64 bits. "
                f"Received: blend={blend}, batch_size={batch_size}, seed={seed}"
            )
        return self._stream(blocks, seed, zeros, blend, batch_size)

    def _stream(self, blocks, seed, zeros, blend, batch_size):
        fade, restored = CrossFade(self.hop), DeEmphasis(self.pre_emphasis)
        seeds = np.array([seed], "int64")
        for group in half_overlapping(Emphasis(self.pre_emphasis).each(blocks), self.hop, batch_size):
            frames = group.frames[..., None]
            made = self._zeros(frames) if zeros else self._random(frames, seeds, np.int64(group.first))
            audio = (1 - blend) * fade(made[..., 0], group.last)[: len(group.samples)] + blend * group.samples
            yield restored(audio)[:, None]

    def generate(self, n=1, seed=0, batch_size=64):
        """An enhancer has nothing to make sounds from: use `enhance`."""
        raise ValueError(f"a {type(self).__name__} makes clean speech of noisy speech: use enhance, not generate")

    def preview(self, real):
        """The noisy sounds of examples [n, length, 2], enhanced: float32 [n, window, 1]."""
        return np.stack([self.enhance(noisy) for noisy in np.asarray(real, "float32")[:, 1:, 1:]])

    def previews(self, real):
        """What there is to hear of examples [n, length, 2]: {name: float32 [n, window, 1]}."""
        real = np.asarray(real, "float32")
        return {"clean": real[:, 1:, :1], "noisy": real[:, 1:, 1:], "enhanced": self.preview(real)}

    def audio_settings(self):
        """What audio.json of a preset holds: of one channel, in windows of `length`."""
        settings = {"length": self.window, "channels": 1, "pre_emphasis": self.pre_emphasis}
        return {**super().audio_settings(), **settings}

    def save_to_preset(self, folder, metadata=None, discriminator=True, dtype="float32"):
        """As `AudioGAN.save_to_preset`; a discriminator that no training reaches is left out."""
        super().save_to_preset(folder, metadata, discriminator and self.discriminator_start < math.inf, dtype)

    def enhanced(self, audio, seed=None, first=0):
        """Audio [batch, samples, 1] of any length -> the same enhanced, in one graph: `enhance` within rounding.

        The graph's memory is that of a few groups of windows, and of the audio.

        Args:
            audio: float, at `sample_rate`.
            seed: int [batch], of the latents; None: 0.
            first: int [batch], number of each signal's first window, for one that is a part of a longer one.
        """
        seed = ops.zeros(ops.shape(audio)[:1], "int64") if seed is None else ops.cast(seed, "int64")
        first = ops.cast(first, "int64")
        samples = ops.shape(audio)[1]
        count = ops.maximum(-(-samples // self.hop) - 1, 1)
        groups = -(-count // GROUP)
        size = -(-count // groups)  # windows in a group: as many in each, so that few are of padding
        emphasised = pre_emphasis(ops.cast(audio, "float32"), self.pre_emphasis)
        made = self._grouped(half_frames(emphasised, self.hop, groups * size), groups, size, seed, first)
        return de_emphasis(cross_faded(made, count)[:, :samples], self.pre_emphasis)

    def _grouped(self, frames, groups, size, seed, first):
        """Windows of each signal, [batch, groups x size, window], enhanced group by group."""
        frames = ops.transpose(ops.reshape(frames, (-1, groups, size, self.window)), (1, 0, 2, 3))

        def one(given):
            number, frames = given
            latents = self.latents(seed, first + ops.cast(number * size, "int64"), size)
            made = self.ema_generator(ops.reshape(frames, (-1, self.window, 1)), latents)
            return ops.reshape(made, (-1, size, self.window))

        made = ops.map(one, (ops.arange(groups, dtype="int32"), frames))
        return ops.reshape(ops.transpose(made, (1, 0, 2, 3)), (-1, groups * size, self.window))

    def signatures(self):
        """Windows with latents or a seed, and signals of any length (to and from WAV files, added by the export).

        "part" is "enhance" for a signal that begins with window `first` of a longer one.
        Latents are an input of the default signature, so that it is a plain function of its inputs, which LiteRT and
        ONNX can hold, too. They are as many numbers as a window's samples; `from_seed` spares clients sending them.
        """
        noisy = {"noisy": ((None, self.window, 1), "float32")}
        whole = Signature(
            {"audio": ((None, None, 1), "float32")}, lambda audio: {"audio": self.enhanced(audio)}, wav="wav_to_wav",
            steps=2 * self.window + self.hop // 2,
        )  # fmt: skip
        if not self.latent_shape:
            return {"serving_default": Signature(noisy, lambda noisy: {"audio": self(noisy)}), "enhance": whole}
        return {
            "serving_default": Signature(
                {**noisy, "latents": ((None, *self.latent_shape), "float32")},
                lambda noisy, latents: {"audio": self(noisy, latents)},
            ),
            "from_seed": Signature(
                {**noisy, "seed": ((None,), "int64")},
                lambda noisy, seed: {"audio": self(noisy, self.latents(seed))},
            ),
            "enhance": whole,
            "part": Signature(
                {**whole.inputs, "seed": ((None,), "int64"), "first": ((None,), "int64")},
                lambda audio, seed, first: {"audio": self.enhanced(audio, seed, first)},
                wav="part_wav",
                steps=whole.steps,
            ),
        }
