"""Runs the ONNX project's own test data through `spinel conformance`, with the lists of what does not pass.

    conformance.py FOLDER ALLOW_LIST [FLAG ...]   FOLDER holds node, simple, pytorch-converted and pytorch-operator

A case that fails and is not listed, and one that is listed and passes, fail the test. FLAGS are the command's. Without
any the report goes to conformance.json in the build folder.
"""

import json
import os
import subprocess
import sys

SUITES = ("node", "simple", "pytorch-converted", "pytorch-operator")
SKIP = 77


def main(data, allow, *flags):
    suites = [os.path.join(data, suite) for suite in SUITES]
    missing = [suite for suite in suites if not os.path.isdir(suite)]
    if missing:
        print(f"SKIPPED: conformance (no {', '.join(missing)}; Debian package libonnx-testdata)")
        return SKIP
    build = os.environ["SPINEL_BINARY_DIR"]
    command = [os.path.join(build, "bin", "spinel"), "conformance", *suites, "--json", "--allow", allow, *flags]
    done = subprocess.run(command, capture_output=True, text=True)
    sys.stderr.write(done.stderr)
    report = json.loads(done.stdout)
    if not flags:
        with open(os.path.join(build, "conformance.json"), "w") as file:
            file.write(done.stdout)
    for suite in SUITES:
        own = [case["status"] for case in report["cases"] if case["name"].startswith(suite + "/")]
        passed = own.count("pass")
        print(f"{suite}: {passed} of {len(own)} pass ({100 * passed / len(own):.1f} %), {own.count('fail')} fail, "
              f"{own.count('unsupported')} unsupported")
    assert sum(report["summary"].values()) == len(report["cases"])
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
