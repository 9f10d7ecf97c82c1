"""One peer with one network and one setting, in a process of its own: answers requests of interleave.Worker.

Reads JSON lines, writes JSON lines. The first is the setting: {"peer", "network", "model", "threads", "callers",
"folder", "options"}, where "arrays", an .npz file of one batch, may stand for "network"; the answer is {"load_ms", "start_bytes", "version"}: the time from a model's file to an engine
that can run, the peak resident memory before, the peer's version. Then requests:
    {"do": "slice", "batch", "seconds", "least_runs"} -> {"samples_per_s", "median_ms", "runs"}
    {"do": "outputs", "batch", "file"} -> {}: writes the outputs as .npz
    {"do": "memory"} -> {"peak_bytes"}
A failure is answered by {"error"}. The process ends with its input.
"""
import gc
import importlib
import json
import os
import statistics
import sys
import threading
import time

import numpy

import networks


def timed_runs(run, seconds, least_runs):
    """Durations of runs one after another."""
    durations = []
    start = last = time.perf_counter()
    while last - start < seconds or len(durations) < least_runs:
        run()
        now = time.perf_counter()
        durations.append(now - last)
        last = now
    return durations


def peak_bytes():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


class Session:
    def __init__(self, setting):
        self.setting = setting
        self.callers = setting.get("callers", 1)
        self.start_bytes = peak_bytes()
        module = importlib.import_module("peer_" + setting["peer"])
        start = time.perf_counter()
        self.peer = module.Peer(setting)
        self.load_ms = (time.perf_counter() - start) * 1e3
        self.version = self.peer.version()
        self.batch = None

    def arrays(self, batch):
        if "arrays" in self.setting:
            with numpy.load(self.setting["arrays"]) as file:
                return dict(file)
        return networks.arrays(self.setting["network"], batch)

    def prepare(self, batch):
        """Inputs in place and everything run once, so that what happens once a shape is not measured."""
        if self.batch != batch:
            self.peer.prepare(self.arrays(batch))
            self.batch = batch
        self.peer.run()

    def slice(self, request):
        self.prepare(request["batch"])
        if hasattr(self.peer, "run_for"):
            runs, seconds = self.peer.run_for(request["seconds"], request["least_runs"])
            return {"samples_per_s": runs * self.batch / seconds, "median_ms": seconds / runs * 1e3, "runs": runs}
        found = [None] * self.callers

        def call(index):
            found[index] = timed_runs(self.peer.run, request["seconds"], request["least_runs"])

        threads = [threading.Thread(target=call, args=(i,)) for i in range(1, self.callers)]
        for thread in threads:
            thread.start()
        call(0)
        for thread in threads:
            thread.join()
        # Each caller's own rate: what others still run after it has finished must not count against it.
        rate = sum(len(durations) / sum(durations) for durations in found)
        every = [d for durations in found for d in durations]
        return {"samples_per_s": rate * self.batch, "median_ms": statistics.median(every) * 1e3, "runs": len(every)}

    def outputs(self, request):
        self.prepare(request["batch"])
        numpy.savez(request["file"], *self.peer.outputs())
        return {}

    def memory(self, _):
        return {"peak_bytes": peak_bytes()}


def main():
    # What libraries print must not end up between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    gc.disable()
    session = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if session is None:
                session = Session(request)
                answer = {"load_ms": session.load_ms, "start_bytes": session.start_bytes, "version": session.version}
            else:
                answer = getattr(session, request["do"])(request)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
