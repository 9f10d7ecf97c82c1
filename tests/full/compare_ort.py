"""Runs big and small models by `spinel run` and by onnxruntime, and compares every output.

float32: greatest difference at most 1e-5 of the greatest value. float16: diff2 at most 3e-3 (the limit at which
float16 networks are accepted) against onnxruntime in float32, or against onnxruntime running the float16 file.
Prints a table; --only WORD runs the models whose name holds WORD.
"""

import json
import os
import sys
import time

import common

onnxruntime = common.with_onnxruntime("models against onnxruntime")

import models
import numpy as np

FLOAT32_LIMIT = 1e-5
FLOAT16_LIMIT = 3e-3
FOLDER = os.path.join(common.WORK, "models")


class Table:
    def __init__(self):
        self.failed = []
        self.count = 0
        print(f"{'model':<50}{'computed in':<12}{'rel. max':>10}{'diff2':>10}{'limit':>9}  result", flush=True)

    def add(self, name, dtype, worst, distance, limit, passed, note=""):
        self.count += 1
        if not passed:
            self.failed.append(f"{name} {dtype}")
        result = "ok" if passed else "FAILED"
        print(f"{name:<50}{dtype:<12}{worst:>10.1e}{distance:>10.1e}{limit:>9.0e}  {result} {note}", flush=True)


def spinel(path, feeds, *flags):
    """The outputs by name, as `spinel run` writes them."""
    out = os.path.join(FOLDER, "out")
    os.makedirs(out, exist_ok=True)
    for file in os.listdir(out):
        os.remove(os.path.join(out, file))
    arguments = []
    for index, (name, array) in enumerate(feeds.items()):
        file = os.path.join(FOLDER, f"input_{index}.npy")
        np.save(file, array)
        arguments += ["--input", f"{name}:{file}"]
    text = common.run(os.path.join(common.BIN, "spinel"), "run", path, *arguments, "--out", out, "--json", *flags)
    return {o["name"]: np.load(o["file"]) for o in json.loads(text)["outputs"]}


def reference(path, feeds):
    session = common.session(onnxruntime, path)
    types = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
    typed = {i.name: feeds[i.name].astype(types.get(i.type, feeds[i.name].dtype)) for i in session.get_inputs()}
    return dict(zip([o.name for o in session.get_outputs()], session.run(None, typed)))


def worst_of(actual, expected):
    """The worst diff2 and the worst relative maximum over all outputs."""
    if sorted(actual) != sorted(expected):
        raise RuntimeError(f"outputs {sorted(actual)}, expected {sorted(expected)}")
    pairs = [common.differences(actual[n], expected[n]) for n in expected]
    return max(p[0] for p in pairs), max(p[1] for p in pairs)


def counted(check):
    """A check whose error is a failed row instead of the end of the run."""

    def guarded(table, name, path, *rest):
        try:
            check(table, name, path, *rest)
        except Exception as error:
            print(f"{name}: {error}", flush=True)
            table.add(name, "", float("inf"), float("inf"), 0, False)

    return guarded


@counted
def check_float32(table, name, path, feeds, expected, *flags):
    actual = spinel(path, feeds, *flags)
    distance, worst = worst_of(actual, expected)
    table.add(name, "float32", worst, distance, FLOAT32_LIMIT, worst <= FLOAT32_LIMIT)


@counted
def check_float16(table, name, path, feeds, expected, *flags):
    """`expected` is what float32 gives. A float16 file is also compared with onnxruntime on that file."""
    actual = spinel(path, feeds, *flags)
    if any(a.dtype == np.float32 for a in actual.values()):
        raise RuntimeError(f"{name}: float16 was asked for, float32 came")
    (distance, worst), note = worst_of(actual, expected), "to float32"
    if distance > FLOAT16_LIMIT and not flags:
        (distance, worst), note = worst_of(actual, reference(path, feeds)), "to onnxruntime's float16"
    table.add(name, "float16", worst, distance, FLOAT16_LIMIT, distance <= FLOAT16_LIMIT, note)


