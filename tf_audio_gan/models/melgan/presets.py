"""Recipes for MelGAN and Multi-band MelGAN: `tf-audio-gan train NAME SPEECH`."""

RECIPES = {
    # The authors': 22.05 kHz, batches of 16 x 8192 samples, 2.5 million steps. A GPU.
    "melgan": {
        "model": {"name": "melgan"},
        "data": {"normalize": "peak"},
        "train": {"batch_size": 16, "steps": 2_500_000},
    },
    # kan-bayashi's v2: a million steps, of which the first 200,000 on spectral losses alone; mels normalised. A GPU.
    "multiband_melgan": {
        "model": {"name": "multiband_melgan"},
        "train": {"batch_size": 64, "steps": 1_000_000, "normalize_mels": True},
    },
    # A half-width network for a CPU, of the authors' mel settings, with a mel loss, at a rate that falls. No
    # discriminator: a few thousand steps of it do harm (zoo/multiband_melgan_speech).
    "multiband_melgan_speech": {
        "model": {
            "name": "multiband_melgan",
            "front_end": "melgan",
            "segment_length": 8192,
            "channels": 192,
            "d_max_channels": 256,
            "mel_l1": 10.0,
            "adversarial": 1.0,
            "feature_matching": 4.0,
            "discriminator_start": 1_000_000,
            "gain": [0.285, 0.95],
        },
        "data": {"normalize": "peak"},
        "train": {
            "batch_size": 8,
            "steps": 22_500,
            "log_steps": 100,
            "learning_rate": 1e-3,
            "learning_rate_halvings": [16_500, 18_500, 20_500, 21_500],
        },
    },
}

# On LJSpeech, by the names of the zoo's architectures, whose cards say how to get it.
RECIPES["melgan_ljspeech"] = RECIPES["melgan"]
RECIPES["multiband_melgan_ljspeech"] = RECIPES["multiband_melgan"]
