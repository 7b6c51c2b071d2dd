"""GANSynth: notes with a pitch and a timbre (Engel et al., ICLR 2019, arXiv 1902.08710)."""

import math

import keras
import numpy as np
from keras import ops

from tf_audio_gan import backend
from tf_audio_gan.audio.wave_pictures import pictures_of
from tf_audio_gan.device import at_least
from tf_audio_gan.losses.classification import accuracy, cross_entropy
from tf_audio_gan.losses.gradient_penalty import gradient_penalty as penalty
from tf_audio_gan.models.gan import Signature
from tf_audio_gan.models.gansynth import scaling
from tf_audio_gan.models.gansynth.networks import Discriminator, Generator, pooled, upscaled
from tf_audio_gan.models.gansynth.schedule import Schedule
from tf_audio_gan.models.gansynth.slerp import slerp
from tf_audio_gan.models.latent_gan import LatentGAN
from tf_audio_gan.optimizers import RestartingAdam

PITCHES = tuple(str(pitch) for pitch in range(24, 85))
_AT_ONCE = 8  # sounds that are made together, unless asked otherwise: 0.2 GB each in the last block


@keras.saving.register_keras_serializable("tf_audio_gan")
class GANSynth(LatentGAN):
    """Generates notes of a pitch and of latents, which are its timbre, by way of pictures of magnitude and frequency.

    The networks start with pictures of frames / 2^(blocks - 1) x bins / 2^(blocks - 1) and grow: stable stages and
    fades by turns, counted in images (`Schedule`), natively at each stage's size. A step is one of the generator, then
    one of the discriminator: WGAN-GP on pictures in physical units, a drift term, and the cross-entropy of the pitch
    (the discriminator's on real notes alone, the generator's on its own, whose pitches are drawn as often as the data
    has them). Optimizers begin anew with each stage. `adapt` counts the pitches (`train` calls it).

    The defaults are Magenta's best, IF-Mel at high frequency resolution: 7,311,246 + 6,831,230 parameters, 11 million
    images at batch 8. Train on pairs (audio [batch, length, 1], numbers of pitches [batch]).

    What is healthy: `d/label_accuracy` rises to near 1 within the first stages, `g/label_accuracy` follows;
    `d/gradient_norm` is near 1; `d/real` stays within some tens of 0. `stage/blocks`, `stage/share` (of the newest
    block) and `stage/thousand_images` say where training is.

    Args:
        sample_rate: Hz.
        length: samples of a note.
        representation: "phase", "if" or "if_mel" (`NotePictures`), or "wave" (`WavePictures`).
        frames: of a picture; with `bins` 128 x 1024, the paper's "+H", or 256 x 512, or smaller for small machines. Of
            "wave" 65536 x 1.
        bins: of a picture, a power of two; windows have 2 x bins samples, frames are bins / 2 apart.
        mel_variant: "magenta" or "true" (`gansynth_mel`).
        discard_dc: drop the lowest bin; False: the highest.
        griffin_lim: iterations that make the phases of a generated picture fit its magnitudes, see `NotePictures`. 0 is
            the paper's; a network of little training hits more pitches with 8.
        normalizer: how pictures are brought into [-1, 1]: "magenta", its constants, made for "if_mel"; "simple", the
            least and largest value of each channel in 1000 examples, with a margin of 0.2; "frequency", those of each
            bin; "none", the identity, as it is for waves.
        blocks: of both networks, each of which doubles the picture, or makes a wave four times as long.
        latent_dim: numbers in a latent vector, standard normal.
        filters: block b has filters / 2^b channels,
        max_filters: but no more than this.
        labels: MIDI pitches in ascending order, as texts; `train` takes those of the data.
        label_weights: of the pitch's cross-entropy in the discriminator's and the generator's loss.
        projection: the discriminator sees which pitch a note should have (Miyato and Koyama 2018), beside guessing it.
            False is the paper's, whose generator need but fool the guess: after little training some pitches are
            another note.
        gradient_penalty: weight of the penalty.
        drift: weight of the mean square of the discriminator's logits of real notes.
        consistency: weight of how far a picture is from that of its sound, in the generator's last stage; 0: not
            computed.
        batch_size: examples a step, by which images are counted; a batch of another size is refused.
        stable_images: images of a stage of constant size.
        fade_images: images while a block fades in.
        progressive: False: all blocks from the start.
        ema: decay of the generator's moving average, from which sounds are generated.
        seed: of initial weights and of every draw in training, below 2^32.
    """

    channels = 1
    going_on = {"progressive": False}
    shown = (*LatentGAN.shown, "stage/blocks", "stage/share", "stage/thousand_images")

    def __init__(
        self, sample_rate=16000, length=64000, representation="if_mel", frames=128, bins=1024, mel_variant="magenta",
        discard_dc=True, normalizer="magenta", blocks=7, latent_dim=256, filters=4096, max_filters=256, labels=PITCHES,
        label_weights=(10.0, 10.0), gradient_penalty=10.0, drift=0.001, consistency=0.0, batch_size=8,
        stable_images=800_000, fade_images=800_000, progressive=True, ema=0.999, seed=0, griffin_lim=0,
        projection=False, **kwargs,
    ):  # fmt: skip
        size = {"sample_rate": sample_rate, "length": length, "frames": frames, "bins": bins}
        how = {"mel_variant": mel_variant, "discard_dc": discard_dc, "griffin_lim": griffin_lim}
        self.pictures = pictures_of(representation, **size, **how)
        grows = {"stable_images": stable_images, "fade_images": fade_images, "batch_size": batch_size}
        grows["progressive"] = progressive
        self.schedule = Schedule(blocks, **grows)
        scaling.check(normalizer, representation, consistency)
        labels = scaling.checked_pitches(labels)
        shared = {"blocks": blocks, "classes": len(labels), "base": filters, "most": max_filters, "seed": seed}
        g_keywords = {"latent_dim": latent_dim, "frequency": normalizer == "frequency"}
        weights = {"d/drift": drift, "g/label_accuracy": 0.0}
        weights |= {"g/consistency": consistency} if consistency else {}
        weights |= dict.fromkeys(("stage/blocks", "stage/share", "stage/thousand_images"), 0.0)
        training = {"gradient_penalty": gradient_penalty, "ema": ema, "seed": seed}
        training |= {"labels": labels, "label_weights": list(label_weights)}
        super().__init__(
            make_generator=lambda: Generator(frames, bins, **shared, **g_keywords),
            make_discriminator=lambda: Discriminator(frames, bins, projection=projection, **shared),
            objective="wgan_gp", conditioning="auxiliary", critic_steps=1, sample_rate=sample_rate,
            loss_weights=weights, **training, **kwargs,
        )  # fmt: skip
        self.length, self.latent_dim, self.normalizer = length, latent_dim, normalizer
        for network in (self.generator, self.ema_generator):
            scaling.set_constants(network.facts, normalizer)
        self.config = {
            **size, "representation": representation, **how, "normalizer": normalizer, "blocks": blocks,
            "latent_dim": latent_dim, "filters": filters, "max_filters": max_filters, "drift": drift,
            "consistency": consistency, "projection": projection, **grows, **training,
        }  # fmt: skip

    @property
    def pitches(self):
        """MIDI pitches in the order of their classes: int64 [classes]."""
        return np.array(self.labels, "int64")

    def adapt(self, sounds, progress=None):
        """Counts the notes of each pitch; with the normalizer "simple" or "frequency" also measures 1000 examples.

        Args:
            sounds: `Sounds` of this model's sample rate, length and pitches (`with_labels`); or float audio
                [n, length, 1], alone (then the counts stay) or in a pair with the numbers of pitches [n].
            progress: show a bar; None = on a terminal.

        Raises:
            ValueError: the data does not fit the model.
        """
        facts = scaling.facts_of(self, sounds, progress)
        for network in (self.generator, self.ema_generator):
            network.facts.assign(**facts)

    def make_train_function(self, force=False):
        """As the base class's; ValueError where the scale was to be measured and was not (`adapt`)."""
        if self.normalizer in scaling.MEASURED and backend.whole(self.generator.facts.measured) == 0:
            raise ValueError(
                f"normalizer={self.normalizer!r} is measured on the training data before the first step. Call "
                "model.adapt(sounds) with what it is to be trained on."
            )
        super().make_train_function(force)

    def default_optimizer(self):
        """Adam 8e-4 without momentum, beta_2 0.99, that begins anew with each stage; both networks use the same."""
        return RestartingAdam(8e-4, beta_1=0.0, beta_2=0.99, epsilon=1e-8, restarts=self.schedule.restarts())

    def phase_at(self, step):
        """The stage: (blocks, whether the newest is fading in, first image)."""
        return self.schedule.stage_at(step)

    def latents(self, seeds):
        """Latents by seed: integers [batch] -> [batch, latent_dim], standard normal; the same on every machine."""
        return backend.seeded_normal(seeds, 0, self.latent_dim)

    def between(self, latents, others, weight):
        """As every model's, along the great circle: normal latents have one length, about, and so has what is between.

        Args:
            latents: float [..., latent_dim].
            others: float [..., latent_dim].
            weight: float that broadcasts to [..., 1], in [0, 1].
        """
        return slerp(latents, others, weight)

    def stage(self):
        """Of the generator as it is: (blocks, share of the newest in the picture; None: all of it)."""
        progress = float(ops.convert_to_numpy(self.ema_generator.facts.progress))
        blocks = min(self.schedule.blocks, int(np.ceil(progress)) + 1)
        share = progress - (blocks - 2)
        return blocks, None if share == 1 or blocks == 1 else share

    def grown(self):
        """Whether the generator has all of its blocks, the newest faded in."""
        return self.stage() == (self.schedule.blocks, None)

    def call(self, latents, labels=None, training=False, stage=None):
        """Latents [batch, latent_dim], soft labels [batch, classes] -> audio [batch, length, 1], by the moving average.

        `stage`: that of `stage()`, where a graph is traced and no variable can be read.
        """
        blocks, share = stage or self.stage()
        made = self.ema_generator(latents, labels, blocks=blocks, share=share, training=False)
        return self.heard(self.ema_generator.facts.denormalise(made))

    def heard(self, made):
        """Sounds of pictures in physical units, of any of the sizes: audio [batch, length, 1] in [-1, 1].

        A sound whose peak would pass 1 is made quieter as a whole.
        """
        factor = math.isqrt(self.pictures.frames * self.pictures.bins // (made.shape[1] * made.shape[2]))
        audio = self.pictures.audio(upscaled(made, factor, self.generator.tall))
        return audio / at_least(ops.max(ops.abs(audio), axis=1, keepdims=True), 1.0)

    def seen(self, audio):
        """Pictures in physical units [batch, frames, bins, 2] of audio [batch, length, 1]."""
        return self.pictures.of(audio)

    def soft(self, labels, seeds):
        """As `LatentGAN.soft`; None: of each seed a pitch drawn as often as the data has it."""
        if labels is None:
            counts = np.cumsum(ops.convert_to_numpy(self.ema_generator.facts.counts), dtype="float64")
            drawn = ops.convert_to_numpy(backend.seeded_uniform(np.asarray(seeds), 1))[:, 0]
            labels = np.searchsorted(counts / counts[-1], drawn, side="right")
        return super().soft(labels, seeds)

    def generate(self, n=1, seed=0, batch_size=_AT_ONCE, labels=None, pitch=None):
        """Makes notes.

        Args:
            n: how many.
            seed: the timbre of note i is that of seed + i; or a list of n seeds.
            batch_size: how many at a time.
            labels: as of every model: pitches as texts ("60"), numbers of classes, or shares.
            pitch: MIDI pitch of all, or n of them; None: of each seed one drawn as often as the data has it.

        Returns:
            float32 array [n, length, 1].

        Raises:
            ValueError: a pitch that the model has not, or n below 1.
        """
        return super().generate(n, seed, batch_size, labels if pitch is None else np.asarray(pitch).astype(str))

    def generate_from(self, latents, batch_size=_AT_ONCE, labels=None):
        """Makes notes of latents [n, latent_dim], soft labels [n, classes]: float32 array [n, length, 1]."""
        return super().generate_from(latents, batch_size, labels)

    def parts(self, data):
        """The batch of a step: (audio, soft labels); ValueError for another number than images are counted by."""
        parts = super().parts(data)
        n, replicas = parts[0][0].shape[0], backend.replicas()[1]
        if n is not None and n * replicas != self.schedule.batch_size:
            raise ValueError(
                f"stages are counted in images, {self.schedule.batch_size} a step ([model] batch_size): a batch must "
                f"hold as many. Received: {n * replicas}"
            )
        return parts

    def updates(self, parts, step):
        """A step of the generator, one of the discriminator, each with draws of its own; then how far it has grown."""
        draws = backend.Draws(self.seed, step, ("g",))
        self._update(self.generator, self.optimizer, self.generator_loss, parts[0], draws)
        self.critic_step(parts[0], step, 0)
        blocks, _, share = self._stage(draws)
        with backend.numbers_made_there():
            share = ops.convert_to_tensor(1.0 if share is None else share, "float32")
            backend.assign([self.generator.facts.progress], [share + (blocks - 2) if blocks > 1 else share - 1])
            images = ops.cast(step, "float32") * (self.schedule.batch_size / 1000)
        self.watch({"stage/blocks": blocks, "stage/share": share, "stage/thousand_images": images})

    def _update(self, network, optimizer, loss, part, draws):
        """As the base class's, of the variables that the stage uses."""

        def total():
            terms = loss(part, draws)
            return self.total(terms), terms

        blocks, fading, _ = self.phase or self.phase_at(0)
        variables = network.used(blocks, fading)
        gradients, terms = backend.gradients(total, variables)
        backend.apply_gradients(optimizer, gradients, variables)
        self.watch(terms)

    def _stage(self, draws):
        """(blocks, root of how many places of the full picture one of the stage's was, share of the newest)."""
        blocks, fading, start = self.phase or self.phase_at(0)
        share = self.schedule.share(draws.step, start) if fading else None
        return blocks, 2 ** (self.schedule.blocks - blocks), share

    def _fake(self, audio, draws, labels=None):
        """(pictures in physical units of the stage's size, their soft labels), as many as there are real examples.

        Of `labels`, or of pitches drawn as often as the data has them.
        """
        blocks, _, share = self._stage(draws)
        n = ops.shape(audio)[0]
        if labels is None:
            counts = ops.cumsum(ops.convert_to_tensor(self.generator.facts.counts))
            drawn = draws.fold("pitch").uniform((n, 1)) * counts[-1]
            labels = self._one_hot(ops.sum(ops.cast(drawn >= counts[None, :-1], "int32"), axis=1))
        latents = draws.fold("latents").normal((n, self.latent_dim))
        made = self.generator(latents, labels, blocks=blocks, share=share, training=True)
        return self.generator.facts.denormalise(made), labels

    def _real(self, audio, draws):
        """Real pictures in physical units, of the stage's size, as blurred as a fading generator's."""
        (_, factor, share), tall = self._stage(draws), self.generator.tall
        full = pooled(self.seen(audio), factor, tall)
        return full if share is None else share * full + (1 - share) * upscaled(pooled(full, 2, tall), 2, tall)

    def _judged(self, pictures, draws, labels=None):
        """What the discriminator, behind its own scaling, says of pictures in physical units: (logits, last maps)."""
        blocks, _, share = self._stage(draws)
        (logits,), (features,) = self.discriminator(
            self.generator.facts.normalise(pictures), blocks=blocks, share=share, labels=labels
        )
        return logits, features

    def discriminator_loss(self, batch, draws):
        """Terms of the discriminator's loss for (audio [batch, length, 1], soft labels [batch, classes]).

        The penalty is that of pictures at full size: of one shrunk to 1 / s^2 of its places the slope there is 1 / s.
        With `projection` fakes have the pitches of the real notes, so that a point between two has one pitch.
        """
        audio, labels = batch
        real = ops.stop_gradient(self._real(audio, draws))
        fake, drawn = self._fake(audio, draws, labels if self.discriminator.projection else None)
        fake, factor = ops.stop_gradient(fake), self._stage(draws)[1]
        real_logits, features = self._judged(real, draws, labels)
        fake_logits, _ = self._judged(fake, draws, drawn)
        alpha = draws.fold("alpha").uniform((ops.shape(audio)[0], 1, 1, 1))

        def judge(x):
            return self._judged(x / factor, draws, labels)[0]

        slopes, norm = penalty(judge, real * factor, fake * factor, alpha)
        guess = self.discriminator.classify(features)
        return {
            "d/adversarial": self.objective.discriminator([real_logits], [fake_logits]),
            "d/real": ops.mean(real_logits), "d/fake": ops.mean(fake_logits),
            "d/gradient_penalty": slopes, "d/gradient_norm": norm, "d/drift": ops.mean(ops.square(real_logits)),
            "d/labels": cross_entropy(labels, guess), "d/label_accuracy": accuracy(labels, guess),
        }  # fmt: skip

    def generator_loss(self, batch, draws):
        """Terms of the generator's loss; of the real audio only the number of examples counts."""
        made, labels = self._fake(batch[0], draws)
        logits, features = self._judged(made, draws, labels)
        guess = self.discriminator.classify(features)
        terms = {"g/adversarial": self.objective.generator([logits])}
        terms |= {"g/labels": cross_entropy(labels, guess), "g/label_accuracy": accuracy(labels, guess)}
        last = (self.phase or self.phase_at(0))[:2] == (self.schedule.blocks, False)
        if self.loss_weights.get("g/consistency") and last:
            terms["g/consistency"] = self.pictures.inconsistency(made)
        return terms

    def signatures(self):
        """Signatures for serving: latents, or one integer a row, and MIDI pitches int64 [batch], to audio.

        "interpolate" takes two seeds and a weight, 0 for the timbre of the first and 1 for that of the second. A pitch
        that the model has not, but amid those that it has, is unknown to the generator: no class at all.
        """
        stage, pitches = self.stage(), self.pitches

        def made(latents, pitch):
            labels = ops.cast(ops.equal(ops.cast(pitch, "int64")[:, None], pitches[None]), "float32")
            return {"audio": self(latents, labels, stage=stage)}

        def from_seed(seed, pitch):
            return made(self.latents(seed), pitch)

        def interpolate(seed, seed_to, weight, pitch):
            return made(self.between(self.latents(seed), self.latents(seed_to), weight[:, None]), pitch)

        latents, seed = {"latents": ((None, self.latent_dim), "float32")}, {"seed": ((None,), "int64")}
        pitch, within = {"pitch": ((None,), "int64")}, {"pitch": range(int(pitches[0]), int(pitches[-1]) + 1)}
        way = seed | {"seed_to": ((None,), "int64"), "weight": ((None,), "float32")} | pitch
        return {
            "serving_default": Signature(latents | pitch, made, within=within),
            "from_seed": Signature(seed | pitch, from_seed, wav="wav", within=within),
            "interpolate": Signature(way, interpolate, wav="interpolate_wav", within=within),
        }

    def audio_settings(self):
        """As every model's, and how pictures are made."""
        names = ("kind", "frames", "bins", "n_fft", "hop_length", "front", "discard_dc")
        return {
            **super().audio_settings(),
            "pictures": {n: getattr(self.pictures, n) for n in names if hasattr(self.pictures, n)},
        }
