"""Optimizers whose Keras defaults differ from what the papers were trained with."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("tf_audio_gan")
class TF1RMSprop(keras.optimizers.RMSprop):
    """RMSProp as TensorFlow 1 computed it: decay 0.9, epsilon 1e-10 inside the root, mean squares starting at 1.

    Keras starts them at 0, which makes the first steps about three times longer.

    Args:
        learning_rate: step size.
    """

    def __init__(self, learning_rate=1e-4, rho=0.9, momentum=0.0, epsilon=1e-10, **kwargs):
        super().__init__(learning_rate, rho=rho, momentum=momentum, epsilon=epsilon, **kwargs)

    def build(self, variables):
        fresh = not self.built
        super().build(variables)
        if fresh:
            for mean_square in self._velocities:
                mean_square.assign(ops.ones_like(mean_square))


@keras.saving.register_keras_serializable("tf_audio_gan")
class RAdam(keras.optimizers.Optimizer):
    """Rectified Adam (Liu et al. 2020, algorithm 2) as kan-bayashi's vocoder recipes trained with it.

    With m and v as in Adam and rho_t = rho_inf - 2 t beta_2^t / (1 - beta_2^t), rho_inf = 2 / (1 - beta_2) - 1, a step
    is rectified from rho_t = 5 on (the sixth with beta_2 0.999); before, it is momentum without adaptation:
    learning_rate m / (1 - beta_1^t). Epsilon is added to sqrt(v) before v's bias is corrected, as in PyTorch's RAdam.

    Args:
        learning_rate: step size, or a schedule.
        beta_1: decay of the first moment.
        beta_2: decay of the second moment.
        epsilon: added to the root; 1e-6 in Parallel WaveGAN.
        **kwargs: those of every Keras optimizer (clipnorm, global_clipnorm, weight_decay ...).
    """

    def __init__(self, learning_rate=1e-4, beta_1=0.9, beta_2=0.999, epsilon=1e-6, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._momentums, self._velocities = self.add_optimizer_variables(variables, ["momentum", "velocity"])

    def update_step(self, gradient, variable, learning_rate):
        dtype = variable.dtype
        gradient, learning_rate = ops.cast(gradient, dtype), ops.cast(learning_rate, dtype)
        index = self._get_variable_index(variable)
        m, v = self._momentums[index], self._velocities[index]
        self.assign_add(m, (gradient - m) * (1 - self.beta_1))
        self.assign_add(v, (ops.square(gradient) - v) * (1 - self.beta_2))
        plain, rectified = (ops.cast(factor, dtype) for factor in self._factors())
        scale = ops.where(rectified > 0, rectified / (ops.sqrt(v) + self.epsilon), plain)
        self.assign_sub(variable, learning_rate * scale * m)

    def _factors(self):
        """What m is multiplied by: (plain, rectified without 1 / (sqrt(v) + epsilon), or 0 while it is too early).

        In float64: rho_t is a small difference of large numbers, and at step 5 it is 4.996.
        """
        t = ops.cast(self.iterations, "float64") + 1.0
        betas = (ops.convert_to_tensor(beta, "float64") for beta in (self.beta_1, self.beta_2))
        correction_1, correction_2 = (1.0 - ops.power(beta, t) for beta in betas)
        longest = 2.0 / (1.0 - self.beta_2) - 1.0
        length = longest - 2.0 * t * (1.0 - correction_2) / correction_2
        ratio = (length - 4.0) * (length - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * length)
        root = ops.sqrt(ops.where(length >= 5.0, correction_2 * ratio, 0.0))
        return 1.0 / correction_1, root / correction_1

    def get_config(self):
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}


@keras.saving.register_keras_serializable("tf_audio_gan")
class RestartingAdam(keras.optimizers.Optimizer):
    """Adam (Kingma and Ba 2015) that forgets at given steps: its moments and the count that corrects their bias.

    So a network that grows in stages gets a fresh optimizer for each, while `iterations` goes on. Epsilon is added to
    the root of v before its bias is corrected, as in TensorFlow. Without momentum (beta_1 = 0) none is stored.

    Args:
        learning_rate: step size.
        beta_1: decay of the first moment.
        beta_2: decay of the second moment.
        epsilon: added to the root.
        restarts: numbers of steps before which it forgets.
        **kwargs: those of every Keras optimizer.
    """

    def __init__(self, learning_rate=8e-4, beta_1=0.0, beta_2=0.99, epsilon=1e-8, restarts=(), **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.beta_1, self.beta_2, self.epsilon, self.restarts = beta_1, beta_2, epsilon, sorted(map(int, restarts))

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        (self._velocities,) = self.add_optimizer_variables(variables, ["velocity"])
        if self.beta_1:
            (self._momentums,) = self.add_optimizer_variables(variables, ["momentum"])

    def update_step(self, gradient, variable, learning_rate):
        dtype = variable.dtype
        index, kept, factor = self._get_variable_index(variable), *self._since_restart()
        gradient, kept = ops.cast(gradient, dtype), ops.cast(kept, dtype)
        rate, v, m = ops.cast(learning_rate * factor, dtype), self._velocities[index], gradient
        self.assign(v, v * (kept * self.beta_2) + ops.square(gradient) * (1 - self.beta_2))
        if self.beta_1:
            m = self._momentums[index]
            self.assign(m, m * (kept * self.beta_1) + gradient * (1 - self.beta_1))
        self.assign_sub(variable, rate * m / (ops.sqrt(v) + self.epsilon))

    def _since_restart(self):
        """(0 at a restart, else 1; the factor of the learning rate that corrects both biases)."""
        now = ops.cast(self.iterations, "float64")
        began = sum((after - before) * ops.cast(now >= after, "float64") for before, after in self._spans())
        t = now - began + 1.0
        correction_1, correction_2 = (1.0 - ops.power(ops.cast(b, "float64"), t) for b in (self.beta_1, self.beta_2))
        return ops.cast(t > 1.0, "float32"), ops.cast(ops.sqrt(correction_2) / correction_1, "float32")

    def _spans(self):
        return [(0, 0), *zip([0, *self.restarts], self.restarts, strict=False)]

    def get_config(self):
        names = ("beta_1", "beta_2", "epsilon", "restarts")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable("tf_audio_gan")
class HeldRate(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule that stays where it is put: a constant rate for optimizers that are saved as those with a schedule.

    Args:
        learning_rate: step size; `rate`, a variable, holds it.
    """

    def __init__(self, learning_rate):
        self.rate = keras.Variable(float(learning_rate), dtype="float32", trainable=False, name="held_rate")

    def __call__(self, step):
        return ops.convert_to_tensor(self.rate)

    def get_config(self):
        return {"learning_rate": float(ops.convert_to_numpy(self.rate))}


def with_rate(optimizer, learning_rate):
    """The same kind of optimizer, not built, with a learning rate that `set_rate` changes.

    Where it has a schedule it gets a `HeldRate`: its variables in a checkpoint are then the same with any rate.
    """
    config, rate = optimizer.get_config(), float(learning_rate)
    if isinstance(config["learning_rate"], dict):
        rate = HeldRate(rate)
    return type(optimizer).from_config({**config, "learning_rate": rate})


def constant_rate(optimizer):
    """The learning rate now, or None where a schedule sets it."""
    rate = optimizer._learning_rate
    if isinstance(rate, HeldRate):
        rate = rate.rate
    elif isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        return None
    return float(ops.convert_to_numpy(rate))


def set_rate(optimizer, learning_rate):
    """Changes a constant learning rate, in compiled steps too."""
    if isinstance(optimizer._learning_rate, HeldRate):
        optimizer._learning_rate.rate.assign(learning_rate)
    else:
        optimizer.learning_rate = learning_rate
