"""Recipes for MelGAN and Multi-band MelGAN: `tf-audio-gan train NAME SPEECH`."""

_OFFICIAL = {"normalize": "peak", "gain": [0.285, 0.95]}  # peak to 0.95, then times 0.3 to 1

RECIPES = {
    # The authors': 22.05 kHz, batches of 16 x 8192 samples, 2.5 million steps. A GPU.
    "melgan": {
        "model": {"name": "melgan"},
        "data": _OFFICIAL,
        "train": {"batch_size": 16, "steps": 2_500_000},
    },
    # kan-bayashi's v2: a million steps, of which the first 200,000 on spectral losses alone. A GPU.
    "multiband_melgan": {
        "model": {"name": "multiband_melgan"},
        "train": {"batch_size": 64, "steps": 1_000_000},
    },
}
