"""Recipes for Parallel WaveGAN: `tf-audio-gan train NAME SPEECH`."""

RECIPES = {
    # kan-bayashi's v1: 400,000 steps, of which the first 100,000 on spectral losses alone. A GPU.
    "parallel_wavegan": {
        "model": {"name": "parallel_wavegan"},
        "train": {"batch_size": 6, "steps": 400_000},
    },
}
