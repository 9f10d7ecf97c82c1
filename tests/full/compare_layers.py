"""`spinel compare --layers` against ONNX Runtime: every value that a compiled network gives out between its layers.

A layer fed with ONNX Runtime's values must be right to 1e-5 in float32 and 2e-3 in float16 (diff2), whatever the
network amplifies; what has accumulated at the outputs in float32 to 1e-3. This also proves that passes keep track of which
value of the file, in which layout, each of theirs is.
"""

import json
import os
import subprocess
import sys

import common

WHAT = "layers against onnxruntime"
# Networks of tests/bench/export_models.py, and how many values between layers there are at least.
NETWORKS = {"resnet50_unfolded": 50, "efficientnet_b0": 100, "mobilenet_v3_large": 75, "vit_b_16": 80, "bert_base": 100}
ALONE = {"float32": 1e-5, "float16": 2e-3}
# Values beyond 65504, which float16 clamps: the number that drowns masked scores.
CLAMPED = {"/Mul_output_0"}
OUTPUTS = 1e-3
FOLDER = os.path.join(common.WORK, "bench_models")


def export():
    missing = [n for n in NETWORKS if not os.path.exists(os.path.join(FOLDER, n + ".onnx"))]
    if missing:
        os.makedirs(FOLDER, exist_ok=True)
        script = os.path.join(common.SOURCE, "tests", "bench", "export_models.py")
        common.run(sys.executable, "-B", script, FOLDER, "--models", ",".join(missing))


def compare(path, library, *flags):
    """The JSON, whatever the exit status says of the outputs."""
    done = subprocess.run([os.path.join(common.BIN, "spinel"), "compare", path, "--layers", "--json", "--onnxruntime",
                           library, *flags], capture_output=True, text=True)
    if not done.stdout:
        raise RuntimeError(f"spinel compare {path} {flags}: {done.stderr}")
    return json.loads(done.stdout)


def worst(values):
    return max((float("inf") if v is None else v for v in values), default=float("inf"))


def check(network, dtype, library):
    found = compare(os.path.join(FOLDER, network + ".onnx"), library, *(["--dtype", dtype] if dtype != "float32" else []))
    layers = found["layers"]
    clamped = CLAMPED if dtype == "float16" and network == "bert_base" else set()
    alone = worst(x["alone"].get("diff2") for x in layers if x["value"]["name"] not in clamped)
    outputs = worst(o.get("diff2") for o in found["outputs"])
    ok = len(layers) >= NETWORKS[network] and alone <= ALONE[dtype] and (dtype != "float32" or outputs <= OUTPUTS)
    first = found["first_bad_layer"]
    print(f"{network:<22}{dtype:<9}{len(layers):>5} values, alone {alone:.1e}, outputs {outputs:.1e}"
          f"{'' if first is None else ', over the limit from ' + first['value']['name']}  {'ok' if ok else 'FAILED'}",
          flush=True)
    return ok


def main():
    import onnxruntime_library

    library = onnxruntime_library.folder("latest", WHAT)
    export()
    results = [check(network, dtype, library) for network in NETWORKS for dtype in ALONE]
    print(f"{sum(results)} of {len(results)} passed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
