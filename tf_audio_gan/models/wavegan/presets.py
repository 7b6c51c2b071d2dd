"""Recipes for WaveGAN and ControlGAN: `tf-audio-gan train NAME SOUNDS`. The tables are those of a recipe file."""

RECIPES = {
    # The paper's: one second at 16 kHz, d = 64, batch 64. A GPU.
    "wavegan": {
        "model": {"name": "wavegan"},
        "data": {"normalize": "peak"},
        "train": {"batch_size": 64, "steps": 200_000},
    },
    # The same on the paper's spoken digits, one word a file; zoo/wavegan_sc09 says how to get them. A GPU.
    "wavegan_sc09": {
        "model": {"name": "wavegan"},
        "data": {"normalize": "peak", "crop": "start"},
        "train": {"batch_size": 64, "steps": 200_000},
    },
    # One-shot hits at 16 kHz on a CPU: about a second a step on two cores.
    "wavegan_drums": {
        "model": {"name": "wavegan", "dim": 16},
        "data": {"normalize": "peak", "crop": "start"},
        "train": {"batch_size": 16, "steps": 10_000, "learning_rate": 2e-4},
    },
    # Spoken digits or other words by their label, one word a file in a folder named after it, on a CPU: at 8 kHz, the
    # rate of the Free Spoken Digit Dataset, a word is half as many samples. Two hours of a core.
    "wavegan_digits": {
        "model": {
            "name": "wavegan", "sample_rate": 8000, "length": 8192, "strides": [4, 4, 4, 4, 2], "dim": 16,
            "critic_steps": 2, "conditioning": "film",
        },
        "data": {"normalize": "peak", "crop": "start", "labels": "folder"},
        "train": {"batch_size": 16, "steps": 5_500, "learning_rate": 3e-4},
    },
    # The paper's size with a classifier that makes labels count, for sounds in folders named after their class. A GPU.
    "controlgan": {
        "model": {"name": "controlgan"},
        "data": {"normalize": "peak", "labels": "folder"},
        "train": {"batch_size": 64, "steps": 200_000},
    },
    # The same at 8 kHz, a quarter as wide, on a CPU. Two hours of a core.
    "controlgan_digits": {
        "model": {
            "name": "controlgan", "sample_rate": 8000, "length": 8192, "strides": [4, 4, 4, 4, 2], "dim": 16,
            "critic_steps": 2, "conditioning": "film",
        },
        "data": {"normalize": "peak", "crop": "start", "labels": "folder"},
        "train": {"batch_size": 16, "steps": 3_300, "learning_rate": 3e-4, "learning_rate_halvings": [2800, 3050]},
    },
    # One-shot hits at 44.1 kHz, 1.5 s: the authors' size for their longest slice. A GPU.
    "wavegan_drums_44k": {
        "model": {"name": "wavegan", "sample_rate": 44100, "length": 65536, "dim": 32},
        "data": {"normalize": "peak", "crop": "start"},
        "train": {"batch_size": 64, "steps": 200_000},
    },
}  # fmt: skip
