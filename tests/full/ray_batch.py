"""samples/python/ray_batch.py, with Ray from PyPI, prints what example_multi_batch.py prints."""

import os
import shutil
import subprocess
import sys
import tempfile

import common

WHAT = "samples/python/ray_batch.py"
SAMPLES = os.path.join(common.SOURCE, "samples", "python")
MODEL = os.path.join(common.RESNET, "resnet_fashion.onnx")
IMAGES = os.path.join(common.RESNET, "images")


def environment():
    """The Python of a virtual environment with Ray and the binding of this build."""
    folder = os.path.join(common.WORK, "ray-venv")
    python = os.path.join(folder, "bin", "python")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for command in ([sys.executable, "-m", "venv", folder],
                    [*pip, "--retries", "1", "--timeout", "30", "ray[data]"]):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            reason = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
            common.skip(WHAT, f"Ray could not be installed: {reason}")
    common.run(*pip, "--no-index", "--no-deps", "--force-reinstall", "--config-settings",
               f"build-dir={os.environ['SPINEL_BINARY_DIR']}", os.path.join(common.SOURCE, "bindings", "python"))
    return python


def run(python, program, *arguments):
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("RAY_", "PYTHONPATH"))}
    done = subprocess.run([python, "-B", os.path.join(SAMPLES, program), "--ckpt", MODEL, *arguments],
                          capture_output=True, text=True, env={**clean, "RAY_USAGE_STATS_ENABLED": "0"}, timeout=300)
    print(program, *arguments, "->", done.returncode, flush=True)
    return done


def check(condition, done):
    if not condition:
        sys.exit(f"FAILED: {done}")


python = environment()
expected = run(python, "example_multi_batch.py", "--data_path", IMAGES, "--batch_size", "4", "--topk", "2")
check(expected.returncode == 0 and len(expected.stdout.splitlines()) == 12, expected)
for actors, batch_size in (("1", "5"), ("2", "2")):
    done = run(python, "ray_batch.py", "--data_path", IMAGES, "--batch_size", batch_size, "--actors", actors,
               "--topk", "2")
    check(done.returncode == 0 and done.stdout == expected.stdout, done)
    check("images: 12 attempted = 12 done + 0 rejected" in done.stderr, done)

with tempfile.TemporaryDirectory() as folder:
    shutil.copy(os.path.join(IMAGES, "09_ankle_boot.png"), os.path.join(folder, "b.png"))
    with open(os.path.join(folder, "a.png"), "w") as file:
        file.write("no image")
    done = run(python, "ray_batch.py", "--data_path", folder)
    check(done.returncode == 0 and done.stdout.startswith("1 b.png : ") and "Ankle boot" in done.stdout, done)
    check("rejected: " in done.stderr and "a.png" in done.stderr, done)
for arguments, status, part in ((["--data_path", "no/such"], 1, "no/such"), ([], 2, "--data_path"),
                                (["--data_path", IMAGES, "--labels", "no.txt"], 1, "no.txt")):
    done = run(python, "ray_batch.py", *arguments)
    check(done.returncode == status and part in done.stderr, done)
