"""The base class of every model: two networks, two optimizers, one step. Subclasses write the losses."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np
from keras import ops

from tf_audio_gan import backend, models, optimizers
from tf_audio_gan.models.saving import Presets


@dataclass(frozen=True)
class Signature:
    """One way of calling a served model.

    Attributes:
        inputs: {name: (shape with None for the batch, dtype)}.
        function: keyword tensors -> {name: tensor}, in keras.ops.
        wav: name under which an export adds the same with WAV files for audio ("wav"), or none.
        steps: how long the axis of no fixed length is in examples and warm-up requests.
        within: {name of an integer input: range}; an export refuses numbers outside it.
    """

    inputs: dict
    function: Callable
    wav: str = ""
    steps: int = 0
    within: dict = field(default_factory=dict)


class AudioGAN(Presets, keras.Model):
    """A generator, its moving average, a discriminator, and the step that trains them.

    A subclass gives the networks and their loss weights to `__init__`, sets `config` (its constructor's keywords), and
    writes `discriminator_loss(batch, draws)`, `generator_loss(batch, draws)` (dicts of scalar terms, a name for every
    key of `loss_weights`), `latents(seeds)`, `default_optimizer()` and `signatures()`. It never sees a gradient, an
    optimizer, a replica or a file.

    Train with `compile()` and `fit(dataset)` on batches of critic_steps x batch_size examples: axis 0 is split, so that
    every discriminator step sees real examples of its own. Logs are means over the epoch, named by path.

    Args:
        make_generator: () -> network; called twice, the second for the moving average.
        make_discriminator: () -> network.
        sample_rate: Hz.
        critic_steps: discriminator steps for each generator step.
        ema: decay of the generator's moving average, in [0, 1); shorter at the start: min(ema, (1 + t) / (10 + t)).
        seed: of every draw in training.
        weight_clip: bound of the discriminator's variables after each of its steps; 0: none.
        loss_weights: {term: weight}; a weight of 0 is watched, not trained on.
    """

    task = "generation"
    going_on = {}  # keywords of a model that begins with the weights of a preset that `grown()` says is complete
    takes_labels = False  # whether `labels`, names of classes, is a keyword of the constructor
    labels = ()
    shown = ("d/adversarial", "g/adversarial")  # of the log, beside the bar while it trains

    def __init__(
        self, *, make_generator, make_discriminator, sample_rate, critic_steps, ema, seed, weight_clip, loss_weights,
        **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        if not isinstance(critic_steps, int) or critic_steps < 1:
            raise ValueError(f"critic_steps must be a whole number from 1. Received: critic_steps={critic_steps!r}")
        if not 0 <= ema < 1:
            raise ValueError(f"ema must be a decay in [0, 1). Received: ema={ema!r}")
        if not isinstance(seed, int) or not 0 <= seed < 2**32:
            raise ValueError(f"seed must be a whole number from 0 to 2^32 - 1. Received: seed={seed!r}")
        self.sample_rate, self.critic_steps, self.ema, self.seed = sample_rate, critic_steps, ema, seed
        self.weight_clip, self.loss_weights = weight_clip, loss_weights
        self.generator = make_generator()
        self.ema_generator = make_generator()
        self.ema_generator.trainable = False
        self.discriminator = make_discriminator()
        self.means = {name: keras.metrics.Mean(name=name) for name in loss_weights}
        self.config, self.phase = {}, None
        self.built = True

    def adapt(self, sounds, progress=None):
        """Takes from the training data what a model must know before its first step: nothing, unless a model overrides.

        `train` calls it once, on every worker, before a run's first step, never when the run goes on; whoever calls
        `fit` calls it before. What it finds belongs into variables, which checkpoints and presets carry.

        Args:
            sounds: `Sounds`, or float audio [n, length, channels].
            progress: show a bar; None = on a terminal.
        """

    def preview(self, real):
        """Eight sounds that show how training goes: float32 [8, length, channels]; `real` is a batch of examples."""
        return self.generate(8, seed=0)

    def call(self, latents, training=False):
        """Latents [batch, latent_dim] -> audio [batch, length, channels], by the generator's moving average."""
        return self.ema_generator(latents, training=False)

    def generate(self, n=1, seed=0, batch_size=64):
        """Makes sounds.

        Args:
            n: how many.
            seed: sound i is that of seed + i, so any of them can be made again alone; or a list of n seeds.
            batch_size: how many at a time.

        Returns:
            float32 array [n, length, channels].
        """
        return self.generate_from(ops.convert_to_numpy(self.latents(self.seeds(n, seed))), batch_size)

    def seeds(self, n, seed):
        """The seeds of n sounds, int64 [n]: seed, seed + 1, ...; or `seed` itself if it is n of them."""
        try:
            seeds = np.arange(n, dtype="int64") + np.int64(seed) if np.ndim(seed) == 0 else np.asarray(seed, "int64")
        except OverflowError:
            raise ValueError(f"a seed must fit into 64 bits. Received: seed={seed!r}") from None
        if n < 1 or len(seeds) != n:
            raise ValueError(f"n must be at least 1, and seed an integer or n of them. Received: n={n}, seed={seed!r}")
        return seeds

    def between(self, latents, others, weight):
        """Latents on the way from some to others: the straight line at `weight` in [0, 1], which broadcasts."""
        return latents + weight * (others - latents)

    def soft(self, labels, seeds):
        """Soft labels [n, classes] of n seeds: None for a model without labels; ValueError if any are given to it."""
        if labels is not None:
            raise ValueError(f"this {type(self).__name__} has no labels. Received: labels={labels!r}")

    @backend.no_gradients()
    def generate_from(self, latents, batch_size=64):
        """Makes sounds from latents [n, latent_dim]: float32 array [n, length, channels]."""
        parts = [latents[i : i + batch_size] for i in range(0, len(latents), batch_size)]
        return np.concatenate([ops.convert_to_numpy(self(part)) for part in parts])

    def default_d_optimizer(self):
        """A fresh optimizer for the discriminator: of the generator's kind, unless a model says otherwise."""
        return self.default_optimizer()

    def optimizers(self, learning_rate=None):
        """Both default optimizers, (generator's, discriminator's); a learning rate replaces their published ones."""
        pair = self.default_optimizer(), self.default_d_optimizer()
        if learning_rate is None:
            return pair
        return tuple(optimizers.with_rate(optimizer, learning_rate) for optimizer in pair)

    def compile(self, g_optimizer=None, d_optimizer=None, **kwargs):
        """Sets the optimizers (default: the objective's published ones), each built on its own network's variables."""
        wrong = {"optimizer", "loss"} & kwargs.keys()
        if wrong or (g_optimizer is not None and g_optimizer is d_optimizer):
            raise ValueError(
                "a GAN has its own losses and two optimizers: compile(g_optimizer=..., d_optimizer=...), two objects. "
                f"Received: {', '.join(sorted(wrong)) or 'one optimizer for both'}"
            )
        super().compile(optimizer=g_optimizer or self.default_optimizer(), loss=None, **kwargs)
        self.d_optimizer = keras.optimizers.get(d_optimizer or self.default_d_optimizer())
        self.optimizer.build(self.generator.trainable_variables)
        self.d_optimizer.build(self.discriminator.trainable_variables)

    def phase_at(self, step):
        """What kind of step comes after `step` generator steps: a Python value that `updates` finds in `self.phase`.

        A model whose training changes on the way (a discriminator that starts later, a network that grows) overrides
        this; each phase is traced once, and a resumed run enters the phase it left.
        """
        return None

    def make_train_function(self, force=False):
        """As Keras' own, with one traced function for each phase; the host counts the steps."""
        self._taken = backend.whole(self.optimizer.iterations)
        if self.train_function is not None and not force:
            return
        functions = {}

        def step_in_phase(iterator):
            self.phase = self.phase_at(self._taken)
            if self.phase not in functions:
                super(AudioGAN, self).make_train_function(force=True)
                functions[self.phase], self.train_function = self.train_function, step_in_phase
            self._taken += self.steps_per_execution
            return functions[self.phase](iterator)

        self.train_function = step_in_phase

    @backend.no_gradients()
    def train_step(self, data):
        """One generator step and what belongs to it (`updates`), the moving average, the logs."""
        step = backend.steps_taken(self.optimizer)
        self.updates(self.parts(data), step)
        self._average(step)
        return {name: backend.as_log(mean.result()) for name, mean in self.means.items()}

    def updates(self, parts, step):
        """`critic_steps` discriminator steps, one generator step: each on examples and random numbers of its own."""
        for k, part in enumerate(parts):
            self.critic_step(part, step, k)
        self._update(
            self.generator, self.optimizer, self.generator_loss, parts[-1], backend.Draws(self.seed, step, ("g",))
        )

    def critic_step(self, part, step, k):
        """The k-th discriminator step before generator step `step`, and what else learns from real examples."""
        draws = backend.Draws(self.seed, step, ("d", k))
        self._update(self.discriminator, self.d_optimizer, self.discriminator_loss, part, draws)
        if self.weight_clip:
            weights = self.discriminator.trainable_variables
            with backend.numbers_made_there():
                backend.assign(weights, [ops.clip(w, -self.weight_clip, self.weight_clip) for w in weights])

    def parts(self, data):
        """What `fit` hands over as a list of `critic_steps` batches, one for each discriminator step."""
        batch, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        return self._split(self._checked(batch))

    def _checked(self, batch):
        """The batch as float32; ValueError unless it is audio [batch, length, channels] in floating point."""
        shape, dtype = tuple(batch.shape), keras.backend.standardize_dtype(batch.dtype)
        if shape[1:] != (self.length, self.channels) or "float" not in dtype:
            raise ValueError(
                f"a batch must be float audio [batch, {self.length}, {self.channels}] in [-1, 1]. "
                f"Received: {dtype} {list(shape)}. `Sounds` and `dataset` make such batches."
            )
        return ops.cast(batch, "float32")

    def _split(self, batch):
        n, replicas = batch.shape[0], backend.replicas()[1]
        if n is None and replicas > 1:
            raise ValueError(
                f"on {replicas} replicas every batch must have the same size, known beforehand, and divide by the "
                f"{replicas} replicas x critic_steps={self.critic_steps}. Received: a batch of unknown size. "
                f"Use .batch(batch_size, drop_remainder=True)."
            )
        if n is not None and n % self.critic_steps:
            fits = n // self.critic_steps * self.critic_steps or self.critic_steps
            each = f"on each of {replicas} replicas " if replicas > 1 else ""
            raise ValueError(
                f"a batch must hold critic_steps x batch_size examples on axis 0. Received: {each}{n} examples with "
                f"critic_steps={self.critic_steps}. {fits} would do."
            )
        return ops.split(batch, self.critic_steps)

    def _update(self, network, optimizer, loss, part, draws):
        def total():
            terms = loss(part, draws)
            return self.total(terms), terms

        variables = network.trainable_variables
        gradients, terms = backend.gradients(total, variables)
        backend.apply_gradients(optimizer, gradients, variables)
        self.watch(terms)

    def total(self, terms):
        """The weighted sum of loss terms, divided by the replicas over which its gradients are summed."""
        weighted = [self.loss_weights[name] * term for name, term in terms.items() if self.loss_weights[name]]
        return sum(weighted) / backend.replicas()[1]

    def watch(self, terms):
        """Enters terms into the means that are logged."""
        for name, term in terms.items():
            backend.update_mean(self.means[name], term)

    def _average(self, step):
        keep = backend.early_decay(self.ema, step)
        now, averages = self.generator.variables, self.ema_generator.variables
        backend.assign(
            averages,
            [
                a + (1 - keep) * (v - a) if v.trainable else ops.convert_to_tensor(v)
                for v, a in zip(now, averages, strict=True)
            ],
        )

    def served_network(self):
        """The network whose variables an export holds."""
        return self.ema_generator

    def get_config(self):
        return {"name": self.name, **self.config}

    def get_compile_config(self):
        serialize = keras.optimizers.serialize
        return {"g_optimizer": serialize(self.optimizer), "d_optimizer": serialize(self.d_optimizer)}

    def compile_from_config(self, config):
        self.compile(**{name: keras.optimizers.deserialize(value) for name, value in config.items()})

    def audio_settings(self):
        """What audio.json of a preset holds, JSON."""
        return {"sample_rate": self.sample_rate, "length": self.length, "channels": self.channels}

    def description(self):
        """What an export says of itself to those who only reach a server (its signature `describe`), JSON."""
        return {"model": type(self).__name__, "task": self.task, **self.audio_settings()}


def from_preset(handle):
    """The model of a preset, of whichever class it is.

    Args:
        handle: a preset's folder, or its name in the zoo.

    Returns:
        An `AudioGAN`, not compiled.
    """
    return AudioGAN.from_preset(handle)


def load_model(path):
    """Loads a model saved by `model.save("x.keras")`, optimizers included, in a process that knows no model yet.

    Args:
        path: of a .keras file.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path} does not exist. For a preset's folder use tf_audio_gan.from_preset.")
    models.register_all()
    return keras.saving.load_model(path)
