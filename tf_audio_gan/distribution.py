"""Replicas on several devices and machines: who trains, on which rows of a batch, and what all must agree on.

The batch of a step is one list of examples and one list of random draws, whoever computes them. Every replica takes its
rows of each discriminator step's part, and the same rows of the noise, so N replicas take the step of one, to the
rounding of sums. Batch normalization alone sees the replica's rows only: its batch statistics are per replica, and
the moving ones are their mean.
"""

import contextlib
import functools
import json
import os

import keras
import numpy as np

from tf_audio_gan import backend
from tf_audio_gan.data.batches import Batches
from tf_audio_gan.data.resident import SHARE
from tf_audio_gan.data.tf_sounds import dataset

_TASKS = ("chief", "worker")
_REASONS = (None, "time is up", "interrupted")
_AGREE_EVERY = 10  # steps; one exchange took 5 ms between two processes of one machine
_EXAMPLE = '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}'
_LOST = ("Unavailable", "Aborted", "Cancelled", "DeadlineExceeded", "FailedPrecondition", "Internal")


class Replicas:
    """The replicas of a training run: of several devices (`devices`), or of several machines (TF_CONFIG).

    Make it before anything else uses TensorFlow where there is a TF_CONFIG: it waits for all workers.

    Args:
        devices: None: where TensorFlow trains by itself. A number: that many GPUs, the first ones (of logical CPU
            devices without any GPU). "all", or names: "GPU:0,GPU:1"; "CPU:0,CPU:1" divides the processor.

    Attributes:
        strategy: a `tf.distribute.Strategy`, or None.
        count: of all replicas.
        workers: of processes that train in step.
        worker: number of this one from 0.
        chief: whether this process writes files.

    Raises:
        ValueError: a device that is not there (the message lists those that are), or a malformed TF_CONFIG.
    """

    def __init__(self, devices=None):
        self.workers, self.worker = cluster(os.environ.get("TF_CONFIG"))
        self.chief, self._asked = self.worker == 0, 0
        if self.workers > 1 and devices is not None:
            raise ValueError(
                f"with several machines (TF_CONFIG) every worker trains on all GPUs it sees. Choose them by "
                f"CUDA_VISIBLE_DEVICES and leave devices out. Received: devices={devices!r}"
            )
        if self.workers > 1 or devices is not None:
            backend.require_tensorflow("several devices or machines")
        self.strategy = _machines() if self.workers > 1 else _local(devices)
        self.count = self.strategy.num_replicas_in_sync if self.strategy else 1

    def scope(self):
        """The context in which a model is made and compiled."""
        return self.strategy.scope() if self.strategy else contextlib.nullcontext()

    def batches(self, sounds, batch_size, critic_steps, *, start_step=0, device_share=SHARE, labels=False):
        """What `fit` takes: endless, each replica reading only its own rows of a step's batch.

        Args:
            sounds: `Sounds`.
            batch_size: examples for each step of each network, of all replicas together.
            critic_steps: of the model.
            start_step: the first step.
            device_share: see `Batches`; PyTorch only.
            labels: also give the labels.

        Raises:
            ValueError: a batch size that does not divide by the replicas.
        """
        check_batch_size(batch_size, self.count)
        if keras.backend.backend() != "tensorflow":
            how = {"start_step": start_step, "device_share": device_share, "labels": labels}
            return Batches(sounds, batch_size * critic_steps, **how)
        import tensorflow as tf

        def load(context):
            local = self.count // context.num_input_pipelines
            mine = range(context.input_pipeline_id * local, (context.input_pipeline_id + 1) * local)
            rows = [rows_of(replica, self.count, batch_size, critic_steps) for replica in mine]
            how = {"start_step": start_step, "labels": labels, "rows": np.stack(rows)}
            batches = dataset(sounds, batch_size * critic_steps, **how)
            # Not known to be endless, the workers would ask each other before every step whether a batch is left.
            return batches.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))

        if self.strategy is None:
            return load(tf.distribute.InputContext())
        return self.strategy.distribute_datasets_from_function(load)

    def exchange(self, *numbers):
        """What every worker says: int64 [workers, len(numbers)], the same on all. Waits for all of them."""
        if self.workers == 1:
            return np.array([numbers], "int64")
        import tensorflow as tf

        said = np.zeros((self.workers, 1 + len(numbers)), "int64")
        said[self.worker] = (1, *numbers)
        total = np.array(self.strategy.reduce("SUM", tf.constant(said), axis=None))
        return total[:, 1:] // total[:, :1]

    def agree(self, reason):
        """The reason for which all workers stop now, or None; to be asked by all of them after every step."""
        if self.workers == 1:
            return reason
        self._asked += 1
        if self._asked % _AGREE_EVERY:
            return None
        return _REASONS[self.exchange(_REASONS.index(reason)).max()]

    def check_same(self, step, fingerprint):
        """Refuses workers that see other checkpoints or other sounds than the chief."""
        steps, prints = self.exchange(step, int(fingerprint[:12], 16)).T.tolist()
        for seen, what in ((steps, "run_dir (newest checkpoint)"), (prints, "sounds (fingerprint)")):
            if len(set(seen)) > 1:
                values = ", ".join(f"worker {i}: {value}" for i, value in enumerate(seen))
                raise ValueError(f"all workers must see the same {what}. Received: {values}")

    @contextlib.contextmanager
    def peers(self):
        """Turns the loss of another worker into one clear error."""
        if self.workers == 1:
            yield
            return
        import tensorflow as tf

        try:
            yield
        except tuple(getattr(tf.errors, f"{name}Error") for name in _LOST) as error:
            raise RuntimeError(
                f"worker {self.worker} of {self.workers} stops: another worker has ended or cannot be reached. Nothing "
                "is lost up to the last checkpoint: start all workers again with the same command to go on from it. "
                f"TensorFlow says: {error.message.splitlines()[0][:300]}"
            ) from error


