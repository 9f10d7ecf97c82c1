"""What the full tests share: onnxruntime in a virtual environment, running programs, measures of difference."""

import os
import subprocess
import sys

SOURCE = os.environ["SPINEL_SOURCE_DIR"]
BIN = os.path.join(os.environ["SPINEL_BINARY_DIR"], "bin")
WORK = os.path.join(os.environ["SPINEL_BINARY_DIR"], "full")
RESNET = os.path.join(SOURCE, "samples", "resnet")
SKIP = 77


def skip(what, why):
    """Ends the test as skipped; tests/run.sh counts the line."""
    print(f"SKIPPED: {what} ({why})")
    sys.exit(SKIP)


def with_onnxruntime(what):
    """Goes on in a virtual environment that has onnxruntime beside Debian's packages; skips where none can be had."""
    try:
        import onnxruntime

        return onnxruntime
    except ImportError:
        pass
    if os.environ.get("SPINEL_IN_VENV"):
        skip(what, "onnxruntime was installed but cannot be imported")
    folder = os.path.join(WORK, "venv")
    python = os.path.join(folder, "bin", "python")
    has_it = os.path.exists(python) and not subprocess.run([python, "-c", "import onnxruntime"],
                                                           capture_output=True).returncode
    pip = [python, "-m", "pip", "install", "--quiet", "--retries", "1", "--timeout", "30", "onnxruntime"]
    for command in () if has_it else ([sys.executable, "-m", "venv", "--clear", "--system-site-packages", folder], pip):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            reason = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
            skip(what, f"onnxruntime could not be installed: {reason}")
    os.execve(python, [python, "-B", *sys.argv], {**os.environ, "SPINEL_IN_VENV": "1"})


def run(*command, **options):
    """Runs a program; its stdout, or an error that shows what it said."""
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def session(onnxruntime, path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = os.cpu_count()
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def differences(actual, expected):
    """(diff2, greatest |a-b| over the greatest |b|): 0 where both are equal, infinite for other dims or NaN and Inf."""
    import numpy as np

    a, b = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    if a.shape != b.shape or not np.isfinite(a).all() or not np.isfinite(b).all():
        return float("inf"), float("inf")
    if (a == b).all():
        return 0.0, 0.0
    with np.errstate(divide="ignore"):
        return float(np.linalg.norm(a - b) / np.linalg.norm(b)), float(np.abs(a - b).max() / np.abs(b).max())
