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
    # Spoken digits, one word a file, on a CPU.
    "specgan_digits": {
        "model": {"name": "specgan", "dim": 16, "critic_steps": 2},
        "data": {"normalize": "peak", "crop": "start"},
        "train": {"batch_size": 16, "steps": 10_000, "learning_rate": 3e-4},
    },
}