def rows_of(replica, replicas, batch_size, critic_steps):
    """Rows of a step's batch [critic_steps x batch_size] that one replica computes: its share of every part, in order.

    A replica splits what it gets into critic_steps parts, so part k of all replicas together is part k of the batch,
    in the order in which the random draws are.
    """
    share = batch_size // replicas
    first = np.arange(critic_steps)[:, None] * batch_size + replica * share
    return (first + np.arange(share)).ravel()


def check_batch_size(batch_size, replicas):
    """Raises ValueError unless the batch divides by the replicas."""
    if batch_size % replicas:
        below = batch_size // replicas * replicas
        fits = " or ".join(str(n) for n in (below, below + replicas) if n)
        raise ValueError(
            f"[train] batch_size must divide by the {replicas} replicas. Received: {batch_size}. {fits} would do."
        )


def cluster(text):
    """(how many processes train in step, number of this one) as TF_CONFIG says; (1, 0) without or with one worker.

    Raises:
        ValueError: malformed.
    """
    if not text:
        return 1, 0
    try:
        config = json.loads(text)
        tasks = [(kind, i) for kind in _TASKS for i in range(len(config.get("cluster", {}).get(kind, [])))]
        others = sorted(config.get("cluster", {}).keys() - set(_TASKS))
        task = (config["task"]["type"], int(config["task"]["index"])) if tasks else None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(_malformed(f"{type(error).__name__}: {error}", text)) from None
    if others:
        raise ValueError(_malformed(f"tasks are chief and worker, not {', '.join(others)}", text))
    if tasks and task not in tasks:
        raise ValueError(_malformed(f"task {task} is not in the cluster", text))
    return (len(tasks), tasks.index(task)) if tasks else (1, 0)


def _malformed(reason, text):
    return f"TF_CONFIG is malformed ({reason}). A right one: {_EXAMPLE}. Received: {text}"


@functools.cache
def _machines():
    import tensorflow as tf

    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise RuntimeError(
            f"with TF_CONFIG, call train before anything else uses TensorFlow. TensorFlow says: {error}"
        ) from None


def _local(devices):
    if devices is None:
        return None
    import tensorflow as tf

    names = _names(devices)
    if len(names) == 1:
        return tf.distribute.OneDeviceStrategy(names[0])
    on_cpu = names[0].startswith("CPU")
    return tf.distribute.MirroredStrategy(names, tf.distribute.ReductionToOneDevice() if on_cpu else None)


def _names(devices):
    """Device names of a `devices` argument."""
    import tensorflow as tf

    wanted = [name.strip().upper() for name in str(devices).split(",")]
    named = not wanted[0].isdigit() and wanted != ["ALL"]
    if named:
        _divide_cpu(wanted)
    devices_there = [d for kind in ("CPU", "GPU") for d in tf.config.list_logical_devices(kind)]
    there = [d.name.replace("/device:", "") for d in devices_there]
    pool = [name for name in there if name.startswith("GPU")] or there
    if wanted == ["ALL"]:
        return pool
    if not named and 0 < int(wanted[0]) <= len(pool):
        return pool[: int(wanted[0])]
    kinds = {name.split(":")[0] for name in wanted}
    if named and set(wanted) <= set(there) and len(set(wanted)) == len(wanted) and len(kinds) == 1:
        return wanted
    raise ValueError(
        f"devices must be a number from 1 to {len(pool)}, all, or different names of one kind, such as GPU:0,GPU:1. "
        f"There are: {', '.join(there)}. Received: {devices!r}"
    )


def _divide_cpu(wanted):
    """Makes the logical CPU devices that are named, while TensorFlow still lets them be made."""
    numbers = [int(name[4:]) for name in wanted if name.startswith("CPU:") and name[4:].isdigit()]
    if not numbers or max(numbers) == 0 or max(numbers) >= max(os.cpu_count() or 1, 2):
        return
    import tensorflow as tf

    with contextlib.suppress(RuntimeError):
        cpu = tf.config.list_physical_devices("CPU")[0]
        if len(tf.config.get_logical_device_configuration(cpu) or []) <= max(numbers):
            parts = [tf.config.LogicalDeviceConfiguration()] * (max(numbers) + 1)
            tf.config.set_logical_device_configuration(cpu, parts)
