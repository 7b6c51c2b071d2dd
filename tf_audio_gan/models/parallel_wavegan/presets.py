"""Recipes for Parallel WaveGAN: `tf-audio-gan train NAME SPEECH`."""

RECIPES = {
    # kan-bayashi's v1: 400,000 steps, of which the first 100,000 on spectral losses alone. A GPU.
    "parallel_wavegan": {
        "model": {"name": "parallel_wavegan"},
        "train": {"batch_size": 6, "steps": 400_000},
    },
}

# On LJSpeech, by the names of the zoo's architectures, whose cards say how to get it.
RECIPES["parallel_wavegan_ljspeech"] = RECIPES["parallel_wavegan"]