def image_batch(*dims, seed=0):
    return {"input": np.random.default_rng(seed).standard_normal(dims).astype(np.float32)}


def check_networks(table, wanted):
    for network in models.NETWORKS:
        for opset in (12, 17):
            for mode, dims in (("static", (1, 3, 224, 224)), ("dynamic", (2, 3, 192, 160))):
                name = f"{network} opset {opset} {mode}"
                if not wanted(name):
                    continue
                path = models.export(FOLDER, network, opset, mode, "float32")
                feeds = image_batch(*dims)
                expected = reference(path, feeds)
                check_float32(table, name, path, feeds, expected)
                if opset == 17 and mode == "dynamic":
                    check_float16(table, f"{name} --dtype float16", path, feeds, expected, "--dtype", "float16")
                    half = models.export(FOLDER, network, opset, mode, "float16")
                    check_float16(table, f"{name} float16 file", half, feeds, expected)


def check_shipped(table, wanted):
    photos = os.path.join(common.SOURCE, "samples", "photos", "efficientnet_lite0.onnx")
    if not os.path.exists(photos):
        print("SKIPPED: EfficientNet-Lite0 (samples/photos holds no model)")
    elif wanted("EfficientNet-Lite0"):
        feeds = image_batch(2, 3, 224, 224)
        whole = models.as_float32(photos, os.path.join(FOLDER, "efficientnet_lite0_float32.onnx"))
        expected = reference(whole, feeds)
        check_float32(table, "EfficientNet-Lite0 --dtype float32", photos, feeds, expected, "--dtype", "float32")
        check_float32(table, "EfficientNet-Lite0 float32 file", whole, feeds, expected)
        check_float16(table, "EfficientNet-Lite0 float16 file", photos, feeds, expected)
    if wanted("resnet_fashion"):
        path = os.path.join(common.RESNET, "resnet_fashion.onnx")
        feeds = image_batch(7, 3, 32, 32)
        expected = reference(path, feeds)
        check_float32(table, "resnet_fashion", path, feeds, expected)
        check_float16(table, "resnet_fashion --dtype float16", path, feeds, expected, "--dtype", "float16")
        check_float16(table, "resnet_fashion_fp16", os.path.join(common.RESNET, "resnet_fashion_fp16.onnx"), feeds,
                      expected)


def check_small(table, wanted):
    generator = np.random.default_rng(7)

    def normal(*dims):
        return generator.standard_normal(dims).astype(np.float32)

    cases = [("Conv, weights at run time", models.conv_with_run_time_weights,
              {"x": normal(3, 3, 17, 13), "w": normal(8, 3, 3, 3), "b": normal(8)}),
             ("MatMul and Gemm, weights at run time", models.matmul_with_run_time_weights,
              {"a": normal(4, 5, 7), "b": normal(4, 7, 6)})]
    for trips in (0, 1, 9):
        for scale in (1, -1):
            cases.append((f"If and Loop, {trips} steps, {scale:+d}", models.if_and_loop,
                          {"x": scale * np.abs(normal(3, 4)), "trips": np.array(trips, np.int64)}))
    for name, make, feeds in cases:
        if not wanted(name):
            continue
        path = make(os.path.join(FOLDER, "small.onnx"))
        expected = reference(path, feeds)
        check_float32(table, name, path, feeds, expected)
        check_float16(table, name, path, feeds, expected, "--dtype", "float16")


def main():
    only = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else ""
    os.makedirs(FOLDER, exist_ok=True)
    start = time.time()
    print(f"onnxruntime {onnxruntime.__version__}")
    table = Table()
    for part in (check_small, check_shipped, check_networks):
        part(table, lambda name: only.lower() in name.lower())
    print(f"{table.count - len(table.failed)} of {table.count} comparisons passed in {time.time() - start:.0f} s")
    for name in table.failed:
        print(f"FAILED: {name}")
    return 1 if table.failed or not table.count else 0


if __name__ == "__main__":
    sys.exit(main())
