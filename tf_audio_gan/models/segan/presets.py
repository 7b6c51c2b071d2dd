"""Recipes for SEGAN and SEGAN+: `tf-audio-gan train NAME SPEECH --noise NOISE`."""

_LIGHT = {"name": "segan_plus", "width": 0.125}
_LIGHT_DATA = {"snr": [-5.0, 15.0], "normalize": "peak", "gain": [0.2, 1.0]}
_LIGHT_TRAIN = {"batch_size": 16, "steps": 5000, "learning_rate": 5e-4}

RECIPES = {
    # The paper's: 86 epochs of 48,700 windows, batches of 400. A GPU.
    "segan": {
        "model": {"name": "segan"},
        "train": {"batch_size": 400, "steps": 10_500},
    },
    # The authors' PyTorch code: 100 epochs, batches of 300. A GPU.
    "segan_plus": {
        "model": {"name": "segan_plus"},
        "train": {"batch_size": 300, "steps": 16_300},
    },
    # An eighth of the channels, for a CPU.
    "segan_plus_light": {"model": {**_LIGHT}, "data": {**_LIGHT_DATA}, "train": {**_LIGHT_TRAIN}},
    # The same generator on the distance of waveforms alone: what the discriminator adds is the difference to this.
    "segan_plus_light_l1": {
        "model": {**_LIGHT, "adversarial": 0.0},
        "data": {**_LIGHT_DATA},
        "train": {**_LIGHT_TRAIN},
    },
    # That baseline with distances of complex spectrograms for half of the weight.
    "segan_speech": {
        "model": {**_LIGHT, "adversarial": 0.0, "wave_l1": 50.0, "stft_l1": 25.0},
        "data": {**_LIGHT_DATA},
        "train": {**_LIGHT_TRAIN},
    },
}

# On VoiceBank-DEMAND, by the names of the zoo's architectures, whose cards say how to get it.
RECIPES["segan_vctk"] = RECIPES["segan"]
RECIPES["segan_plus_vctk"] = RECIPES["segan_plus"]
