"""Recipes for SpecGAN: `tf-audio-gan train NAME SOUNDS`. The tables are those of a recipe file (TOML)."""

RECIPES = {
    # The paper's: one second at 16 kHz, d = 64, batch 64; it stopped at about 50,000 steps. A GPU.
    "specgan": {
        "model": {"name": "specgan"},
        "data": {"normalize": "peak"},
        "train": {"batch_size": 64, "steps": 60_000},
    },
    # The same on the paper's spoken digits, one word a file; zoo/specgan_sc09 says how to get them. A GPU.
    "specgan_sc09": {
        "model": {"name": "specgan"},
        "data": {"normalize": "peak", "crop": "start"},
        "train": {"batch_size": 64, "steps": 60_000},
    },
    # Spoken digits or other words by their label, one word a file in a folder named after it, on a CPU: at 8 kHz, with
    # a floor for files that end with the word. Two hours of a core.
    "specgan_digits": {
        "model": {
            "name": "specgan", "sample_rate": 8000, "length": 8192, "strides": [2, 2, 2, 2, 2], "dim": 16,
            "critic_steps": 2, "floor": 1e-2, "conditioning": "film",
        },
        "data": {"normalize": "peak", "crop": "start", "labels": "folder"},
        "train": {"batch_size": 16, "steps": 5_500, "learning_rate": 3e-4, "learning_rate_halvings": [4500, 5000]},
    },
    # The same without labels, as the paper's.
    "specgan_digits_unconditional": {
        "model": {
            "name": "specgan", "sample_rate": 8000, "length": 8192, "strides": [2, 2, 2, 2, 2], "dim": 16,
            "critic_steps": 2, "floor": 1e-2,
        },
        "data": {"normalize": "peak", "crop": "start"},
        "train": {"batch_size": 16, "steps": 5_500, "learning_rate": 3e-4, "learning_rate_halvings": [4500, 5000]},
    },
}  # fmt: skip
