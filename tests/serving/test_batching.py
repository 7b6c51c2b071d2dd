"""Rows of several requests in one run: the parameters file, what is joined, what is refused."""

import threading
import time

import numpy as np
import pytest

from tf_audio_gan.serving.batching import Batcher
from tf_audio_gan.serving.batching_parameters import BatchingParameters, read_batching_parameters
from tf_audio_gan.serving.metrics import Metrics
from tf_audio_gan.serving.status import RequestError


class Recorder:
    """Stands for a version: doubles `x`, and keeps the shape of every run."""

    def __init__(self):
        self.runs = []
        self.gate = threading.Event()
        self.gate.set()

    def run_alone(self, name, inputs, timeout_ms):
        self.gate.wait(30)
        self.runs.append((name, inputs["x"].shape, timeout_ms))
        if name == "scalar":
            return {"y": np.float32(1)}
        if name == "short":
            return {"y": inputs["x"][:1]}
        if name == "fails":
            raise RequestError("the operation's words")
        return {"y": inputs["x"] * 2}


@pytest.fixture
def batched():
    """(batcher, version) of these parameters; closed at the end."""
    made = []

    def make(**parameters):
        metrics = Metrics()
        made.append(Batcher(BatchingParameters(**{"num_batch_threads": 1, **parameters}), metrics))
        made[-1].metrics = metrics
        return made[-1], Recorder()

    yield make
    for batcher in made:
        batcher.close()


def together(batcher, version, arrays, name="double", timeout_ms=20000):
    """What requests that come at the same time are answered, or their errors."""
    answers = [None] * len(arrays)
    version.gate.clear()
    blocker = threading.Thread(target=lambda: batcher.run(version, "first", {"x": np.zeros([1, 1], "f4")}, 20000))
    blocker.start()
    time.sleep(0.05)

    def one(index):
        try:
            answers[index] = batcher.run(version, name, {"x": arrays[index]}, timeout_ms)["y"]
        except RequestError as error:
            answers[index] = error

    threads = []
    for index in range(len(arrays)):
        threads.append(threading.Thread(target=one, args=(index,)))
        threads[-1].start()
        time.sleep(0.02)
    version.gate.set()
    for thread in [blocker, *threads]:
        thread.join(30)
    version.runs = [run for run in version.runs if run[0] != "first"]
    return answers


def rows(*values, width=1):
    return np.repeat(np.array(values, "float32")[:, None], width, 1)


def test_requests_become_one_run_and_get_their_own_rows(batched):
    batcher, version = batched(max_batch_size=10)
    given = [rows(1), rows(2, 3), rows(4, 5, 6)]
    for array, answer in zip(given, together(batcher, version, given), strict=True):
        np.testing.assert_array_equal(answer, array * 2)
    assert version.runs == [("double", (6, 1), 20000)]
    assert b":tensorflow:serving:batching_session:queuing_latency_count 4" in batcher.metrics.text()


def test_a_full_batch_is_followed_by_the_next(batched):
    batcher, version = batched(max_batch_size=3)
    answers = together(batcher, version, [rows(1, 2), rows(3, 4), rows(5)])
    assert [answer[0, 0] for answer in answers] == [2, 6, 10]
    assert sorted(run[1] for run in version.runs) == [(2, 1), (3, 1)]


def test_signatures_and_shapes_are_not_mixed(batched):
    batcher, version = batched()
    given = [rows(1), rows(2, width=4), rows(3)]
    answers = together(batcher, version, given)
    assert [answer.shape for answer in answers] == [(1, 1), (1, 4), (1, 1)]
    assert sorted(run[1] for run in version.runs) == [(1, 4), (2, 1)]


def test_rows_are_padded_where_asked(batched):
    batcher, version = batched(pad_variable_length_inputs=True)
    long, short = together(batcher, version, [rows(1, width=4), rows(3, width=2)])
    np.testing.assert_array_equal(long, [[2, 2, 2, 2]])
    np.testing.assert_array_equal(short, [[6, 6, 0, 0]])
    assert version.runs[0][1] == (2, 4)


def test_batches_are_filled_up_to_an_allowed_size(batched):
    batcher, version = batched(max_batch_size=8, allowed_batch_sizes=(2, 4, 8))
    answers = together(batcher, version, [rows(1), rows(2, 3)])
    assert [answer.ravel().tolist() for answer in answers] == [[2], [4, 6]] and version.runs[0][1] == (4, 1)


def test_large_requests(batched):
    batcher, version = batched(max_batch_size=4)
    with pytest.raises(RequestError, match="Task size 5 is larger than maximum input batch size 4"):
        batcher.run(version, "double", {"x": rows(1, 2, 3, 4, 5)}, 1000)
    batcher, version = batched(max_batch_size=6, max_execution_batch_size=4, enable_large_batch_splitting=True)
    answer = batcher.run(version, "double", {"x": rows(*range(9))}, 1000)["y"]
    np.testing.assert_array_equal(answer, rows(*range(9)) * 2)
    assert sorted(run[1][0] for run in version.runs) == [1, 4, 4]
    assert batcher.run(version, "double", {"x": np.zeros([0, 3], "f4")}, 1000)["y"].shape == (0, 3)


