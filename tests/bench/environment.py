"""The peers from PyPI in a virtual environment of their own."""
import pathlib
import subprocess
import sys

# What docs/benchmarks.md was measured with.
PACKAGES = ("numpy==2.4.6", "onnxruntime==1.32.0", "openvino==2026.4.1", "ncnn==1.0.20261020")
# pnnx is a program with a Python wrapper; only the wrapper needs torch, which is large.
PROGRAMS = ("pnnx==20261020",)


def python_of(folder, packages=PACKAGES, programs=PROGRAMS, base=sys.executable, options=()):
    """The interpreter of the environment in `folder`, which is made first if need be. Raises RuntimeError.

    `packages` come with what they depend on, `programs` without; `base` is the interpreter that makes it, by
    `-m venv` with `options`.
    """
    folder = pathlib.Path(folder)
    python = folder / "bin" / "python"
    stamp = folder / "packages.txt"
    wanted = "\n".join([base, *options, *packages, *programs])
    if stamp.exists() and stamp.read_text() == wanted:
        return str(python)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    commands = [[base, "-m", "venv", "--clear", *options, str(folder)], [*pip, *packages]]
    if programs:
        commands.append([*pip, "--no-deps", *programs])
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    stamp.write_text(wanted)
    return str(python)


def pnnx_of(folder):
    """The program pnnx of the environment."""
    found = list(pathlib.Path(folder).glob("lib/python*/site-packages/pnnx/pnnx"))
    if not found:
        raise RuntimeError(f"{folder} holds no pnnx")
    return str(found[0])


if __name__ == "__main__":
    print(python_of(sys.argv[1]))
