"""What the peers' own code computed from random weights: tests/fixtures."""

from pathlib import Path

import numpy as np

FIXTURES = Path(__file__).parent / "fixtures"


def peer(name):
    """(arrays, state dict) of one fixture; arrays as the peer has them: PyTorch's are [batch, channels, time]."""
    with np.load(FIXTURES / f"{name}.npz") as file:
        held = dict(file)
    state = {key.removeprefix("weights/"): value for key, value in held.items() if key.startswith("weights/")}
    return {key: value for key, value in held.items() if not key.startswith("weights/")}, state


def last(x):
    """[batch, channels, time] -> [batch, time, channels]."""
    return np.transpose(x, (0, 2, 1))


def parameters(network):
    """How many numbers a network learns."""
    return sum(int(np.prod(v.shape)) for v in network.trainable_variables)
