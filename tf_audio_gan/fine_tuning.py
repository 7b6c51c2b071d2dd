"""Fine-tuning: few sounds are changed a little, and a network that has grown does not grow again."""

from tf_audio_gan import models, run_folder
from tf_audio_gan.data.augment import FEW, FINE_TUNING, KEYS
from tf_audio_gan.data.readers import readers
from tf_audio_gan.models.gan import from_preset


def settle_growth(recipe, run_dir, start):
    """A run that begins with the weights of a preset that has grown does not grow again: in the recipe's [model].

    Args:
        recipe: `Recipe`.
        run_dir: of the run; one that is there goes on as it began.
        start: handle of the preset whose weights a new run begins with, or None.
    """
    kind = models.model_class(recipe.model["name"])
    if start is None or not kind.going_on:
        return
    before = run_folder.options(run_dir, "model")
    if before is None:
        preset = from_preset(start)
        grown = isinstance(preset, kind) and preset.grown()
    else:
        grown = all(before.get(key) == value for key, value in kind.going_on.items())
    if grown:
        recipe.model |= kind.going_on


def prepare(recipe, run_dir, start, augment):
    """Settles, before sounds are opened, what is known of the changes, in the recipe.

    Args:
        recipe: `Recipe`; its [data] table gets or loses the keys of `augment.KEYS`.
        run_dir: of the run; one that is there goes on as it began.
        start: handle of the preset whose weights a new run begins with, or None.
        augment: True, False, or None: see `training.train`.

    Returns:
        sounds -> (the same or changed ones, a line about it or an empty text), for once they are open.

    Raises:
        ValueError: augment=True for a model whose examples cannot be changed.
    """
    known = {
        key
        for reader in readers(models.model_class(recipe.model["name"]).task)
        for key in reader.__init__.__kwdefaults__
    }
    if augment and not known.intersection(KEYS):
        raise ValueError(
            f"examples for {recipe.model['name']} cannot be changed further: noise is mixed in anew for each of "
            "them, and [data] gain varies their level. Leave --augment out."
        )
    if augment is False:
        recipe.data = {key: value for key, value in recipe.data.items() if key not in KEYS}
    elif augment:
        recipe.data = {**FINE_TUNING, **recipe.data}
    before = run_folder.options(run_dir, "data")
    if augment is None and before and not recipe.data.keys() & KEYS:
        recipe.data |= {key: before[key] for key in KEYS if key in before}
    asks = augment is None and before is None and start is not None and not recipe.data.keys() & KEYS
    return lambda sounds: _if_few(sounds, recipe) if asks else (sounds, "")


def _if_few(sounds, recipe):
    count = getattr(sounds, "examples", FEW)
    if count >= FEW:
        return sounds, ""
    recipe.data |= FINE_TUNING
    sounds = sounds.augmented(**FINE_TUNING)
    return sounds, (
        f"few sounds to fine-tune on ({count} examples in a pass, under {FEW}): every example is changed a little "
        f"({sounds.augment.words()}; --no-augment leaves them as they are), and a long run will still learn them by "
        "heart: listen while it trains\n"
    )
