"""A saved model in a process that knows of no class of ours yet."""

import warnings

import tf_audio_gan
from tests.models.one_step import sounds


def loaded(path, n, seed):
    """(the steps of both optimizers, class, `n` sounds, warnings) of a .keras file."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        model = tf_audio_gan.load_model(path)
    steps = int(model.optimizer.iterations), int(model.d_optimizer.iterations)
    return steps, type(model).__name__, sounds(model, n, seed), [str(warning.message) for warning in said]
