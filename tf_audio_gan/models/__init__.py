"""One folder a model, and the base class they share.

`MODELS` is the list of them; a model's class is imported when it is asked for.
"""

import importlib

MODELS = {
    "wavegan": "WaveGAN",
    "controlgan": "ControlGAN",
    "specgan": "SpecGAN",
    "gansynth": "GANSynth",
    "melgan": "MelGAN",
    "multiband_melgan": "MultiBandMelGAN",
    "parallel_wavegan": "ParallelWaveGAN",
    "segan": "SEGAN",
    "segan_plus": "SEGANPlus",
}
_FOLDERS = {"controlgan": "wavegan", "multiband_melgan": "melgan", "segan_plus": "segan"}  # if not the model's name
_FILES = {"controlgan": "controlgan"}  # if not the folder's name


def model_class(name):
    """The class of the model called `name`, e.g. "wavegan"; ValueError names those there are."""
    if not isinstance(name, str) or name not in MODELS:
        raise ValueError(f"there is no model called {name!r}. Models: {', '.join(MODELS)}")
    folder = _FOLDERS.get(name, name)
    file = _FILES.get(name, folder)
    return getattr(importlib.import_module(f"tf_audio_gan.models.{folder}.{file}"), MODELS[name])


def classifier_class():
    """The class of judges, which a model may train one of for itself."""
    return importlib.import_module("tf_audio_gan.models.classifier.classifier").Classifier


def recipes():
    """Every named recipe of every model: {name: {"model": {...}, "data": {...}, "train": {...}}}."""
    found = {}
    for name in dict.fromkeys(_FOLDERS.get(name, name) for name in MODELS):
        found |= importlib.import_module(f"tf_audio_gan.models.{name}.presets").RECIPES
    return found


def register_all():
    """Imports every model, so that Keras can find its registered class in a saved file."""
    for name in MODELS:
        model_class(name)
    classifier_class()
