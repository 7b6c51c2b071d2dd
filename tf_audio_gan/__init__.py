"""Audio GANs for Keras 3: train on a folder of sounds, publish a preset, export a SavedModel, serve it.

Every public name is loaded when it is first used, so that importing this package costs nothing and imports neither
TensorFlow nor Keras.
"""

import importlib
import os

# TensorFlow's CPU allocator that keeps what it has: without it every tensor of a step is a fresh mapping, and the page
# faults take as long as a WaveGAN's arithmetic. Read at TensorFlow's first operation; TF_CPU_ALLOCATOR_USE_BFC=false
# is respected.
os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")

__version__ = "0.1.0"

_HOMES = {
    "AudioGAN": "models.gan",
    "WaveGAN": "models.wavegan.wavegan",
    "ControlGAN": "models.wavegan.controlgan",
    "SpecGAN": "models.specgan.specgan",
    "GANSynth": "models.gansynth.gansynth",
    "MelGAN": "models.melgan.melgan",
    "MultiBandMelGAN": "models.melgan.melgan",
    "ParallelWaveGAN": "models.parallel_wavegan.parallel_wavegan",
    "SEGAN": "models.segan.segan",
    "SEGANPlus": "models.segan.segan",
    "MelFrontEnd": "audio.mel",
    "load_model": "models.gan",
    "load_recipe": "recipes",
    "from_preset": "models.gan",
    "list_presets": "hub",
    "publish_preset": "publishing",
    "publish_architecture": "publishing",
    "write_zoo_index": "publishing",
    "Sounds": "data.sounds",
    "Notes": "data.notes",
    "extract_nsynth": "data.tf_nsynth",
    "extract_sounds": "data.tf_extract",
    "MixedSpeech": "data.mixed_speech",
    "NoisyPairs": "data.noisy_pairs",
    "prepare_sounds": "data.prepare",
    "dataset": "data.tf_sounds",
    "Batches": "data.batches",
    "train": "training",
    "generate": "generation",
    "render_midi": "playing",
    "vocode": "vocoding",
    "enhance": "enhancement",
    "evaluate": "evaluation",
    "compare": "evaluation",
    "Classifier": "models.classifier.classifier",
    "load_judge": "models.classifier.classifier",
    "train_judge": "judging",
    "write_audio": "audio.io",
    "convert_checkpoint": "convert.checkpoint",
    "export": "exporting",
    "Client": "serving.client",
}

__all__ = [*_HOMES, "__version__"]


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module 'tf_audio_gan' has no attribute {name!r}; public names: {', '.join(__all__)}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted(set(globals()) | set(__all__))
