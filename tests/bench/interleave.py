"""Workers that are measured in turns: A B C, A B C, so that what else the machine does meets all of them alike.

Between its turns a worker is stopped (SIGSTOP), so that threads that spin for more work cost the others nothing.
"""
import dataclasses
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import threading
import time

FOLDER = pathlib.Path(__file__).resolve().parent
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
SETTLE_SECONDS = 0.05
REQUEST_LIMIT_SECONDS = 600
QUIET_CORES = 0.2
QUIET_SAMPLE_SECONDS = 0.25


class PeerFailed(RuntimeError):
    """What a worker answered, or that it died."""


@dataclasses.dataclass
class Candidate:
    """One way to run a network by one peer. `setting` is what worker.py takes."""

    peer: str
    variant: str
    python: str
    setting: dict
    batch: int

    def label(self):
        return f"{self.variant}, batch {self.batch}"


def cpu_seconds_of(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def busy_cpu_seconds():
    """Of the whole machine, waiting for disks excluded."""
    with open("/proc/stat") as stat:
        fields = [int(x) for x in stat.readline().split()[1:]]
    return (sum(fields[:3]) + sum(fields[5:8])) / TICKS_PER_SECOND


quiet_wait_seconds = 0  # Set by --quiet-wait.


def wait_for_quiet():
    """Returns once the machine is nearly idle, after quiet_wait_seconds at the latest."""
    deadline = time.time() + quiet_wait_seconds
    while time.time() < deadline:
        busy = busy_cpu_seconds()
        time.sleep(QUIET_SAMPLE_SECONDS)
        if busy_cpu_seconds() - busy <= QUIET_CORES * QUIET_SAMPLE_SECONDS:
            return


class Worker:
    """A process of worker.py. A context manager; raises PeerFailed."""

    def __init__(self, python, setting):
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "KMP_", "GOMP_", "MKL_"))}
        self.process = subprocess.Popen([python, "-B", str(FOLDER / "worker.py")], stdin=subprocess.PIPE, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
        try:
            self.loaded = self.ask(setting)
        except BaseException:
            self.close()
            raise

    def ask(self, request):
        os.kill(self.process.pid, signal.SIGCONT)
        timer = threading.Timer(REQUEST_LIMIT_SECONDS, self.process.kill)
        timer.start()
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            timer.cancel()
        if not line:
            raise PeerFailed(f"the process ended with status {self.process.wait()}")
        time.sleep(SETTLE_SECONDS)
        os.kill(self.process.pid, signal.SIGSTOP)
        answer = json.loads(line)
        if "error" in answer:
            raise PeerFailed(answer["error"])
        return answer

    def slice(self, batch, seconds, least_runs=1):
        """The worker's answer with `load` (the machine's load average) and `others` (cores that others kept busy)."""
        wait_for_quiet()
        start, busy, own = time.time(), busy_cpu_seconds(), cpu_seconds_of(self.process.pid)
        answer = self.ask({"do": "slice", "batch": batch, "seconds": seconds, "least_runs": least_runs})
        elapsed = time.time() - start
        others = busy_cpu_seconds() - busy - (cpu_seconds_of(self.process.pid) - own)
        return {**answer, "load": os.getloadavg()[0], "others": round(max(others, 0) / elapsed, 2)}

    def close(self):
        self.process.kill()
        self.process.communicate()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def say(text):
    print(text, file=sys.stderr, flush=True)


class Metric:
    """`key` of a slice's answer, and which is better."""

    def __init__(self, name, key, unit, best):
        self.name, self.key, self.unit, self.best = name, key, unit, best


LATENCY = Metric("latency", "median_ms", "ms", min)
THROUGHPUT = Metric("throughput", "samples_per_s", "samples/s", max)


def scout(candidates, metric, seconds, keep, failed, passes=1):
    """The `keep` best candidates of each peer by the best of `passes` slices. Reasons of failures go to `failed`."""
    found = {}
    groups = {}
    for candidate in candidates:
        groups.setdefault((candidate.peer, candidate.variant), []).append(candidate)
    for (peer, variant), group in groups.items():
        try:
            with Worker(group[0].python, group[0].setting) as worker:
                for candidate in group:
                    value = metric.best(worker.slice(candidate.batch, seconds)[metric.key] for _ in range(passes))
                    say(f"    scouting {peer}, {candidate.label()}: {value:.2f} {metric.unit}")
                    found.setdefault(peer, []).append((value, candidate))
        except PeerFailed as error:
            say(f"    {peer}, {variant}: {error}")
            failed[peer] = str(error)
    for peer, values in found.items():
        failed.pop(peer, None)
        values.sort(key=lambda pair: pair[0], reverse=metric.best is max)
    return [candidate for values in found.values() for _, candidate in values[:keep]]


def in_turns(candidates, rounds, seconds, around=None):
    """Slices of each candidate over `rounds`: a list of lists. `around(candidate)` gives a context for its slices."""
    workers = [Worker(c.python, c.setting) for c in candidates]
    try:
        slices = [[] for _ in candidates]
        for number in range(rounds):
            for index, (candidate, worker) in enumerate(zip(candidates, workers)):
                if around is None:
                    slices[index].append(worker.slice(candidate.batch, seconds))
                    continue
                with around(candidate):
                    slices[index].append(worker.slice(candidate.batch, seconds))
            say(f"    round {number + 1} of {rounds}, load {os.getloadavg()[0]:.1f}")
        return slices
    finally:
        for worker in workers:
            worker.close()


def measure(candidates, metric, rounds, seconds, keep, scouting_seconds, scouting_passes):
    """For each peer the best of its candidates: {"value", "setting", "batch", "rounds", "load", "others"}.

    Returns that by peer, and the reason by peer where all candidates failed.
    """
    failed = {}
    chosen = scout(candidates, metric, scouting_seconds, keep, failed, scouting_passes)
    results = {}
    for candidate, slices in zip(chosen, in_turns(chosen, rounds, seconds)):
        values = [s[metric.key] for s in slices]
        result = {"value": statistics.median(values), "setting": candidate.variant, "batch": candidate.batch,
                  "rounds": values, "load": [s["load"] for s in slices], "others": [s["others"] for s in slices]}
        known = results.get(candidate.peer)
        if known is None or metric.best(known["value"], result["value"]) == result["value"]:
            results[candidate.peer] = result
    return results, failed
