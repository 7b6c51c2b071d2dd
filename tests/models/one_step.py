"""One training step of a saved case, under whichever backend: python one_step.py FOLDER OUT.npz."""

import json
import sys
from pathlib import Path

import keras
import numpy as np
from keras import ops

from tf_audio_gan import models


def one_step(folder):
    """Takes the step; returns {name: array} of two sounds before it, of losses and of updated weights."""
    folder = Path(folder)
    case = json.loads((folder / "case.json").read_text())
    model = models.model_class(case["model"])(**case["keywords"])
    compile_plainly(model, case["rate"])
    model.load_weights(folder / "model.weights.h5")
    batch = [np.load(folder / f"{name}.npy") for name in ("batch", "labels") if (folder / f"{name}.npy").exists()]
    before = sounds(model, 2, seed=3)
    logs = model.fit(*batch, batch_size=len(batch[0]), epochs=1, verbose=0, shuffle=False).history
    found = {f"loss {name}": np.array(values[-1]) for name, values in logs.items()}
    for network in (getattr(model, name) for name in ("generator", "ema_generator", *model.saved_networks)):
        found |= {f"weight {v.path} {i}": ops.convert_to_numpy(v) for i, v in enumerate(network.variables)}
    return found | {"sounds": before}


def compile_plainly(model, rate):
    """Plain gradient descent for all of its networks: what it updates by is what the losses' gradients are."""
    more = {"c_optimizer": keras.optimizers.SGD(rate)} if hasattr(model, "classifier") else {}
    model.compile(keras.optimizers.SGD(rate), keras.optimizers.SGD(rate), **more)


def sounds(model, n, seed):
    """What a model makes, whatever it makes it of: float32 [n, samples, channels], sound i of seed + i."""
    if model.task == "generation":
        return model.generate(n, seed=seed)
    if model.task == "enhancement":
        noisy = [np.random.default_rng(seed + i).uniform(-0.5, 0.5, (2 * model.window + 9, 1)) for i in range(n)]
        return np.stack([model.enhance(sound, seed=seed + i) for i, sound in enumerate(noisy)])
    mels = [np.random.default_rng(seed + i).normal(-2, 1, (12, model.front_end.n_mels)) for i in range(n)]
    return np.stack([model.vocode(mel.astype("float32"), seed=seed + i) for i, mel in enumerate(mels)])


if __name__ == "__main__":
    np.savez(sys.argv[2], **one_step(sys.argv[1]))
