"""The base of models whose generator runs once a step: for the discriminator's update and for its own."""

import math

from tf_audio_gan import backend
from tf_audio_gan.models.gan import AudioGAN


class OnePassGAN(AudioGAN):
    """A generator that answers a condition: its one pass serves the discriminator's update, then its own through that.

    A subclass writes four parts: `pair(batch, draws)` -> (what is real, the condition); `_fake(condition, draws)` ->
    the generator's output, float32; `_discriminator_terms(real, fake, condition, draws)` -> (terms, feature maps of the
    real, a list for each scale); `_generator_terms(real, output, condition, draws, maps)` -> terms, and those that need
    no discriminator where `maps` is None. `to_audio` is overridden where the generator's output is not what the
    discriminator judges.

    Args:
        discriminator_start: generator steps before the discriminator takes part; math.inf: it never does, and is
            neither evaluated nor trained.
    """

    def __init__(self, *, discriminator_start, **kwargs):
        super().__init__(critic_steps=1, weight_clip=0.0, **kwargs)
        self.discriminator_start = discriminator_start

    def phase_at(self, step):
        """The phase "adversarial", or "reconstruction" before the discriminator takes part."""
        return "adversarial" if step >= self.discriminator_start else "reconstruction"

    def to_audio(self, output):
        """The generator's output as what the discriminator judges."""
        return output

    def updates(self, parts, step):
        """One pass of the generator, the discriminator's update with it, the generator's update through that."""
        draws, variables = backend.Draws(self.seed, step, ("g",)), self.generator.trainable_variables
        real, condition = self.pair(parts[0], draws)
        output, pull = backend.pullback(lambda: self._fake(condition, draws), variables)
        maps = None
        if (self.phase or "adversarial") == "adversarial":
            maps = self._update_discriminator(real, self.to_audio(output), condition, draws)
        slope, terms = backend.gradient_at(
            lambda y: self._with_total(self._generator_terms(real, y, condition, draws, maps)), output
        )
        backend.apply_gradients(self.optimizer, pull(slope), variables)
        self.watch(terms)

    def _with_total(self, terms):
        return self.total(terms), terms

    def _update_discriminator(self, real, fake, condition, draws):
        """Returns the feature maps of what is real, by scale, as they were before the update."""

        def total():
            terms, maps = self._discriminator_terms(real, fake, condition, draws)
            flat = {(i, j): x for i, scale in enumerate(maps) for j, x in enumerate(scale)}
            return self.total(terms), terms | flat

        variables = self.discriminator.trainable_variables
        gradients, found = backend.gradients(total, variables)
        backend.apply_gradients(self.d_optimizer, gradients, variables)
        self.watch({name: value for name, value in found.items() if name in self.means})
        maps = {place: value for place, value in found.items() if place not in self.means}
        return [[maps[i, j] for j in range(_length(maps, i))] for i in range(_length(maps))]

    def discriminator_loss(self, batch, draws):
        """Terms of the discriminator's loss for a batch of examples."""
        real, condition = self.pair(batch, draws)
        fake = self.to_audio(self._fake(condition, draws))
        return self._discriminator_terms(real, fake, condition, draws)[0]

    def generator_loss(self, batch, draws):
        """Terms of the generator's loss for a batch of examples, in the phase after `discriminator_start`."""
        real, condition = self.pair(batch, draws)
        output, maps = self._fake(condition, draws), None
        if self.discriminator_start < math.inf:
            maps = self._discriminator_terms(real, self.to_audio(output), condition, draws)[1]
        return self._generator_terms(real, output, condition, draws, maps)


def _length(places, *first):
    """How many of the keys (i, j) begin with `first`, counted along the next axis."""
    return 1 + max((place[len(first)] for place in places if place[: len(first)] == first), default=-1)
