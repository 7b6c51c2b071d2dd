"""The base of models that make sounds of noise and, if they have labels, of classes: WaveGAN, SpecGAN and their kin."""

import keras
import numpy as np
from keras import ops

from tf_audio_gan import backend, device
from tf_audio_gan.data.labels import soft_labels
from tf_audio_gan.losses.adversarial import objective as find_objective
from tf_audio_gan.losses.classification import accuracy, cross_entropy
from tf_audio_gan.losses.gradient_penalty import gradient_penalty
from tf_audio_gan.models.gan import AudioGAN, Signature

CONDITIONING = {  # how labels enter the generator (by FiLM or beside the latents) and the discriminator
    "concat": (False, "input"),
    "projection": (False, "projection"),
    "film": (True, "projection"),
    "auxiliary": (False, "auxiliary"),
}


class LatentGAN(AudioGAN):
    """A generator of latents uniform in [-1, 1] and labels, against a discriminator of sounds and labels.

    A subclass gives the networks, made with the keywords `classes`, `film` and `labels_by` of `injection`, and says in
    `seen` what the discriminator sees of real audio and in `heard` what sound the generator's output is.

    With labels a batch is a pair, (audio, labels): whole numbers [batch], or soft labels [batch, classes]. The
    discriminator's fakes have the labels of its real examples, so a point of the gradient penalty has one label, and
    only its audio is differentiated (the generator's step too takes the data's labels).

    Args:
        objective: name of an objective, see `losses.adversarial`.
        gradient_penalty: weight of the penalty; used by "wgan_gp" alone.
        labels: names of the classes, in the order of their numbers; empty: no labels.
        conditioning: see `CONDITIONING`.
        label_weights: of the auxiliary classifier's cross-entropy in (the discriminator's, the generator's) loss.
        **kwargs: as `AudioGAN`.
    """

    takes_labels = True

    def __init__(
        self, *, objective, gradient_penalty, labels, conditioning, label_weights=(1.0, 0.1), loss_weights=None,
        **kwargs,
    ):  # fmt: skip
        self.objective, self.labels = find_objective(objective), tuple(labels)
        self._rows = np.eye(len(self.labels), dtype="float32")
        self.auxiliary = bool(self.labels) and self.injection(labels, conditioning)[1]["labels_by"] == "auxiliary"
        weights = {"d/adversarial": 1.0, "d/real": 0.0, "d/fake": 0.0, "g/adversarial": 1.0}
        if self.objective.penalty:
            weights |= {"d/gradient_penalty": gradient_penalty, "d/gradient_norm": 0.0}
        if self.auxiliary:
            weights |= {"d/labels": label_weights[0], "d/label_accuracy": 0.0, "g/labels": label_weights[1]}
        super().__init__(weight_clip=self.objective.weight_clip, loss_weights=weights | (loss_weights or {}), **kwargs)

    @classmethod
    def injection(cls, labels, conditioning):
        """Keywords of the generator and of the discriminator by which labels enter them.

        Raises:
            ValueError: an unknown conditioning, one class, or a name twice.
        """
        if conditioning not in CONDITIONING:
            raise ValueError(f"conditioning must be one of {', '.join(CONDITIONING)}. Received: {conditioning!r}")
        if labels and (len(set(labels)) < 2 or len(set(labels)) < len(labels)):
            raise ValueError(f"labels must be names of at least two classes, all different. Received: {list(labels)}")
        film, labels_by = CONDITIONING[conditioning] if labels else (False, None)
        return {"classes": len(labels), "film": film}, {"classes": len(labels), "labels_by": labels_by}

    def default_optimizer(self):
        """A fresh optimizer with the objective's published settings; both networks use the same."""
        return self.objective.optimizer()

    def latents(self, seeds):
        """Latents by seed: integers [batch] -> [batch, latent_dim], uniform in [-1, 1); the same on every machine."""
        return backend.seeded_uniform(seeds, self.latent_dim) * 2 - 1

    def seen(self, audio):
        """What the discriminator sees of real audio [batch, length, channels]."""
        return audio

    def heard(self, made):
        """Audio [batch, length, channels] of the generator's output."""
        return made

    def call(self, latents, labels=None, training=False):
        """Latents [batch, latent_dim], soft labels [batch, classes] if it has them -> audio [batch, length, channels].

        By the generator's moving average.
        """
        return self.heard(self.ema_generator(latents, labels, training=False))

    def generate(self, n=1, seed=0, batch_size=64, labels=None):
        """Makes sounds.

        Args:
            n: how many.
            seed: sound i is that of seed + i, so any of them can be made again alone; or a list of n seeds.
            batch_size: how many at a time.
            labels: one for all, or n of them: names, numbers, or soft labels ([classes], or {name: weight}); None: of
                seed s it is class s modulo the number of classes, so that consecutive seeds take every class in turn.

        Returns:
            float32 array [n, length, channels].

        Raises:
            ValueError: labels that there are not, labels for a model without any, or n below 1.
        """
        seeds = self.seeds(n, seed)
        return self.generate_from(ops.convert_to_numpy(self.latents(seeds)), batch_size, self.soft(labels, seeds))

    def soft(self, labels, seeds):
        """Soft labels float32 [n, classes] of what `generate` takes as labels; None for a model without any."""
        if not self.labels:
            return super().soft(labels, seeds)
        labels = np.asarray(seeds) % len(self.labels) if labels is None else labels
        return soft_labels(labels, self.labels, len(seeds))

    @backend.no_gradients()
    def generate_from(self, latents, batch_size=64, labels=None):
        """Makes sounds of latents [n, latent_dim], soft labels [n, classes]: float32 array [n, length, channels]."""
        places = [slice(i, i + batch_size) for i in range(0, len(latents), batch_size)]
        parts = [(latents[at],) if labels is None else (latents[at], labels[at]) for at in places]
        return np.concatenate([ops.convert_to_numpy(self(*part)) for part in parts])

    def parts(self, data):
        """The batch of each discriminator step: audio, or with labels (audio, soft labels)."""
        parts = super().parts(data)
        if not self.labels:
            return parts
        return list(zip(parts, self._split(self._checked_labels(data)), strict=True))

    def _checked_labels(self, data):
        _, labels, _ = keras.utils.unpack_x_y_sample_weight(data)
        classes, found = len(self.labels), "none"
        if labels is not None:
            dtype, shape = keras.backend.standardize_dtype(labels.dtype), tuple(labels.shape)
            if len(shape) == 1 and "int" in dtype:
                return self._one_hot(labels)
            if shape[1:] == (classes,) and "float" in dtype:
                return ops.cast(labels, "float32")
            found = f"{dtype} {list(shape)}"
        raise ValueError(
            f"a batch must be a pair, (audio, labels), of labels int [batch] below {classes} or float "
            f"[batch, {classes}]. Received: {found}. `dataset(sounds, ..., labels=True)` makes such batches."
        )

    @staticmethod
    def pair(batch):
        """A discriminator step's batch as tensors: (audio, soft labels, or None without)."""
        audio, labels = batch if isinstance(batch, tuple) else (batch, None)
        return ops.convert_to_tensor(audio), None if labels is None else ops.convert_to_tensor(labels)

    def _one_hot(self, labels):
        return ops.take(device.constant(self._rows), labels, axis=0)

    def _fake(self, real, draws, labels=None, training=True):
        latents = draws.fold("latents").uniform((ops.shape(real)[0], self.latent_dim)) * 2 - 1
        return self.generator(latents, labels, training=training)

    def discriminator_loss(self, batch, draws):
        """Terms of the discriminator's loss for audio [batch, length, channels], or (audio, soft labels)."""
        audio, labels = self.pair(batch)
        real = ops.stop_gradient(self.seen(audio))
        fake = ops.stop_gradient(self._fake(audio, draws, labels))
        real_logits, features = self.discriminator(real, labels, draws=draws.fold("real"))
        fake_logits, _ = self.discriminator(fake, labels, draws=draws.fold("fake"))
        terms = {
            "d/adversarial": self.objective.discriminator(real_logits, fake_logits),
            "d/real": ops.mean(real_logits[0]),
            "d/fake": ops.mean(fake_logits[0]),
        }
        if self.auxiliary:
            guess = self.discriminator.classify(features[0])
            terms |= {"d/labels": cross_entropy(labels, guess), "d/label_accuracy": accuracy(labels, guess)}
        if self.objective.penalty:
            alpha = draws.fold("alpha").uniform((ops.shape(audio)[0], *[1] * (len(real.shape) - 1)))
            between = draws.fold("between")
            terms["d/gradient_penalty"], terms["d/gradient_norm"] = gradient_penalty(
                lambda x: self.discriminator(x, labels, draws=between)[0][0], real, fake, alpha
            )
        return terms

    def generator_loss(self, batch, draws):
        """Terms of the generator's loss; of the real audio only the number of examples counts, and their labels."""
        audio, labels = self.pair(batch)
        logits, features = self.discriminator(self._fake(audio, draws, labels), labels, draws=draws.fold("fake"))
        terms = {"g/adversarial": self.objective.generator(logits)}
        if self.auxiliary:
            terms["g/labels"] = cross_entropy(labels, self.discriminator.classify(features[0]))
        return terms

    def description(self):
        """As every model's, and the names of the classes."""
        return {**super().description(), **({"labels": list(self.labels)} if self.labels else {})}

    def signatures(self):
        """Signatures for serving: latents to audio, one integer a row to audio; with labels beside them.

        `labels` are whole numbers [batch]; "mix" and "mix_from_seed" take soft ones, float32 [batch, classes].
        """
        latents, seed = {"latents": ((None, self.latent_dim), "float32")}, {"seed": ((None,), "int64")}
        if not self.labels:
            return {
                "serving_default": Signature(latents, lambda latents: {"audio": self(latents)}),
                "from_seed": Signature(seed, lambda seed: {"audio": self(self.latents(seed))}, wav="wav"),
            }
        classes = len(self.labels)
        hard, soft = {"labels": ((None,), "int64")}, {"labels": ((None, classes), "float32")}

        def made(latents, labels):
            told = self._one_hot(labels) if len(labels.shape) == 1 else labels
            return {"audio": self(latents, told)}

        def from_seed(seed, labels):
            return made(self.latents(seed), labels)

        within = {"labels": range(classes)}
        return {
            "serving_default": Signature(latents | hard, made, within=within),
            "from_seed": Signature(seed | hard, from_seed, wav="wav", within=within),
            "mix": Signature(latents | soft, made),
            "mix_from_seed": Signature(seed | soft, from_seed, wav="mix_wav"),
        }
