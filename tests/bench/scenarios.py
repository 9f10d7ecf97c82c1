"""What is measured beside latency and throughput: scaling, a competing load, memory, loading."""
import contextlib
import dataclasses
import statistics
import subprocess
import sys

from interleave import THROUGHPUT, PeerFailed, Worker, in_turns, say

BATCH = 8


def medians(candidates, rounds, seconds, around=None):
    slices = in_turns(candidates, rounds, seconds, around)
    return [statistics.median(s[THROUGHPUT.key] for s in found) for found in slices]


def spas(settings, network, counts, dtypes, rounds, seconds):
    """Throughput by number of SPAs, one thread each."""
    result = {}
    for dtype in dtypes:
        candidates = [settings.spinel(network, BATCH, dtype, count) for count in counts]
        rates = medians(candidates, rounds, seconds)
        result[candidates[0].peer] = {"samples_per_s": dict(zip(map(str, counts), rates)),
                                      "scaling": rates[-1] / rates[0]}
    return result


@contextlib.contextmanager
def busy_loop():
    """One process that computes without a pause; the system puts it on whichever core it likes."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        try:
            yield
        finally:
            process.kill()


def beside_load(settings, network, dtypes, rounds, seconds):
    """Throughput alone and beside a busy loop, in the same turns, and the share that is kept.

    With twice as many threads as cores the scheduler's even shares favour whoever has more of them: tried for both.
    """
    many = 2 * settings.threads
    alone = [settings.spinel(network, BATCH, dtype, spas) for dtype in dtypes for spas in (settings.threads, many)]
    alone += [settings.onnxruntime(network, BATCH)]
    alone += [settings.onnxruntime(network, BATCH, callers) for callers in (settings.threads, many)]
    names = [f"{c.peer}, {c.variant}" for c in alone]
    beside = [dataclasses.replace(c) for c in alone]
    loaded = {id(c) for c in beside}
    rates = medians(alone + beside, rounds, seconds,
                    lambda c: busy_loop() if id(c) in loaded else contextlib.nullcontext())
    return {name: {"alone": a, "beside_load": b, "kept": b / a}
            for name, a, b in zip(names, rates, rates[len(alone):])}


def engine_file(settings, network, dtype):
    """A candidate that loads the network from an engine file, which is made here."""
    folder = settings.cache / "engines"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{network}_{dtype}.spinel"
    maker = settings.spinel(network, 1, dtype, save_engine=str(path))
    Worker(maker.python, maker.setting).close()
    candidate = settings.spinel(network, 1, dtype, load_engine=str(path))
    return dataclasses.replace(candidate, peer=candidate.peer + ", engine file")


def memory(settings, network, dtypes, rounds):
    """Peak resident bytes of a fresh process that loads and runs a batch of 8, and what it had before loading."""
    result = {}
    candidates = [c for d in dtypes for c in (settings.spinel(network, BATCH, d), engine_file(settings, network, d))]
    for candidate in [*candidates, settings.onnxruntime(network, BATCH)]:
        peaks = []
        for _ in range(rounds):
            with Worker(candidate.python, candidate.setting) as worker:
                worker.slice(BATCH, 0, least_runs=3)
                peaks.append((worker.ask({"do": "memory"})["peak_bytes"], worker.loaded["start_bytes"]))
        result[candidate.peer] = {"peak_bytes": statistics.median(p for p, _ in peaks),
                                  "before_loading_bytes": statistics.median(s for _, s in peaks)}
    return result


def load(settings, network, dtypes, rounds):
    """Milliseconds from a file to an engine, in fresh processes that take turns; files in the page cache."""
    candidates = [c for d in dtypes for c in (settings.spinel(network, 1, d), engine_file(settings, network, d))]
    candidates.append(settings.onnxruntime(network, 1))
    found = {c.peer: [] for c in candidates}
    for _ in range(rounds + 1):
        for candidate in candidates:
            with Worker(candidate.python, candidate.setting) as worker:
                found[candidate.peer].append(worker.loaded["load_ms"])
    medians_ms = {peer: statistics.median(values[1:]) for peer, values in found.items()}
    return {peer: {"median_ms": ms, "of_onnxruntime": ms / medians_ms["onnxruntime"]}
            for peer, ms in medians_ms.items()}


def guarded(what, scenario, *arguments):
    """The scenario's result, or {"failed": reason}."""
    say(f"  {what}")
    try:
        return scenario(*arguments)
    except PeerFailed as error:
        say(f"    {error}")
        return {"failed": str(error)}
