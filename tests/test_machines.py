"""Two workers as two processes on the loopback: the training of one, a clean end, a lost worker, a resumed run."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

from tf_audio_gan import WaveGAN, distribution, from_preset, train
from tf_audio_gan.audio.synthetic import write_drum_hits

MODEL = {"name": "wavegan", "length": 256, "strides": [4, 4], "dim": 2, "critic_steps": 2}
RECIPE = {"model": MODEL, "train": {"batch_size": 4, "log_steps": 5, "checkpoint_minutes": 0.0}}
LIMIT = 240  # seconds after which a process of these tests is killed
WORKER = """
import json, os, sys
recipe, sounds, run, steps = json.loads(sys.argv[1])
def hook(event, arguments):
    if event in ("open", "os.mkdir", "os.rename", "os.remove") and str(arguments[0]).startswith(run):
        if event != "open" or set(arguments[1] or "") & set("wax+"):
            print("WROTE", event, arguments, flush=True)
sys.addaudithook(hook)
import keras
from tf_audio_gan import WaveGAN, train
WaveGAN.default_optimizer = lambda self: keras.optimizers.SGD(0.01)
result = train(recipe, sounds, run, steps=steps, progress=False)
print("ENDED", result.ended, result.step, flush=True)
"""


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "hits"
    write_drum_hits(folder, 12, seed=1)
    return folder


def free_ports(n):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(n)]
        for s in sockets:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in sockets]


@contextlib.contextmanager
def workers(folder, *commands):
    """One process for each command (arguments of Python), with TF_CONFIG; killed at the end whatever happens."""
    hosts = [f"127.0.0.1:{port}" for port in free_ports(len(commands))]
    with contextlib.ExitStack() as stack:
        started = []
        for index, arguments in enumerate(commands):
            config = {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": index}}
            environment = {**os.environ, "TF_CONFIG": json.dumps(config), "CUDA_VISIBLE_DEVICES": "-1"}
            out = stack.enter_context(open(folder / f"worker{index}.txt", "w"))
            process = subprocess.Popen(
                [sys.executable, *arguments], env=environment, stdout=out, stderr=subprocess.STDOUT
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            started.append(process)
        yield started


def said(folder, index):
    return (folder / f"worker{index}.txt").read_text()


def command(folder, sounds, run, steps):
    recipe = folder / "recipe.toml"
    lines = ["[model]", *(f"{k} = {json.dumps(v)}" for k, v in MODEL.items()), "[train]", "batch_size = 4"]
    recipe.write_text("\n".join([*lines, "log_steps = 5", "checkpoint_minutes = 0.0"]))
    return ["-m", "tf_audio_gan", "train", str(recipe), str(sounds), "--run-dir", str(run), "--steps", str(steps)]


def wait_for_step(run, step, folder, processes):
    end = time.time() + LIMIT
    while not any(int(p.name[5:14]) >= step for p in (run / "checkpoints").glob("step_*")):
        assert time.time() < end and all(p.poll() is None for p in processes), said(folder, 0) + said(folder, 1)
        time.sleep(0.05)


def last_step(run):
    return max(int(p.name[5:14]) for p in (run / "checkpoints").glob("step_*"))


def test_two_workers_go_on_as_one_process_would(sounds, tmp_path, monkeypatch):
    """One process takes 4 steps, then either one or two workers go on to 10: the same weights and the same log."""
    monkeypatch.setattr(WaveGAN, "default_optimizer", lambda self: keras.optimizers.SGD(0.01))
    one, two = tmp_path / "one", tmp_path / "two"
    train(RECIPE, sounds, two, steps=4, progress=False)
    shutil.copytree(two, one)
    train(RECIPE, sounds, one, steps=10, progress=False)
    arguments = ["-c", WORKER, json.dumps([RECIPE, str(sounds), str(two), 10])]
    with workers(tmp_path, arguments, arguments) as processes:
        codes = [process.wait(LIMIT) for process in processes]
    assert codes == [0, 0], said(tmp_path, 0) + said(tmp_path, 1)
    assert "ENDED finished 10" in said(tmp_path, 0) and "WROTE" in said(tmp_path, 0)
    assert "ENDED finished 10" in said(tmp_path, 1) and "WROTE" not in said(tmp_path, 1)
    for a, b in zip(from_preset(one / "preset").variables, from_preset(two / "preset").variables, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6, err_msg=a.path)
    logs = [np.genfromtxt(run / "log.csv", delimiter=",", names=True) for run in (one, two)]
    for name in [n for n in logs[0].dtype.names if "second" not in n]:
        np.testing.assert_allclose(*(log[name] for log in logs), rtol=1e-3, atol=1e-4, err_msg=name)


def test_a_lost_worker_ends_all_and_a_restart_goes_on(sounds, tmp_path):
    run = tmp_path / "run"
    arguments = command(tmp_path, sounds, run, 1_000_000)
    with workers(tmp_path, arguments, arguments) as processes:
        wait_for_step(run, 10, tmp_path, processes)
        processes[1].kill()
        assert processes[0].wait(LIMIT) == 1
    (last,) = (line for line in said(tmp_path, 0).splitlines() if line.startswith("error: "))
    assert "worker 0 of 2 stops: another worker has ended" in last and "start all workers again" in last
    reached = last_step(run)
    with workers(tmp_path, arguments, arguments) as processes:
        wait_for_step(run, reached + 10, tmp_path, processes)
        processes[1].send_signal(signal.SIGTERM)
        codes = [process.wait(LIMIT) for process in processes]
    assert codes == [130, 130], said(tmp_path, 0) + said(tmp_path, 1)
    for index in (0, 1):
        assert f"interrupted at step {last_step(run)}" in said(tmp_path, index)
    assert np.isfinite(from_preset(run / "preset").generate(1)).all()


@pytest.mark.soak
def test_workers_that_see_other_sounds_are_refused(sounds, tmp_path):
    other = tmp_path / "other"
    write_drum_hits(other, 13, seed=1)
    run = tmp_path / "run"
    with workers(tmp_path, command(tmp_path, sounds, run, 9), command(tmp_path, other, run, 9)) as processes:
        assert [process.wait(LIMIT) for process in processes] == [1, 1]
    assert "all workers must see the same sounds" in said(tmp_path, 0)


@pytest.mark.soak
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
@pytest.mark.parametrize("lost", [0, 1])
def test_no_worker_waits_for_ever(lost, number, sounds, tmp_path):
    """Whichever worker is killed or stands still: the other ends with status 1."""
    run = tmp_path / "run"
    arguments = command(tmp_path, sounds, run, 1_000_000)
    with workers(tmp_path, arguments, arguments) as processes:
        wait_for_step(run, 10, tmp_path, processes)
        processes[lost].send_signal(number)
        assert processes[1 - lost].wait(LIMIT) == 1, said(tmp_path, 1 - lost)
    assert "another worker has ended or cannot be reached" in said(tmp_path, 1 - lost)


def config(**parts):
    return json.dumps({"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}, **parts})


@pytest.mark.parametrize(
    "text, expected",
    [
        (None, (1, 0)),
        ("", (1, 0)),
        ("{}", (1, 0)),
        (config(cluster={"worker": ["a:1"]}, task={"type": "worker", "index": 0}), (1, 0)),
        (config(), (2, 1)),
        (config(task={"type": "worker", "index": "0"}), (2, 0)),
        (config(cluster={"chief": ["c:1"], "worker": ["a:1", "b:1"]}), (3, 2)),
    ],
)
def test_tf_config_says_which_worker_this_is(text, expected):
    assert distribution.cluster(text) == expected


@pytest.mark.parametrize(
    "text, reason",
    [
        ("{cluster", "JSONDecodeError"),
        ("[]", "AttributeError"),
        ('{"cluster": {"worker": ["a:1", "b:1"]}}', "KeyError: 'task'"),
        (config(task={"type": "worker", "index": 2}), r"task \('worker', 2\) is not in the cluster"),
        (config(task={"type": "worker", "index": "x"}), "invalid literal"),
        (config(cluster={"ps": ["a:1"], "worker": ["b:1"]}), "tasks are chief and worker, not ps"),
    ],
)
def test_a_malformed_tf_config_is_an_error(text, reason):
    with pytest.raises(ValueError, match=rf"TF_CONFIG is malformed \(.*{reason}.*A right one: .*Received: "):
        distribution.cluster(text)


def test_devices_and_machines_exclude_each_other(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", config())
    with pytest.raises(ValueError, match="CUDA_VISIBLE_DEVICES.*Received: devices=2"):
        distribution.Replicas(2)
