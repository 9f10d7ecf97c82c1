"""`spinel simplify` and `spinel convert` on exported networks and on a model beyond 2 GB, against onnxruntime.

simplify: the result by onnxruntime within 1e-4 of the original's greatest value, and at most 3 % more nodes than
onnxsim leaves (where that can be installed). convert: diff2 of onnxruntime's float16 results at most 1e-2. Other files
than the exported ones: --models FILE ...
"""

import json
import os
import subprocess
import sys

import common

onnxruntime = common.with_onnxruntime("model tools against onnxruntime")

import models
import numpy as np
import onnx

FOLDER = os.path.join(common.WORK, "model_tools")
SPINEL = os.path.join(common.BIN, "spinel")
GIGABYTE = 1 << 30
ONNXSIM = "onnxsim==0.4.36"  # That of Debian's onnx: 0.8 wants a newer one.


def onnxsim():
    """The module, installed beside onnxruntime; None where it cannot be had."""
    done = subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--retries", "1", "--timeout", "30", ONNXSIM],
                          capture_output=True, text=True)
    if done.returncode == 0:
        import onnxsim as module

        return module
    print("SKIPPED: node counts against onnxsim (it could not be installed)")
    return None


def nodes(graph):
    return sum(1 + sum(nodes(a.g) for a in n.attribute if a.HasField("g")) for n in graph.node)


def feeds_of(path):
    generator = np.random.default_rng(0)
    feeds = {}
    for entry in common.session(onnxruntime, path).get_inputs():
        dims = [d if isinstance(d, int) else 1 if axis == 0 else 16 if len(entry.shape) < 4 else 224
                for axis, d in enumerate(entry.shape)]
        feeds[entry.name] = (generator.standard_normal(dims).astype(np.float32) if "float" in entry.type
                             else generator.integers(0, 2, dims))
    return feeds


def results(path, feeds):
    session = common.session(onnxruntime, path)
    types = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
    return session.run(None, {i.name: feeds[i.name].astype(types.get(i.type, feeds[i.name].dtype))
                              for i in session.get_inputs()})


def check_network(path, simplifier):
    name = os.path.basename(path)
    small, half = os.path.join(FOLDER, "small_" + name), os.path.join(FOLDER, "half_" + name)
    report = json.loads(common.run(SPINEL, "simplify", path, "-o", small, "--json", "--check", "1"))
    onnx.checker.check_model(small, full_check=True)
    feeds = feeds_of(path)
    expected = results(path, feeds)
    relative = max(common.differences(a, b)[1] for a, b in zip(results(small, feeds), expected))
    common.run(SPINEL, "convert", path, "-o", half, "--dtype", "float16", "--check", "0")
    onnx.checker.check_model(half, full_check=True)
    diff2 = max(common.differences(a, b)[0] for a, b in zip(results(half, feeds), expected))
    before, after = (sum(report[key].values()) for key in ("operators_before", "operators_after"))
    theirs = nodes(simplifier.simplify(onnx.load(path), check_n=0)[0].graph) if simplifier else -1
    passed = relative <= 1e-4 and diff2 <= 1e-2 and (theirs < 0 or after <= theirs * 1.03)
    print(f"{name:<50}{before:>7}{after:>7}{theirs:>9}{relative:>10.1e}{diff2:>10.1e}  {'ok' if passed else 'FAILED'}",
          flush=True)
    for file in (small, half):
        os.remove(file)
    return passed


def check_large():
    """Weights of 2.25 GiB in a sparse file of external data: read within the limit, written beside the model."""
    if os.statvfs(FOLDER).f_bavail * os.statvfs(FOLDER).f_frsize < 4 * GIGABYTE:
        print("SKIPPED: a model beyond 2 GB (less than 4 GiB are free)")
        return True
    folder = os.path.join(FOLDER, "large")
    os.makedirs(folder, exist_ok=True)
    rows, count = 64 * 1024, 9
    size = rows * 1024 * 4
    graph = onnx.helper.make_graph([], "large", [models.value("i", models.INT64, [1])], [models.value("y", models.FLOAT, [1, 1024])])
    for index in range(count):
        tensor = graph.initializer.add(name=f"w{index}", data_type=models.FLOAT, dims=[rows, 1024], data_location=1)
        for key, value in (("location", "weights"), ("offset", index * size), ("length", size)):
            tensor.external_data.add(key=key, value=str(value))
        graph.node.append(onnx.helper.make_node("Gather", [f"w{index}", "i"], [f"g{index}"]))
    graph.node.append(onnx.helper.make_node("Sum", [f"g{index}" for index in range(count)], ["s"]))
    graph.node.append(onnx.helper.make_node("Identity", ["s"], ["y"]))
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.ir_version = 8
    path, out = os.path.join(folder, "large.onnx"), os.path.join(folder, "out.onnx")
    onnx.save(model, path)
    with open(os.path.join(folder, "weights"), "wb") as file:
        for index in range(count):  # One number at the end of each tensor; the rest are holes.
            file.seek((index + 1) * size - 4)
            file.write(np.float32(index + 1).tobytes())
    refused = subprocess.run([SPINEL, "simplify", path, "-o", out, "--max-model-bytes", str(2 * GIGABYTE)],
                             capture_output=True, text=True)
    ok = refused.returncode == 1 and "max_model_bytes" in refused.stderr and not os.path.exists(out)
    report = json.loads(common.run(SPINEL, "simplify", path, "-o", out, "--json", "--check", "0"))
    ok = ok and report["files"] == [out, out + ".data"] and report["bytes_after"] > 2 * GIGABYTE
    onnx.checker.check_model(out)
    actual = common.session(onnxruntime, out).run(None, {"i": np.array([rows - 1])})[0]
    ok = ok and float(actual[0, -1]) == count * (count + 1) / 2 and float(np.abs(actual[0, :-1]).max()) == 0
    print(f"{'2.25 GiB of weights':<50}{'':>43}  {'ok' if ok else 'FAILED'}", flush=True)
    for file in os.listdir(folder):
        os.remove(os.path.join(folder, file))
    return ok


def main():
    os.makedirs(FOLDER, exist_ok=True)
    if "--models" in sys.argv:
        paths = sys.argv[sys.argv.index("--models") + 1:]
    else:
        exports = os.path.join(common.WORK, "models")
        os.makedirs(exports, exist_ok=True)
        paths = [models.export(exports, network, 17, "dynamic", "float32") for network in models.NETWORKS]
    simplifier = onnxsim()
    print(f"{'model':<50}{'nodes':>7}{'after':>7}{'onnxsim':>9}{'relative':>10}{'diff2':>10}")
    passed = [check_network(path, simplifier) for path in paths] + [check_large()]
    print(f"{sum(passed)} of {len(passed)} passed")
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
