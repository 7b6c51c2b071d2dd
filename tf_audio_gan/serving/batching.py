"""Rows of several requests in one run of a model, by the batching parameters file of TensorFlow Serving.

Requests are joined only where version, signature and the shapes of their rows are the same. A request waits in its
thread for the batch that holds it.
"""

import collections
import concurrent.futures
import dataclasses
import threading
import time

import numpy as np

from tf_audio_gan.serving.status import RequestError


@dataclasses.dataclass(eq=False)
class _Task:
    inputs: dict
    rows: int
    timeout_ms: int
    done: concurrent.futures.Future = dataclasses.field(default_factory=concurrent.futures.Future)
    began: float = dataclasses.field(default_factory=time.monotonic)


class Batcher:
    """Runs batches in threads of its own.

    Args:
        parameters: `batching_parameters.BatchingParameters`.
        metrics: `metrics.Metrics` that learns how long requests waited, or None.
    """

    def __init__(self, parameters, metrics=None):
        self._parameters = parameters
        self._metrics = metrics
        self._queues = collections.OrderedDict()  # (version, signature, shapes) -> list of batches, lists of tasks
        self._changed = threading.Condition()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"batch_{number}", daemon=True)
            for number in range(parameters.num_batch_threads)
        ]
        for thread in self._threads:
            thread.start()

    def run(self, version, signature_name, inputs, timeout_ms):
        """Run a signature on these rows and those of others; arguments, result and errors as `Version.run`."""
        rows = _rows(inputs)
        largest = self._parameters.largest
        if rows > self._parameters.max_batch_size and not self._parameters.enable_large_batch_splitting:
            raise RequestError(f"Task size {rows} is larger than maximum input batch size {largest}")
        starts = range(0, max(rows, 1), largest)
        parts = [{name: array[start : start + largest] for name, array in inputs.items()} for start in starts]
        tasks = [_Task(part, _rows(part), timeout_ms) for part in parts]
        self._enqueue((version, signature_name, self._shapes(inputs)), tasks)
        outputs = [self._wait(task, timeout_ms) for task in tasks]
        if len(outputs) == 1:
            return outputs[0]
        return {name: np.concatenate([output[name] for output in outputs]) for name in outputs[0]}

    def _shapes(self, inputs):
        free = self._parameters.pad_variable_length_inputs
        return tuple(
            (name, array.dtype.name, array.ndim if free else array.shape[1:]) for name, array in sorted(inputs.items())
        )

    def _enqueue(self, key, tasks):
        with self._changed:
            if self._closed:
                raise RequestError("the server is ending", "UNAVAILABLE")
            batches = self._queues.get(key, [])
            joined = [list(batch) for batch in batches]
            for task in tasks:
                if joined and sum(other.rows for other in joined[-1]) + task.rows <= self._parameters.largest:
                    joined[-1].append(task)
                else:
                    joined.append([task])
            if len(joined) > self._parameters.max_enqueued_batches:
                raise RequestError("The batch scheduling queue to which this task was submitted is full", "UNAVAILABLE")
            self._queues[key] = joined
            self._changed.notify_all()

    def _wait(self, task, timeout_ms):
        try:
            return task.done.result(timeout_ms / 1000 if timeout_ms else None)
        except (TimeoutError, concurrent.futures.TimeoutError):
            task.done.cancel()
            raise RequestError("Timed out waiting for notification", "DEADLINE_EXCEEDED") from None

    def _work(self):
        while (taken := self._take()) is not None:
            (version, signature_name, _), tasks = taken
            tasks = [task for task in tasks if task.done.set_running_or_notify_cancel()]
            if tasks:
                self._run(version, signature_name, tasks)

    def _take(self):
        """The oldest batch that is full or has waited long enough, with its key; None once closed and empty."""
        with self._changed:
            while True:
                key, pause = self._ready()
                if key is not None:
                    batches = self._queues[key]
                    batch = batches.pop(0)
                    if not batches:
                        del self._queues[key]
                    return key, batch
                if self._closed and not self._queues:
                    return None
                self._changed.wait(pause)

    def _ready(self):
        """(key, None) of the next batch to run, or (None, seconds until one may be ready)."""
        now = time.monotonic()
        delay = self._parameters.batch_timeout_micros / 1e6
        soonest = None
        for key, batches in sorted(self._queues.items(), key=lambda item: item[1][0][0].began):
            due = batches[0][0].began + delay
            full = len(batches) > 1 or sum(task.rows for task in batches[0]) >= self._parameters.largest
            if full or due <= now or self._closed:
                return key, None
            soonest = due if soonest is None else min(soonest, due)
        return None, None if soonest is None else soonest - now

    def _run(self, version, signature_name, tasks):
        try:
            inputs, size = self._merged(tasks)
            limits = [task.timeout_ms for task in tasks]
            outputs = version.run_alone(signature_name, inputs, 0 if 0 in limits else max(limits))
            parts = _split(outputs, tasks, size)
        except Exception as error:
            for task in tasks:
                task.done.set_exception(error)
            return
        for task, part in zip(tasks, parts, strict=True):
            task.done.set_result(part)

    def _merged(self, tasks):
        """The rows of all tasks, filled up to an allowed size with copies of the last task's first row."""
        now, rows = time.monotonic(), sum(task.rows for task in tasks)
        if self._metrics:
            for task in tasks:
                self._metrics.observe("batching_session:queuing_latency", {}, 1e6 * (now - task.began))
        size = next((size for size in self._parameters.allowed_batch_sizes if size >= rows), rows)
        merged = {}
        for name in tasks[0].inputs:
            arrays = [task.inputs[name] for task in tasks]
            if tasks[-1].rows:
                arrays += [arrays[-1][:1]] * (size - rows)
            merged[name] = np.concatenate(_same_shape(arrays)) if len(arrays) > 1 else arrays[0]
        return merged, (size if tasks[-1].rows else rows)

    def close(self):
        """Run what is queued, then end the threads."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()


def _rows(inputs):
    if any(array.ndim == 0 for array in inputs.values()):
        raise RequestError("Batching session Run() input tensors must have at least one dimension.")
    sizes = {len(array) for array in inputs.values()}
    if len(sizes) > 1:
        raise RequestError("Batching session Run() input tensors must have equal 0th-dimension size.")
    return sizes.pop()


def _same_shape(arrays):
    """Arrays whose rows are filled with zeros (empty strings) to the longest in each dimension."""
    shape = tuple(map(max, zip(*(array.shape[1:] for array in arrays), strict=True)))
    padded = []
    for array in arrays:
        if array.shape[1:] != shape:
            whole = np.full((len(array), *shape), b"" if array.dtype == object else 0, array.dtype)
            whole[tuple(map(slice, array.shape))] = array
            array = whole
        padded.append(array)
    return padded


def _split(outputs, tasks, size):
    for array in outputs.values():
        if array.ndim == 0:
            raise RequestError("Batched output tensor has 0 dimensions", "FAILED_PRECONDITION")
        if len(array) != size:
            raise RequestError(
                "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the "
                "input tensors",
                "FAILED_PRECONDITION",
            )
    ends = np.cumsum([task.rows for task in tasks]).tolist()
    return [
        {name: array[end - task.rows : end] for name, array in outputs.items()}
        for task, end in zip(tasks, ends, strict=True)
    ]
