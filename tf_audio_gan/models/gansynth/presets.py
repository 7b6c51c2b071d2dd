"""Recipes for GANSynth: `tf-audio-gan train NAME NOTES`. The tables are those of a recipe file (TOML)."""

_PUBLISHED = {"batch_size": 8, "steps": 1_375_000}  # 11 million images: four days on a V100

RECIPES = {
    # The paper's best, IF-Mel at 128 x 1024; four seconds at 16 kHz, pitches 24 to 84. A GPU.
    "gansynth": {
        "model": {"name": "gansynth"},
        "data": {"labels": "pitch", "pitches": [24, 84]},
        "train": _PUBLISHED,
    },
    # The same on what the paper trained on: of NSynth (JSON/WAV, or `extract_nsynth`) the acoustic instruments.
    "gansynth_nsynth": {
        "model": {"name": "gansynth"},
        "data": {"labels": "pitch", "pitches": [24, 84], "sources": ["acoustic"]},
        "train": _PUBLISHED,
    },
    # One second at 8 kHz in a picture of 64 x 256, a quarter as wide. With few images the pitch has to be told louder:
    # it is one number beside 16, not 256, weighs more, the discriminator sees it, and steps are larger. Two hours on a
    # CPU.
    "gansynth_notes_cpu": {
        "model": {
            "name": "gansynth", "sample_rate": 8000, "length": 8000, "frames": 64, "bins": 256, "blocks": 6,
            "latent_dim": 16, "label_weights": [10.0, 30.0], "projection": True, "griffin_lim": 8, "filters": 512,
            "max_filters": 64, "stable_images": 4_000, "fade_images": 4_000,
        },
        "data": {"labels": "pitch", "pitches": [48, 72], "normalize": "peak"},
        "train": {"batch_size": 8, "steps": 9_000, "learning_rate": 2e-3},
    },
}  # fmt: skip
