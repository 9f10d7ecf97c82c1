"""ONNX Runtime's shared library from the npm package onnxruntime-node, kept under the build folder."""

import glob
import os
import shutil
import subprocess

import common


def folder(version, what):
    """The folder that holds libonnxruntime.so* of that version ("1.16.3", "latest"); skips where none can be had."""
    place = os.path.join(common.WORK, "onnxruntime", version)
    if glob.glob(os.path.join(place, "libonnxruntime.so*")):
        return place
    if not shutil.which("npm"):
        common.skip(what, "no npm to get ONNX Runtime's library with")
    unpacked = place + ".npm"
    shutil.rmtree(unpacked, ignore_errors=True)
    os.makedirs(unpacked)
    # Without scripts: the package's own would download the GPU libraries.
    done = subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", unpacked,
                           f"onnxruntime-node@{version}"], capture_output=True, text=True)
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    found = glob.glob(os.path.join(unpacked, "node_modules", "onnxruntime-node", "bin", "*", "linux", machine))
    if done.returncode or not found:
        reason = (done.stderr.strip() or f"no library for {machine}").splitlines()[-1]
        common.skip(what, f"onnxruntime-node@{version} could not be installed: {reason}")
    # The package holds the libraries of every system, 300 MB; one folder is enough.
    shutil.rmtree(place, ignore_errors=True)
    shutil.move(found[0], place)
    shutil.rmtree(unpacked)
    return place
