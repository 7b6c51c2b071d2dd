"""ControlGAN: a classifier of its own makes the generator obey labels (Lee and Seok 2019, arXiv 1708.00598)."""

import keras
from keras import ops

from tf_audio_gan import backend, models
from tf_audio_gan.losses.classification import accuracy, cross_entropy
from tf_audio_gan.models.wavegan.wavegan import WaveGAN

_GAIN_DB, _SHIFT = 6.0, 0.1  # how what the classifier hears varies; the shift is a share of the length
_NOISE_DB = -80.0, -20.0
_STILL = {"dropout": 0.0, "gain_db": 0.0, "shift": 0.0, "speed": 0.0, "colour_db": 0.0, "noise_db": None}
_STILL |= {"time_mask": 0.0, "mel_mask": 0.0}  # its own random numbers would differ between a run and its resumption


@keras.saving.register_keras_serializable("tf_audio_gan")
class ControlGAN(WaveGAN):
    """A WaveGAN of three players: discriminator without labels, generator with them, and a classifier of real sounds.

    The classifier (`Classifier`, log-mels) learns from real examples alone. The generator pays gamma times its
    cross-entropy; gamma follows, after every discriminator step, from what the classifier makes of the current fake and
    real examples, by proportional control (the paper's eq. 5): gamma + control_rate (CE(fake) - equilibrium CE(real)),
    kept within [0, control_ceiling]. All that the classifier hears, real or fake, varies in gain, place and noise (not
    in the paper): of fakes as they are it is convinced by details that nobody else hears (docs/labels.md).

    What is healthy: as WaveGAN; `c/real` falls to near 0, `c/gamma` rises while `c/fake` stays above it, then rests.
    At its ceiling for good with `c/fake` high, the generator does not obey: raise the ceiling. The classifier must not
    judge the result: it was obeyed, not convinced. Train another (`train_judge`).

    Args:
        equilibrium: E, the ratio CE(fake) / CE(real) at which gamma rests: 1: fakes as clear as real sounds; below,
            control before realism; above, variety before control.
        control_rate: r, of gamma.
        control_ceiling: largest gamma; that of the authors' code is 2.
        conditioning: of the generator: "concat" or "film".
        **kwargs: as `WaveGAN`; `labels` are required.
    """

    saved_networks = ("discriminator", "classifier")

    def __init__(self, equilibrium=1.0, control_rate=0.001, control_ceiling=2.0, conditioning="concat", **kwargs):
        labels = kwargs.get("labels", ())
        if not labels:
            raise ValueError(
                "a ControlGAN needs labels, names of at least two classes; `train` takes those of the data "
                "(--labels folder). Received none"
            )
        for name, value in {"equilibrium": equilibrium, "control_rate": control_rate}.items():
            if not value > 0:
                raise ValueError(f"{name} must be above 0. Received: {name}={value!r}")
        if not control_ceiling >= 0:
            raise ValueError(f"control_ceiling must be at least 0. Received: control_ceiling={control_ceiling!r}")
        watched = {"c/labels": 1.0, "c/accuracy": 0.0, "c/real": 0.0, "c/fake": 0.0, "c/gamma": 0.0}
        watched |= {"g/labels": 0.0, "g/control": 1.0}
        super().__init__(conditioning=conditioning, loss_weights=watched, **kwargs)
        control = {"equilibrium": equilibrium, "control_rate": control_rate, "control_ceiling": control_ceiling}
        self.config |= control
        self.equilibrium, self.control_rate, self.control_ceiling = control.values()
        shape = {"sample_rate": self.sample_rate, "length": self.length, "channels": self.channels}
        self.classifier = models.classifier_class()(**shape, labels=list(labels), seed=self.seed, **_STILL)
        self.gamma = self.add_weight(shape=(), initializer="zeros", trainable=False, name="gamma", dtype="float32")

    @classmethod
    def injection(cls, labels, conditioning):
        """As `LatentGAN.injection`; the discriminator sees no labels."""
        if conditioning not in ("concat", "film"):
            raise ValueError(f"a ControlGAN's conditioning is concat or film. Received: {conditioning!r}")
        g_keywords, _ = super().injection(labels, conditioning)
        return g_keywords, {"classes": 0, "labels_by": None}

    def compile(self, g_optimizer=None, d_optimizer=None, c_optimizer=None, **kwargs):
        """As `AudioGAN.compile`, with an optimizer for the classifier: Adam 1e-3 unless given."""
        super().compile(g_optimizer, d_optimizer, **kwargs)
        self.c_optimizer = keras.optimizers.get(c_optimizer or keras.optimizers.Adam(1e-3))
        self.c_optimizer.build(self.classifier.trainable_variables)

    def get_compile_config(self):
        return {**super().get_compile_config(), "c_optimizer": keras.optimizers.serialize(self.c_optimizer)}

    def critic_step(self, part, step, k):
        """A step of the discriminator, one of the classifier, and gamma's."""
        super().critic_step(part, step, k)
        draws = backend.Draws(self.seed, step, ("c", k))
        self._update(self.classifier, self.c_optimizer, self.classifier_loss, part, draws)
        audio, labels = part
        fake = self._fake(audio, draws, labels)
        both = [self.varied(sounds, draws.fold(name)) for name, sounds in (("real", audio), ("fake", fake))]
        both = ops.concatenate(both)
        real, fake = ops.split(self.classifier(both), 2)
        real, fake = (backend.mean_of_replicas(cross_entropy(labels, logits)) for logits in (real, fake))
        self.watch({"c/real": real, "c/fake": fake, "c/gamma": ops.convert_to_tensor(self.gamma)})
        self.control(real, fake)

    def control(self, real, fake):
        """Moves gamma by the classifier's cross-entropies of real and of fake examples, scalars in nats."""
        with backend.numbers_made_there():
            moved = self.gamma + self.control_rate * (fake - self.equilibrium * real)
            backend.assign([self.gamma], [ops.clip(moved, 0.0, self.control_ceiling)])

    def classifier_loss(self, batch, draws):
        """Terms of the classifier's loss for real (audio, soft labels)."""
        audio, labels = self.pair(batch)
        logits = self.classifier(self.varied(audio, draws), training=True)
        return {"c/labels": cross_entropy(labels, logits), "c/accuracy": accuracy(labels, logits)}

    def generator_loss(self, batch, draws):
        """As `LatentGAN.generator_loss`, and gamma times the classifier's cross-entropy of the labels asked for."""
        audio, labels = self.pair(batch)
        made = self._fake(audio, draws, labels)
        logits, _ = self.discriminator(made, draws=draws.fold("fake"))
        disobeyed = cross_entropy(labels, self.classifier(self.varied(made, draws)))
        control = ops.convert_to_tensor(self.gamma) * disobeyed
        return {"g/adversarial": self.objective.generator(logits), "g/labels": disobeyed, "g/control": control}

    def varied(self, audio, draws):
        """Audio [batch, length, channels], each example in another place, gain and noise."""
        n, reach = ops.shape(audio)[0], int(_SHIFT * self.length)
        padded = ops.pad(audio, ((0, 0), (reach, reach), (0, 0)))
        start = ops.floor(draws.fold("shift").uniform((n, 1, 1)) * (2 * reach + 1))
        places = ops.cast(start, "int32") + ops.arange(self.length, dtype="int32")[None, :, None]
        moved = ops.take_along_axis(padded, ops.broadcast_to(places, (n, self.length, self.channels)), axis=1)
        gain = 10.0 ** ((draws.fold("gain").uniform((n, 1, 1)) * 2 - 1) * (_GAIN_DB / 20))
        quiet, loud = _NOISE_DB
        level = 10.0 ** ((quiet + (loud - quiet) * draws.fold("level").uniform((n, 1, 1))) / 20)
        noise = draws.fold("noise").normal((n, self.length, self.channels))
        return moved * gain + level * noise
