"""Networks for judges, by name: `tf-audio-gan judge train SOUNDS --network NAME`."""

NETWORKS = {
    # Words, drum kinds and the like on a CPU: the classifier's defaults, 64 features.
    "light": {"model": {}, "train": {"epochs": 30}},
    # Labels that are pitches: fine bands that are never pooled away, and nothing that moves the pitch.
    "pitch": {
        "model": {
            "n_fft": 4096, "hop_length": 512, "n_mels": 192, "fmin": 20.0, "fmax": 5000.0, "kernel_size": 5,
            "filters": [16, 32, 32], "pools": [[2, 2], [2, 2], [2, 2]], "speed": 0.0, "mel_mask": 0.0,
        },
        "train": {"transpose": 6},
    },
    # The classifier of WaveGAN's Inception score (Donahue et al. 2019; their code): 1,331,850 weights at ten classes.
    "sc09": {
        "model": {
            "n_fft": 1024, "hop_length": 128, "n_mels": 128, "fmin": 40.0, "fmax": 7800.0, "log_floor": 1e-6,
            "norm": "bands", "kernel_size": 5, "filters": [128, 128, 128, 128], "head": "flatten", "feature_dim": 0,
            "dropout": 0.0, "gain_db": 0.0, "shift": 0.0, "speed": 0.0, "colour_db": 0.0, "noise_db": None,
            "time_mask": 0.0, "mel_mask": 0.0,
        },
        "train": {"optimizer": "sgd", "learning_rate": 1e-4, "batch_size": 64, "epochs": 354},
    },
}  # fmt: skip