def test_a_full_queue_is_unavailable(batched):
    batcher, version = batched(max_batch_size=2, max_enqueued_batches=2)
    answers = together(batcher, version, [rows(1, 2), rows(3, 4), rows(5, 6)])
    assert [answer.ravel().tolist() for answer in answers[:2]] == [[2, 4], [6, 8]]
    assert answers[2].code == "UNAVAILABLE" and "queue to which this task was submitted is full" in answers[2].message


def test_the_timeout_waits_for_more_and_not_longer(batched):
    batcher, version = batched(max_batch_size=2, batch_timeout_micros=300_000)
    started = time.monotonic()
    batcher.run(version, "double", {"x": rows(1)}, 20000)
    assert time.monotonic() - started >= 0.29
    started = time.monotonic()
    batcher.run(version, "double", {"x": rows(1, 2)}, 20000)
    assert time.monotonic() - started < 0.29


def test_a_request_whose_time_is_up_does_not_run(batched):
    batcher, version = batched()
    version.gate.clear()
    blocker = threading.Thread(target=lambda: batcher.run(version, "first", {"x": rows(1)}, 0))
    blocker.start()
    with pytest.raises(RequestError, match="Timed out waiting for notification") as raised:
        batcher.run(version, "double", {"x": rows(1)}, 100)
    assert raised.value.code == "DEADLINE_EXCEEDED"
    version.gate.set()
    blocker.join(30)
    batcher.close()
    assert [run[0] for run in version.runs] == ["first"]
    with pytest.raises(RequestError, match="the server is ending"):
        batcher.run(version, "double", {"x": rows(1)}, 100)


@pytest.mark.parametrize(
    "name, array, text",
    [
        ("double", np.float32(1), "must have at least one dimension"),
        ("scalar", rows(1), "Batched output tensor has 0 dimensions"),
        ("short", rows(1, 2), "Batched output tensor's 0th dimension"),
        ("fails", rows(1), "the operation's words"),
    ],
)
def test_what_cannot_be_batched(batched, name, array, text):
    batcher, version = batched()
    with pytest.raises(RequestError, match=text):
        batcher.run(version, name, {"x": np.asarray(array)}, 1000)
    with pytest.raises(RequestError, match="equal 0th-dimension"):
        batcher.run(version, "double", {"x": rows(1), "z": rows(1, 2)}, 1000)


def test_the_parameters_file(tmp_path):
    path = tmp_path / "batching.config"
    path.write_text(
        "max_batch_size { value: 8 }\nbatch_timeout_micros { value: 500 }\nmax_enqueued_batches { value: 3 }\n"
        "num_batch_threads { value: 2 }\nallowed_batch_sizes: 4\nallowed_batch_sizes: 8\n"
        "pad_variable_length_inputs: true\nthread_pool_name { value: 'x' }"
    )
    assert read_batching_parameters(path) == BatchingParameters(8, 500, 3, 2, (4, 8), True)
    path.write_text("")
    assert read_batching_parameters(path) == BatchingParameters()
    for text, error in (
        ("max_batch_size { value: 0 }", "max_batch_size is 1 or more, received 0"),
        ("max_batch_size { value: 8 } allowed_batch_sizes: [8, 4]", "the last one is 8, received"),
        ("allowed_batch_sizes: [4, 8]", "the last one is 1000"),
        ("batch_timeout_micros { value: -1 }", "0 or more"),
        ("max_batch_size: 8", "not a text protocol buffer of BatchingParameters"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=error) as raised:
            read_batching_parameters(path)
        assert str(path) in str(raised.value)


def test_over_rest(serve, tmp_path):
    """32 clients at once: each gets its own rows, in fewer runs than requests."""
    import concurrent.futures

    path = tmp_path / "batching.config"
    path.write_text("max_batch_size { value: 16 } batch_timeout_micros { value: 50000 } num_batch_threads { value: 1 }")
    (tmp_path / "monitoring.config").write_text("prometheus_config { enable: true }")
    _, ask = serve(batching_parameters_file=path, monitoring_config_file=tmp_path / "monitoring.config")

    def one(value):
        return ask.predict(f'{{"instances":[{value},{value + 1}]}}').json["predictions"]

    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        assert list(pool.map(one, range(32))) == [[v / 2 + 2, v / 2 + 2.5] for v in range(32)]
    text = ask("GET", "/monitoring/prometheus/metrics").body.decode()
    runs = int(text.split(":tensorflow:serving:runtime_latency_count")[1].split("}")[1].split()[0])
    assert runs < 32
    assert (
        ask.predict('{"inputs":1.0}').error == "Batching session Run() input tensors must have at least one dimension."
    )
