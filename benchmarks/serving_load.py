"""What the embedded server bears: python benchmarks/serving_load.py [small] [full] [--quick]. Needs wrk (apt or brew).

An untrained WaveGAN, small (one second at 16 kHz, a sixteenth of the paper's width) or full-size (the paper's), is
exported and served in a process of its own on loopback; wrk asks it with 1, 4, 16 and 64 clients, for WAV files and
for JSON numbers, with batching off and on: requests per second, the latency's p50, p95 and p99, and what went wrong.
What REST adds is its median beside that of the same SavedModel called in-process: by turns, in one run, so that both
meet the same machine. Then memory over many requests, and an overload: how soon those that are refused are told so.

Other work on the machine slows all of it down; ratios of one run are what to go by, and of processor time (of the
server's process, and of the one that calls in-process), which other work changes least.
"""

import argparse
import concurrent.futures
import http.client
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
MODELS = {"small": {"dim": 4}, "full": {"dim": 64}}
PARTS = ("added", "table", "memory", "overload")
CLIENTS = (1, 4, 16, 64)
FORMS = {"wav": "wav", "json": "from_seed"}  # what is asked for: signature
BATCHING = "max_batch_size { value: 16 }\nbatch_timeout_micros { value: 1000 }\nnum_batch_threads { value: 2 }\n"
BATCHING += "max_enqueued_batches { value: 100 }\n"
SCRIPT = """
wrk.method, wrk.body = "POST", '%s'
done = function(summary, latency, requests)
  local e, ms = summary.errors, function(p) return latency:percentile(p) / 1000 end
  io.write(string.format('RESULT {"requests": %%d, "seconds": %%f, "p50": %%f, "p95": %%f, "p99": %%f, ' ..
    '"refused": %%d, "broken": %%d, "late": %%d}\\n', summary.requests, summary.duration / 1e6, ms(50), ms(95), ms(99),
    e.status, e.connect + e.read + e.write, e.timeout))
end
"""


@contextmanager
def serving(model, *options):
    """Serves an export from a process of its own: yields (port, process id)."""
    command = [sys.executable, "-m", "tf_audio_gan", "serve", str(model), "--rest-port", "0", "--grpc-port", "-1"]
    process = subprocess.Popen([*command, "--poll-seconds", "0", *options], stdout=subprocess.PIPE, text=True)
    try:
        for line in process.stdout:
            if "http://127.0.0.1:" in line:
                port = int(line.split("http://127.0.0.1:")[1].split("/")[0].split()[0])
                break
        else:
            raise RuntimeError("the server did not start")
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


def body(form, seed=5):
    """Of a request for one sound."""
    return json.dumps({"signature_name": FORMS[form], "instances": [seed]})


def load(port, model, form, clients, seconds):
    """One run of wrk: its result as a dict. What it leaves behind is done when this returns."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(SCRIPT % body(form))
        script.flush()
        url = f"http://127.0.0.1:{port}/v1/models/{model}:predict"
        options = ["-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "60s", "-s", script.name]
        out = subprocess.run(["wrk", *options, url], capture_output=True, text=True, check=True).stdout
    asked(port, model)
    found = json.loads(out.split("RESULT ")[1].splitlines()[0])
    return {**found, "rate": (found["requests"] - found["refused"]) / found["seconds"]}


class Inside:
    """The same SavedModel, called in a process of its own."""

    def __init__(self, folder):
        command = [sys.executable, __file__, "--worker", str(folder)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def call(self, form, seconds):
        """(median of a call, processor time of one) in milliseconds."""
        self.process.stdin.write(json.dumps([FORMS[form], seconds]) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def worker(folder):
    """Answers lines [signature, seconds] as `Inside.call` says."""
    import tensorflow as tf

    signatures = tf.saved_model.load(os.path.join(folder, "1")).signatures
    for line in sys.stdin:
        name, seconds = json.loads(line)
        call, end, times, used = signatures[name], time.perf_counter() + seconds, [], time.process_time()
        while not times or time.perf_counter() < end:
            start = time.perf_counter()
            (value,) = call(seed=tf.constant([5], tf.int64)).values()
            value.numpy()
            times.append(time.perf_counter() - start)
        used = time.process_time() - used
        print(json.dumps([1000 * statistics.median(times), 1000 * used / len(times)]), flush=True)


def added(folder, port, pid, name, seconds, rounds):
    """What REST adds for one client: {form: medians over turns of (in-process, REST, processor time of both) in ms}.

    wrk leaves a request unanswered at its end, which is run too, and so is the one that waits for that.
    """
    inside, found = Inside(folder), {}
    for form in FORMS:
        inside.call(form, 1)
        load(port, name, form, 1, 1)
        turns = []
        for _ in range(rounds):
            latency, used = inside.call(form, seconds)
            before = processor_ms(pid)
            rest = load(port, name, form, 1, seconds)
            turns.append((latency, rest["p50"], used, (processor_ms(pid) - before) / (rest["requests"] + 2)))
        found[form] = [statistics.median(column) for column in zip(*turns, strict=True)]
    inside.close()
    return found


def processor_ms(pid):
    """Milliseconds that a process has computed for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid):
    """MiB of memory that a process holds."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


def memory(port, pid, name, requests):
    """[(requests so far, MiB)], with 16 clients, WAV and JSON by turns."""
    load(port, name, "wav", 16, 2)
    done, marks = 0, [(0, resident(pid))]
    while done < requests:
        for form in FORMS:
            done += load(port, name, form, 16, 3)["requests"]
        if done - marks[-1][0] >= requests / 8 or done >= requests:
            marks.append((done, resident(pid)))
    return marks


def overload(port, name, seconds):
    """With 400 clients that ask again at once: eight more, on a new connection each time: [(status, ms)]."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(SCRIPT % body("wav"))
        script.flush()
        url = f"http://127.0.0.1:{port}/v1/models/{name}:predict"
        options = ["-t1", "-c400", f"-d{seconds + 2}s", "--timeout", "60s", "-s", script.name]
        flood = subprocess.Popen(["wrk", *options, url], stdout=subprocess.DEVNULL)
        time.sleep(1)
        end = time.perf_counter() + seconds
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: asked_until(end, port, name), range(8)))
        flood.wait()
    return sum(found, [])


