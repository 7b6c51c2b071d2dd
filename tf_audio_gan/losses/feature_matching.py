"""Feature matching: the distance of a discriminator's hidden layers between real and generated audio."""

from keras import ops

REDUCTIONS = {
    "official_code": "descriptinc/melgan-neurips: the sum times 4 / (maps - 1) / scales, 0.8 / 3 for 3 scales of 6",
    "paper": "Kumar et al. 2019, eq. 3: the sum over scales and maps; 3.75 times the code's for MelGAN",
    "mean": "kan-bayashi: the mean over maps, then over scales; 1 / 4.8 of the official code's",
}


def feature_matching(real, fake, reduction="official_code"):
    """L1 distance of feature maps, each averaged over its elements (MelGAN eq. 3, there times 10).

    No gradient flows to the real ones. The distance shrinks as the discriminator weakens, too: near 0 from the start of
    training means that it sees nothing, not that the sounds are good.

    Args:
        real: a list for each scale of the maps for real audio, any shapes.
        fake: the same for generated audio.
        reduction: how the distances are weighted, one of `REDUCTIONS`.

    Returns:
        float32 scalar, not negative.

    Raises:
        ValueError: for an unknown reduction, no maps, or lists or maps of different shapes.
    """
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction must be one of {', '.join(REDUCTIONS)}. Received: reduction={reduction!r}")
    _check(real, fake)
    total = 0.0
    for reals, fakes in zip(real, fake, strict=True):
        weight = {
            "official_code": 4 / max(len(reals) - 1, 1) / len(real),
            "paper": 1.0,
            "mean": 1 / len(reals) / len(real),
        }[reduction]
        total = total + weight * sum(_l1(r, f) for r, f in zip(reals, fakes, strict=True))
    return total


def _l1(real, fake):
    difference = ops.cast(fake, "float32") - ops.stop_gradient(ops.cast(real, "float32"))
    return ops.mean(ops.abs(difference))


def _check(real, fake):
    counts = [[len(maps) for maps in side] for side in (real, fake)]
    if counts[0] != counts[1] or not counts[0] or 0 in counts[0]:
        raise ValueError(
            "expected as many feature maps for real as for fake, one list a scale, none empty. "
            f"Received: {counts[0]} and {counts[1]} maps"
        )
    for scale, (reals, fakes) in enumerate(zip(real, fake, strict=True)):
        for layer, (r, f) in enumerate(zip(reals, fakes, strict=True)):
            known = [(a, b) for a, b in zip(r.shape, f.shape, strict=False) if None not in (a, b)]
            if len(r.shape) != len(f.shape) or any(a != b for a, b in known):
                raise ValueError(
                    f"map {layer} of scale {scale} has shape {tuple(r.shape)} for real and {tuple(f.shape)} for fake "
                    "audio; expected one shape. Cut both sounds to one length first"
                )
