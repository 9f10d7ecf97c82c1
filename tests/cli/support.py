"""What the tests of the command and the flows share: running programs, shipped files, small models."""

import json
import os
import subprocess
import tempfile
import unittest

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SOURCE = os.environ["SPINEL_SOURCE_DIR"]
BIN = os.path.join(os.environ["SPINEL_BINARY_DIR"], "bin")
RESNET = os.path.join(SOURCE, "samples", "resnet")
PHOTOS = os.path.join(SOURCE, "samples", "photos")
MODEL = os.path.join(RESNET, "resnet_fashion.onnx")
MODEL_FP16 = os.path.join(RESNET, "resnet_fashion_fp16.onnx")
IMAGES = os.path.join(RESNET, "images")

# Variables that change what the programs do; a test sets those that it means.
SCRUBBED = ("SPINEL_LOG", "SPINEL_ONNXRUNTIME", "MAX_ENGINE_NUMS", "TECO_INFER", "OMPI_")


def environment(**changes):
    env = {k: v for k, v in os.environ.items() if not k.startswith(SCRUBBED)}
    env.update({k: str(v) for k, v in changes.items()})
    return env


class ProgramTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = folder.name

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def run_program(self, name, *args, status=0, env=None, timeout=240):
        """Runs build/bin/NAME; its output, once the exit status is `status`."""
        done = subprocess.run([os.path.join(BIN, name), *map(str, args)], capture_output=True, text=True,
                              env=env or environment(), timeout=timeout)
        self.assertEqual(done.returncode, status, f"{name} {args}\n{done.stdout}\n{done.stderr}")
        return done

    def spinel(self, *args, **options):
        return self.run_program("spinel", *args, **options)

    def fails(self, name, *args, saying, status=1, **options):
        """The program fails with one line on stderr that begins with "error:" and holds all of `saying`."""
        done = self.run_program(name, *args, status=status, **options)
        lines = done.stderr.strip().splitlines()
        self.assertTrue(lines, f"{name} {args} said nothing")
        self.assertTrue(lines[-1].startswith("error: "), done.stderr)
        for text in [saying] if isinstance(saying, str) else saying:
            self.assertIn(text, lines[-1])
        return done

    def save(self, name, array):
        np.save(self.path(name), array)
        return self.path(name)

    def write(self, name, content):
        with open(self.path(name), "wb") as file:
            file.write(content)
        return self.path(name)


def info(name, dtype, dims):
    return helper.make_tensor_value_info(name, dtype, dims)


def save_model(path, nodes, inputs, outputs, initializers=(), opset=17, domains=()):
    graph = helper.make_graph(nodes, "g", inputs, outputs,
                              [numpy_helper.from_array(np.asarray(v), k) for k, v in dict(initializers).items()])
    imports = [helper.make_opsetid("", opset)] + [helper.make_opsetid(d, 1) for d in domains]
    model = helper.make_model(graph, opset_imports=imports)
    model.ir_version = 8
    onnx.save(model, path)
    return path


__all__ = ["BIN", "IMAGES", "MODEL", "MODEL_FP16", "PHOTOS", "RESNET", "SOURCE", "ProgramTest", "TensorProto",
           "environment", "helper", "info", "json", "np", "os", "save_model"]
