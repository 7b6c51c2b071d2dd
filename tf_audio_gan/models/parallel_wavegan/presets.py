"""Recipes for Parallel WaveGAN: `tf-audio-gan train NAME SPEECH`."""

RECIPES = {
    # kan-bayashi's v1: 400,000 steps, of which the first 100,000 on spectral losses alone; mels normalised. A GPU.
    "parallel_wavegan": {
        "model": {"name": "parallel_wavegan"},
        "train": {"batch_size": 6, "steps": 400_000, "normalize_mels": True},
    },
    # Ten blocks of half the width for a CPU, on mels with the settings of MelGAN's authors, on spectral losses alone:
    # some three hours of a CPU, for nearly a whisper. Ten times the mel loss was worse (zoo/parallel_wavegan_speech).
    "parallel_wavegan_speech": {
        "model": {
            "name": "parallel_wavegan",
            "front_end": "melgan",
            "segment_length": 8192,
            "blocks": 10,
            "stacks": 1,
            "residual_channels": 32,
            "gate_channels": 64,
            "skip_channels": 32,
            "d_channels": 32,
            "init": "uniform",
            "mel_l1": 1.0,
            "discriminator_start": 1_000_000,
            "gain": [0.285, 0.95],
        },
        "data": {"normalize": "peak"},
        "train": {
            "batch_size": 2,
            "steps": 28_000,
            "learning_rate": 1e-3,
            "learning_rate_halvings": [22_000, 24_500, 26_000, 27_000],
            "normalize_mels": True,
        },
    },
}

# On LJSpeech, by the names of the zoo's architectures, whose cards say how to get it.
RECIPES["parallel_wavegan_ljspeech"] = RECIPES["parallel_wavegan"]
