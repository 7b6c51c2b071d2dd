"""Is training well? Divergence ends it; a generator that makes one sound only is named while there is time."""

import math
import statistics
from collections import deque

import keras
import numpy as np

from tf_audio_gan import backend
from tf_audio_gan.metrics.spectral import mel_distances

_ALWAYS = 1e6  # no loss of a healthy run comes near
_GROWN, _LOUD = 100, 1e3  # times the median of the lines before, and at least so large
_LINES, _FEWEST = 20, 5
_CHECK_EVERY = 25
_HEARD = 16
_FALLEN, _ONE_SOUND = 0.25, 0.1
_PATIENCE, _GRACE = 5, 20


class Health(keras.callbacks.Callback):
    """Stops training that diverges; `problem` then says which number did.

    Divergence is: a loss that is not a number; one above 1e6; a line of the log above 1000 and above 100 times the
    median of up to 20 lines before it (5 at least); a weight that is not a number.

    Args:
        alone: whether one process trains. With several, all must find the same reason at the same step, and only one
            looks at weights, before it writes them: there they are not written, and the next loss ends training.
    """

    problem = None

    def __init__(self, alone=True):
        super().__init__()
        self.alone, self._past = alone, {}

    def on_train_batch_end(self, batch, logs=None):
        if batch % _CHECK_EVERY == _CHECK_EVERY - 1:
            self._check(logs)

    def on_epoch_end(self, epoch, logs=None):
        """A line of the log: checked against those before it, then one of them."""
        self._check(logs)
        for name, value in (logs or {}).items():
            self._past.setdefault(name, deque(maxlen=_LINES)).append(abs(float(value)))

    def check_weights(self):
        """Whether all weights of the model are numbers; a loss shows that only one step later."""
        for variable in self.model.variables if self.problem is None else ():
            if not np.isfinite(keras.ops.convert_to_numpy(variable)).all():
                if self.alone:
                    self._report(f"{variable.path} holds numbers that are not finite")
                return False
        return self.problem is None

    def _check(self, logs):
        for name, value in (logs or {}).items():
            value = float(value)
            if not math.isfinite(value) or abs(value) > self._limit(name):
                self._report(f"{name} is {value:g}")

    def _limit(self, name):
        past = self._past.get(name, ())
        return max(_LOUD, _GROWN * statistics.median(past)) if len(past) >= _FEWEST else _ALWAYS

    def _report(self, what):
        if self.problem is None:
            self.problem = f"diverged: {what} at step {backend.whole(self.model.optimizer.iterations)}"
            self.model.stop_training = True


class Diversity(keras.callbacks.Callback):
    """Logs how different sixteen fixed seeds sound, as `g/diversity`, and warns once when they no longer do.

    The number is the mean `mel_distances` between the sounds of seeds 0 to 15, over that between sixteen real examples:
    about 1 is as varied as the data, 0 is one sound; a WaveGAN starts near 0.05, and 0.8 was measured on a good one.
    Collapse is: in five lines of the log in a row below a quarter of its highest value, or, after the first twenty
    lines, below 0.1.

    Args:
        real: float [examples, length, channels], the real examples.
    """

    def __init__(self, real):
        super().__init__()
        self.real, self.lines, self.low, self.highest, self.collapsed = real, 0, 0, 0.0, False

    def on_train_begin(self, logs=None):
        self.among_real = spread(self.real, self.model.sample_rate)

    def on_epoch_end(self, epoch, logs=None):
        """Adds `g/diversity` to `logs`; left out where real sounds are all alike or the generator's are no numbers."""
        audio = self.model.generate(_HEARD, seed=0)
        if not self.among_real or not np.isfinite(audio).all():
            return
        value = logs["g/diversity"] = spread(audio, self.model.sample_rate) / self.among_real
        self.lines, self.highest = self.lines + 1, max(self.highest, value)
        limit = max(_FALLEN * self.highest, _ONE_SOUND if self.lines > _GRACE else 0.0)
        self.low = self.low + 1 if value < limit else 0
        if self.low == _PATIENCE and not self.collapsed:
            self.collapsed, step = True, backend.whole(self.model.optimizer.iterations)
            print(
                f"\nwarning: the generator has collapsed: at step {step} different "
                f"seeds sound alike (g/diversity {value:.2g}; among real sounds it is 1). Training goes on; "
                "docs/training.md says what helps.",
                flush=True,
            )


def spread(audio, sample_rate):
    """Mean log-mel distance in dB between the sounds of a batch [n, length, channels]; 0: all the same."""
    distances = mel_distances(audio, audio, sample_rate)
    return float(distances.sum() / max(1, len(audio) * (len(audio) - 1)))
