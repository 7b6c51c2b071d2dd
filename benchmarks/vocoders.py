"""How fast vocoders run and train: python benchmarks/vocoders.py [MODEL or PRESET ...] [--quick].

For each number of cores a process of ours and, where PyTorch is installed, one of the same network run eagerly; they
work in turns, so that both meet the same machine, and what counts are the ratios of medians. Beside them runs the
machine's matrix multiplication (GEMM), whose rate is the peak of which shares are given. `vocode` is timed as a user
calls it: arrays in and out, in chunks of 256 frames that overlap, which costs a few per cent. On a machine that is not
idle, `--cpu --threads 1` gives steadier ratios: of processor time.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
GFLOP = {"melgan": 7.78, "multiband_melgan": 3.10, "parallel_wavegan": 57.1}  # per second of audio at 22,050 Hz
SEGMENT = {"melgan": 8192, "multiband_melgan": 16384, "parallel_wavegan": 25600}
BATCH = {"melgan": 4, "multiband_melgan": 4, "parallel_wavegan": 1}
RATE, HOP, SIZE = 22050, 256, 2048  # audio; rows of the multiplied matrices


def seconds_of(function, clock):
    """Seconds that a call takes by `clock`."""
    start = clock()
    function()
    return clock() - start


class Ours:
    """Every case as a function that runs it once; made on first use."""

    def __init__(self, name, threads):
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        import tf_audio_gan

        classes = {
            "melgan": tf_audio_gan.MelGAN,
            "multiband_melgan": tf_audio_gan.MultiBandMelGAN,
            "parallel_wavegan": tf_audio_gan.ParallelWaveGAN,
        }
        self.name, self.make = name, classes.get(name)
        self.model = self.make(discriminator_start=0) if self.make else tf_audio_gan.from_preset(name)

    def info(self):
        model, front = self.model, self.model.front_end
        return {
            "parameters": model.served_network().count_params(), "rate": model.sample_rate, "hop": model.hop_length,
            "latency": model.latency(8), "frames": 8 + model.receptive_frames, "mels": front.n_mels,
        }  # fmt: skip

    def mel(self, seconds):
        import numpy as np

        model = self.model
        frames = round(seconds * model.sample_rate / model.hop_length)
        audio = np.random.default_rng(0).uniform(-0.5, 0.5, (frames * model.hop_length, 1)).astype("float32")
        return np.concatenate(list(model.analyse([audio])))

    def vocode(self, seconds, precision):
        mel = self.mel(seconds)
        return lambda: self.model.vocode(mel, precision=precision)

    def first(self, precision):
        mel = self.mel(1)
        return lambda: next(iter(self.model.stream([mel], chunk_frames=8, precision=precision)))

    def gemm(self, precision):
        import tensorflow as tf

        x = tf.cast(tf.random.normal((SIZE, SIZE)), precision)
        return lambda: tf.matmul(x, x).numpy()

    def train(self, batch):
        import numpy as np

        self.model.compile()
        crops = np.random.default_rng(0).uniform(-0.5, 0.5, (batch, self.model.length, 1)).astype("float32")
        return lambda: self.model.fit(crops, batch_size=batch, verbose=0, shuffle=False)


class Torch:
    """The same cases by PyTorch, eagerly, in one pass without chunks."""

    def __init__(self, name, threads):
        import torch
        import torch_vocoders

        torch.set_num_threads(threads)
        self.name, self.networks = name, torch_vocoders
        self.generator = torch_vocoders.networks(name)[0].eval()

    def info(self):
        return {"parameters": sum(p.numel() for p in self.generator.parameters())}

    def vocode(self, seconds, precision):
        import torch

        mel = torch.randn(1, 80, round(seconds * RATE / HOP))

        def run():
            with torch.inference_mode():
                self.generator(mel).numpy()

        return run

    def train(self, batch):
        return self.networks.training_step(self.name, batch)


def worker(kind, name, threads, clock):
    """Answers each line of input, a case, with the seconds that one run of it takes."""
    side, cases = {"ours": Ours, "torch": Torch}[kind](name, threads), {}
    out, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        what, *arguments = json.loads(line)
        if what == "info":
            answer = side.info()
        else:
            if line not in cases:
                cases[line] = getattr(side, what)(*arguments)
            answer = seconds_of(cases[line], clock)
        print(json.dumps(answer), file=out, flush=True)


class Process:
    """A worker in a process of its own."""

    def __init__(self, kind, name, threads, cpu):
        command = [sys.executable, __file__, "--worker", kind, name, "--threads", str(threads), *["--cpu"] * cpu]
        # Passive: on a machine that is not idle, spinning barriers of OpenMP make PyTorch twenty times slower.
        limits = {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "passive"} if kind == "torch" else {}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={**os.environ, **limits},
        )  # fmt: skip

    def __call__(self, *case):
        print(json.dumps(case), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the worker ended (status {self.process.wait()}) at {case}")
        return json.loads(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def in_turns(jobs, budget):
    """{name: median seconds} of jobs {name: function that returns seconds}, run in turns for about `budget` seconds.

    A job that takes longer than that in its first call, of which compilation is then little, is not called again.
    """
    first = {name: job() for name, job in jobs.items()}
    long = {name: seconds for name, seconds in first.items() if seconds > budget}
    again = {name: job for name, job in jobs.items() if name not in long}
    rounds = max(2, min(9, int(budget / sum(job() for job in again.values())))) if again else 0
    times = {name: [] for name in again}
    for _ in range(rounds):
        for name, job in again.items():
            times[name].append(job())
    return long | {name: statistics.median(t) for name, t in times.items()}


def one_model(name, threads, options):
    ours, torch = Process("ours", name, threads, options.cpu), None
    if name in GFLOP and importlib.util.find_spec("torch"):
        torch = Process("torch", name, threads, options.cpu)
    facts = ours("info")
    print(f"\n{name}, {facts['parameters']:,} parameters, {threads} core{'s' * (threads > 1)}", flush=True)
    if torch and torch("info")["parameters"] != facts["parameters"]:
        raise RuntimeError(f"PyTorch's network has other parameters: {torch('info')['parameters']:,}")
    for seconds in options.seconds:
        inference(name, seconds, ours, torch, options)
    latency(facts, ours, options)
    if name in BATCH and not options.quick:
        training(name, ours, torch, options.budget)
    for process in filter(None, (ours, torch)):
        process.close()


def inference(name, seconds, ours, torch, options):
    jobs = {}
    for precision in options.precisions:
        jobs["gemm", precision] = lambda p=precision: ours("gemm", p)
        jobs["ours", precision] = lambda p=precision: ours("vocode", seconds, p)
    if torch:
        jobs["torch", "float32"] = lambda: torch("vocode", seconds, "float32")
    times = in_turns(jobs, options.budget)
    for precision in options.precisions:
        taken, peak = times["ours", precision], 2 * SIZE**3 / times["gemm", precision] / 1e9
        line = f"  {seconds:3d} s {precision:8s} {seconds / taken:6.1f} x real time"
        if name in GFLOP:
            line += f", {GFLOP[name] * seconds / taken / peak:4.0%} of the GEMM peak ({peak:4.0f} GFLOP/s)"
        if precision == "bfloat16" and "float32" in options.precisions:
            line += f", {times['ours', 'float32'] / taken:.2f} x float32"
        elif torch and precision == "float32":
            line += f", {times['torch', 'float32'] / taken:.2f} x PyTorch eager"
        print(line, flush=True)


def latency(facts, ours, options):
    times = in_turns({p: lambda p=p: ours("first", p) for p in options.precisions}, options.budget)
    waits = f"{facts['frames']} frames, {facts['latency'] * 1e3:.0f} ms of audio"
    both = ", ".join(f"{t * 1e3:.0f} ms in {p}" for p, t in times.items())
    print(f"  stream, chunks of 8 frames: the first leaves when {waits}, have come, and {both} later", flush=True)


def training(name, ours, torch, budget):
    batch, jobs = BATCH[name], {}
    jobs["ours"] = lambda: ours("train", batch)
    if torch:
        jobs["torch"] = lambda: torch("train", batch)
    for job in jobs.values():
        job()  # our first call compiles, for as long as ten steps take
    times = in_turns(jobs, budget)
    line = f"  training step, batch {batch} of {SEGMENT[name]} samples: {times['ours']:.2f} s"
    print(line + (f", {times['torch'] / times['ours']:.2f} x PyTorch eager" if torch else ""), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=list(GFLOP), help=f"{', '.join(GFLOP)}, or presets")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="cores")
    parser.add_argument("--seconds", type=int, nargs="+", default=[1, 10, 60], help="of audio")
    both = ["float32", "bfloat16"]
    parser.add_argument("--precisions", nargs="+", choices=both, default=both, help="of the layers")
    parser.add_argument("--budget", type=float, default=20, help="seconds of measuring for each line, about")
    parser.add_argument("--quick", action="store_true", help="1 s of audio, all cores, no training")
    parser.add_argument("--cpu", action="store_true", help="processor time instead of the wall's")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        worker(*options.worker, options.threads[0], time.process_time if options.cpu else time.perf_counter)
        return
    if options.quick:
        options.seconds, options.threads, options.budget = [1], [os.cpu_count()], 5
    for threads in options.threads:
        for name in options.models:
            one_model(name, threads, options)


if __name__ == "__main__":
    main()