def asked_until(end, port, name):
    """[(status, ms)] of one request after the other."""
    found = []
    while time.perf_counter() < end:
        start = time.perf_counter()
        status = asked(port, name)
        found.append((status, 1000 * (time.perf_counter() - start)))
    return found


def asked(port, name):
    """The status of one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("POST", f"/v1/models/{name}:predict", body("wav"))
    status = connection.getresponse().status
    connection.close()
    return status


def report(name, folder, seconds, rounds, requests, wanted):
    """Measures one model and prints what came out."""
    with serving(folder) as (port, pid):
        if "added" in wanted:
            print(f"\n## {name}: in-process and REST, one client, medians of {rounds} turns of {seconds} s each")
            for form, found in added(folder, port, pid, name, seconds, rounds).items():
                for kind, (inside, rest) in (("latency", found[:2]), ("processor time", found[2:])):
                    more = f"{rest - inside:+.2f} ms, x {rest / inside:.3f}"
                    print(f"{form}, {kind}: {inside:.2f} ms, {rest:.2f} ms: {more}", flush=True)
        if "table" in wanted:
            table(name, port, "off", seconds)
        if "memory" in wanted and requests:
            marks = memory(port, pid, name, requests)
            print("memory: " + ", ".join(f"{done}: {mib:.0f} MiB" for done, mib in marks), flush=True)
        if "overload" in wanted:
            refusals(overload(port, name, seconds + 3))
    if "table" in wanted:
        config = folder.parent / "batching.config"
        config.write_text(BATCHING)
        with serving(folder, "--batching-parameters-file", str(config)) as (port, _):
            load(port, name, "wav", 4, 1)
            table(name, port, "on", seconds)


def refusals(found):
    """Prints how soon those that were refused were told so."""
    times = sorted(ms for status, ms in found if status == 503)
    if times:
        middle, last = times[len(times) // 2], times[int(0.99 * (len(times) - 1))]
        print(f"overload: {len(times)} of {len(found)} were 503, after {middle:.1f} ms (p99 {last:.1f} ms)", flush=True)
    else:
        print(f"overload: of {len(found)} none was refused", flush=True)


def table(name, port, batching, seconds):
    """Prints a line for each form and number of clients."""
    print(f"batching {batching}: form, clients, requests/s, p50, p95, p99 in ms; refused, broken, late")
    for form in FORMS:
        for clients in CLIENTS:
            r = load(port, name, form, clients, seconds * (1 if name == "small" else max(1, clients // 8)))
            quantiles = ", ".join(f"{r[key]:.1f}" for key in ("p50", "p95", "p99"))
            wrong = ", ".join(str(r[key]) for key in ("refused", "broken", "late"))
            print(f"  {form}, {clients}, {r['rate']:.1f}, {quantiles}; {wrong}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=list(MODELS), help="small, full; default: both")
    parser.add_argument("--seconds", type=int, default=5, help="of each measurement")
    parser.add_argument("--quick", action="store_true", help="a second each, 1000 requests for memory")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="what is measured")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        worker(arguments.worker)
        return
    if not shutil.which("wrk"):
        sys.exit("wrk makes the load, and is not installed: apt install wrk, or brew install wrk")
    if unknown := set(arguments.models) - MODELS.keys():
        sys.exit(f"models are {', '.join(MODELS)}. Received: {', '.join(sorted(unknown))}")
    import tf_audio_gan

    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before")
    seconds, rounds, requests = (1, 2, 1000) if arguments.quick else (arguments.seconds, 5, 20000)
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.models:
            out = Path(folder) / name
            tf_audio_gan.export(tf_audio_gan.WaveGAN(**MODELS[name]), out)
            report(name, out, seconds, rounds, requests if name == "small" else 0, arguments.only)


if __name__ == "__main__":
    main()
