"""When a progressive GAN grows: which blocks there are at an image, and how far the newest has faded in."""

from dataclasses import dataclass

from keras import ops


@dataclass(frozen=True)
class Schedule:
    """Stages of training, counted in real images: a stable one of every number of blocks, a fade before each but 1.

    Attributes:
        blocks: of the full network.
        stable_images: length of a stable stage; the last one has no end.
        fade_images: length of a fade.
        batch_size: images a step.
        progressive: False: all blocks from the start.
    """

    blocks: int
    stable_images: int = 800_000
    fade_images: int = 800_000
    batch_size: int = 8
    progressive: bool = True

    def __post_init__(self):
        for name, least in {"blocks": 1, "stable_images": 0, "fade_images": 1, "batch_size": 1}.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise ValueError(f"{name} must be a whole number from {least}. Received: {name}={value!r}")

    def stages(self):
        """[(blocks, whether the newest is fading in, first image)], in order."""
        if not self.progressive:
            return [(self.blocks, False, 0)]
        found, start = [], 0
        for blocks in range(1, self.blocks + 1):
            if blocks > 1:
                found.append((blocks, True, start))
                start += self.fade_images
            if self.stable_images or blocks == self.blocks:
                found.append((blocks, False, start))
            start += self.stable_images
        return found

    def stage_at(self, step):
        """The stage of a step: (blocks, whether the newest is fading in, first image)."""
        return [stage for stage in self.stages() if stage[2] <= step * self.batch_size][-1]

    def restarts(self):
        """The first step of every stage but the first: where optimizers begin anew."""
        return [-(-start // self.batch_size) for _, _, start in self.stages()[1:]]

    def share(self, step, start):
        """How far a fade that began at image `start` has come at a step, in [0, 1]; `step` as of `steps_taken`."""
        if isinstance(step, int):
            return min(max((step * self.batch_size - start) / self.fade_images, 0.0), 1.0)
        images = ops.cast(ops.cast(step, "int64") * self.batch_size - start, "float32")
        return ops.clip(images / self.fade_images, 0.0, 1.0)
