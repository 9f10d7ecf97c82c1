"""One stage of one network in a process of its own, so that a crash or a leak ends with it.

    stage.py make NAME FOLDER                 writes FOLDER/model.onnx and FOLDER/inputs.npz
    stage.py check NAME FOLDER LIBRARY DTYPE,... THREADS   compares; one JSON line
Exit status 77: something that the network is made from cannot be had; the last line on stdout says what.
"""
import json
import pathlib
import sys

import numpy

import compare
import network as networks

SKIP = 77


def make(network, folder):
    arrays = network.make(folder)
    numpy.savez(folder / "inputs.npz", **arrays)


class Runner:
    """Runs the network's file by Spinel and by ONNX Runtime; what Network.check is given."""

    def __init__(self, folder, library, threads):
        self.folder, self.model, self.library, self.threads = folder, str(folder / "model.onnx"), library, threads
        self.engines = {}
        self.session = None

    def __call__(self, arrays, dtype="float32"):
        import peer_spinel

        if dtype not in self.engines:
            options = {"library": self.library, "dtype": dtype, "spas": 1, "threads_per_spa": self.threads,
                       "tune": False}
            self.engines[dtype] = peer_spinel.Peer({"model": self.model, "options": options})
        engine = self.engines[dtype]
        engine.prepare(arrays)
        return dict(zip(engine.names(), engine.run()))

    def expected(self, arrays):
        import peer_onnxruntime

        if self.session is None:
            # One thread: ONNX Runtime's ScatterND races with itself on equal indices, and loses some of the sum.
            self.session = peer_onnxruntime.Peer({"model": self.model, "callers": 1, "threads": 1})
        self.session.prepare(arrays)
        return dict(zip([o.name for o in self.session.session.get_outputs()], self.session.outputs()))


def check(network, folder, library, dtypes, threads):
    with numpy.load(folder / "inputs.npz") as file:
        arrays = dict(file)
    run = Runner(folder, library, threads)
    expected = run.expected(arrays)
    comparer = network.compare or compare.tensors
    result = {}
    for dtype in dtypes:
        try:
            actual = run(arrays, dtype)
            if sorted(actual) != sorted(expected):
                raise RuntimeError(f"outputs {sorted(actual)}, expected {sorted(expected)}")
            found = comparer(actual, expected, dtype)
            limit = getattr(network, dtype)
            reason = found.reason or ("" if found.difference <= limit else f"diff2 above {limit:g}")
            result[dtype] = {"diff2": found.difference, "count": found.count, "reason": reason, "seen": found.seen}
            if network.check and not reason:
                result[dtype]["seen"] = network.check(run, dtype)
        except Exception as error:
            result[dtype] = {"reason": f"{type(error).__name__}: {error}"}
    return result


def main():
    stage, name, folder, *rest = sys.argv[1:]
    network, folder = networks.every()[name], pathlib.Path(folder)
    try:
        if stage == "make":
            make(network, folder)
        else:
            print(json.dumps(check(network, folder, rest[0], rest[1].split(","), int(rest[2]))))
    except networks.Unavailable as error:
        print(error)
        return SKIP
    return 0


if __name__ == "__main__":
    sys.exit(main())
