"""Target `onnx` with ONNX Runtime 1.16 and the newest: spinel_onnx_target_test, and the command against target cpu.

The networks are torchvision exports with a dynamic batch; every output of target onnx, whatever the number of SPAs,
must equal that of target cpu to 1e-5 of the greatest value, and the command must say nothing on stderr.
"""

import json
import os
import subprocess
import sys

import common

WHAT = "target onnx"
VERSIONS = ("1.16.3", "latest")
LIMIT = 1e-5
NETWORKS = ("resnet18", "mobilenet_v2")
FOLDER = os.path.join(common.WORK, "models")
OUT = os.path.join(common.WORK, "onnx_target")


def command(*arguments, library=None, status=0):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("SPINEL_", "MAX_ENGINE_NUMS"))}
    if library:
        environment["SPINEL_ONNXRUNTIME"] = library
    done = subprocess.run([os.path.join(common.BIN, "spinel"), *map(str, arguments)], capture_output=True, text=True,
                          env=environment)
    if done.returncode != status:
        raise RuntimeError(f"spinel {arguments}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    if status == 0 and done.stderr:
        raise RuntimeError(f"spinel {arguments} said on stderr: {done.stderr}")
    return done.stdout if status == 0 else done.stderr


def outputs(path, feed, *flags, library=None):
    import numpy as np

    file = os.path.join(OUT, "input.npy")
    np.save(file, feed)
    text = command("run", path, "--input", file, "--out", OUT, "--json", *flags, library=library)
    return {o["name"]: np.load(o["file"]) for o in json.loads(text)["outputs"]}


def check_networks(libraries):
    import models
    import numpy as np

    failed = 0
    for network in NETWORKS:
        path = models.export(FOLDER, network, 17, "dynamic", "float32")
        feed = np.random.default_rng(1).standard_normal((4, 3, 128, 160)).astype(np.float32)
        expected = outputs(path, feed)
        described = json.loads(command("info", path, "--json"))
        for version, library in libraries.items():
            told = json.loads(command("info", path, "--json", "--target", "onnx", library=library))
            same = all(told[k] == described[k] for k in ("inputs", "outputs", "batch", "compute_dtype"))
            failed += not same
            print(f"{network}, ONNX Runtime {version}: described {'alike' if same else 'OTHERWISE'}", flush=True)
            for spas in (1, 2, 3):
                actual = outputs(path, feed, "--target", "onnx", "--spas", spas, library=library)
                worst = max(common.differences(actual[n], expected[n])[1] for n in expected)
                ok = sorted(actual) == sorted(expected) and worst <= LIMIT
                failed += not ok
                print(f"{network}, ONNX Runtime {version}, {spas} SPAs: {worst:.1e} {'ok' if ok else 'FAILED'}",
                      flush=True)
    return failed


def check_flags(library):
    """The flag, relative as users write it, goes before the variable."""
    model = os.path.join(common.RESNET, "resnet_fashion.onnx")
    relative = os.path.relpath(library)
    command("info", model, "--target", "onnx", "--onnxruntime", relative, library="/nowhere")
    said = command("info", model, "--target", "onnx", library="/nowhere", status=1)
    return "/nowhere" not in said


def main():
    import onnxruntime_library

    libraries = {version: onnxruntime_library.folder(version, WHAT) for version in VERSIONS}
    os.makedirs(FOLDER, exist_ok=True)
    os.makedirs(OUT, exist_ok=True)
    failed = 0
    for version, library in libraries.items():
        other = next(place for place in libraries.values() if place != library)
        print(f"ONNX Runtime {version}: spinel_onnx_target_test", flush=True)
        failed += subprocess.run([os.path.join(os.environ["SPINEL_BINARY_DIR"], "tests", "full",
                                               "spinel_onnx_target_test")],
                                 env={**os.environ, "SPINEL_TEST_ONNXRUNTIME": library,
                                      "SPINEL_TEST_ONNXRUNTIME_OTHER": other}).returncode != 0
    failed += check_flags(libraries["latest"])
    failed += check_networks(libraries)
    print(f"{failed} failures" if failed else "all passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
