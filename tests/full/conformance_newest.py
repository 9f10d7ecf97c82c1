"""The ONNX project's newest node cases through `spinel conformance`: those that the last release with test data ships,
and those that the newest release generates. Both come from PyPI; tests/conformance/newest.txt lists what does not pass.
"""

import json
import os
import subprocess
import sys

import common

WHAT = "the newest ONNX test data"
SHIPPED = "1.22.0"  # The last release whose wheel has backend/test/data/node.
OUT_OF_SCOPE = "ai.onnx.ml"

# Run with a release that ships no data: writes every node case as `onnx.backend.test.cmd_tools` did.
GENERATE = """
import os, sys
import onnx.backend.test.case.node as node
from onnx import TensorProto, numpy_helper as helper
writers = {"sequence_type": helper.from_list, "optional_type": helper.from_optional, "map_type": helper.from_dict}
def put(path, value, info):
    if not isinstance(value, TensorProto):
        value = writers.get(info.type.WhichOneof("value"), helper.from_array)(value, info.name)
    with open(path, "wb") as file:
        file.write(value.SerializeToString())
for case in node.collect_testcases(None):
    folder = os.path.join(sys.argv[1], case.name)
    os.makedirs(folder)
    with open(os.path.join(folder, "model.onnx"), "wb") as file:
        file.write(case.model.SerializeToString())
    for i, (inputs, outputs) in enumerate(case.data_sets):
        data = os.path.join(folder, f"test_data_set_{i}")
        os.makedirs(data)
        for side, values, infos in (("input", inputs, case.model.graph.input),
                                    ("output", outputs, case.model.graph.output)):
            for k, value in enumerate(values):
                put(os.path.join(data, f"{side}_{k}.pb"), value, infos[k])
"""


def environment(release):
    """The Python of a virtual environment with that release of onnx alone ("" is the newest)."""
    folder = os.path.join(common.WORK, "onnx-" + (release or "newest"))
    python = os.path.join(folder, "bin", "python")
    wanted = f"onnx=={release}" if release else "onnx"
    install = [python, "-m", "pip", "install", "--quiet", "--upgrade", "--retries", "1", "--timeout", "30", wanted]
    clean = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    for command in ([sys.executable, "-m", "venv", folder], install):
        done = subprocess.run(command, capture_output=True, text=True, env=clean)
        if done.returncode:
            reason = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
            common.skip(WHAT, f"{wanted} could not be installed: {reason}")
    return python, clean


def ask(python, clean, program, *args):
    return subprocess.run([python, "-c", program, *args], check=True, capture_output=True, text=True,
                          env=clean).stdout.strip()


def node_cases(release):
    """The release's number and its folder of node cases."""
    python, clean = environment(release)
    version, package = ask(python, clean, "import onnx, os; print(onnx.__version__, os.path.dirname(onnx.__file__))").split()
    shipped = os.path.join(package, "backend", "test", "data", "node")
    if os.path.isdir(shipped):
        return version, shipped
    made = os.path.join(common.WORK, f"onnx-{version}-data", "node")
    if not os.path.isdir(made):
        partial = os.path.join(common.WORK, f"onnx-{version}-data.partial", "node")
        subprocess.run(["rm", "-rf", os.path.dirname(partial)], check=True)
        ask(python, clean, GENERATE, partial)
        os.rename(os.path.dirname(partial), os.path.dirname(made))
    return version, made


def check(version, folder):
    allow = os.path.join(common.SOURCE, "tests", "conformance", "newest.txt")
    done = subprocess.run([os.path.join(common.BIN, "spinel"), "conformance", folder, "--json", "--allow", allow],
                          capture_output=True, text=True)
    # A line may be about cases that one of the two releases lacks.
    unexpected = [line for line in done.stderr.splitlines() if not line.endswith("which no case is")]
    cases = json.loads(done.stdout)["cases"]
    inference = [case for case in cases if OUT_OF_SCOPE not in case["reason"]]
    passed = sum(case["status"] == "pass" for case in inference)
    print(f"onnx {version}: {passed} of {len(inference)} inference cases pass ({100 * passed / len(inference):.2f} %), "
          f"{len(cases) - len(inference)} are out of scope")
    print("\n".join(unexpected))
    return bool(unexpected) or passed < 0.99 * len(inference)


def main():
    found = dict(node_cases(release) for release in (SHIPPED, ""))
    failed = [version for version, folder in found.items() if check(version, folder)]
    print("failed: " + ", ".join(failed) if failed else "all as listed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
