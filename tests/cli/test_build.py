"""`spinel build`, and engine files in every command that loads a model."""

import os
import shutil
import unittest

from support import *

FLOAT = TensorProto.FLOAT
EFFICIENTNET = os.path.join(PHOTOS, "efficientnet_lite0.onnx")


class Build(ProgramTest):
    def build(self, model, *flags, **options):
        engine = self.path(os.path.splitext(os.path.basename(model))[0] + ".spinel")
        self.spinel("build", model, "-o", engine, *flags, **options)
        return engine

    def outputs(self, model, name, array, *flags):
        out = self.path("out")
        self.spinel("run", model, "--input", self.save("x.npy", array), "--out", out, *flags)
        with open(os.path.join(out, name + ".npy"), "rb") as file:
            return file.read()

    def test_same_bits_as_compiled(self):
        noise = np.random.default_rng(3)
        for model, dims, output in ((MODEL, (3, 3, 32, 32), "output"), (MODEL_FP16, (3, 3, 32, 32), "output"),
                                    (EFFICIENTNET, (1, 3, 224, 224), None)):
            document = json.loads(self.spinel("info", model, "--json").stdout)
            output = output or document["outputs"][0]["name"]
            array = noise.standard_normal(dims).astype(document["inputs"][0]["dtype"])
            for flags in ([], ["--dtype", "float16", "--keep-io-types"]):
                engine = self.build(model, *flags)
                expected = self.outputs(model, output, array, *flags)
                self.assertEqual(self.outputs(engine, output, array, "--verify", "full"), expected)
                self.assertEqual(self.outputs(model, output, array, "--load-engine", engine, *flags), expected)
                compiled = self.spinel("info", model, "--graph", "--json", *flags).stdout
                loaded = self.spinel("info", engine, "--graph", "--json").stdout
                for key in ("graph", "inputs", "outputs", "batch", "memory", "compute_dtype"):
                    self.assertEqual(json.loads(loaded)[key], json.loads(compiled)[key])

    def test_commands(self):
        engine = self.build(MODEL)
        images = sorted(os.listdir(IMAGES))[:2]
        paths = [os.path.join(IMAGES, name) for name in images]
        labels = ["--labels", os.path.join(RESNET, "synset.txt"), "--preset", "imagenet", "--crop", "32"]
        self.assertEqual(self.spinel("classify", engine, *paths, *labels).stdout,
                         self.spinel("classify", MODEL, *paths, *labels).stdout)
        done = self.spinel("bench", MODEL, "--load-engine", engine, "--iterations", 2, "--warmup", 1, "--json")
        self.assertEqual(len(json.loads(done.stdout)["results"]), 1)

    def test_build_says_what_it_made(self):
        engine = self.path("m.spinel")
        document = json.loads(self.spinel("build", MODEL, "-o", engine, "--json").stdout)
        self.assertEqual(document["bytes"], os.path.getsize(engine))
        self.assertEqual(document["engine"], engine)

    def test_mismatches_are_refused(self):
        engine = self.build(MODEL)
        again = "spinel build"
        self.fails("spinel", "info", engine, "--dtype", "float16", saying=[engine, "float16", again])
        self.fails("spinel", "info", engine, "--tune", saying=["tune", again])
        self.fails("spinel", "info", MODEL_FP16, "--load-engine", engine, saying=["bytes", again])
        passes = self.write("passes.json", b'{"passes": {"fuse_conv_bn": false}}')
        self.fails("spinel", "info", engine, "--pass_path", passes, saying=["pass_path", again])
        other = self.build(MODEL, "--isa", "portable")
        self.spinel("info", other, "--isa", "portable")
        with open("/proc/cpuinfo") as file:
            has_avx2 = "avx2" in file.read()
        if has_avx2:
            self.fails("spinel", "info", other, "--isa", "avx2", saying=["'portable'", "'avx2'", again])
        configured = self.build(MODEL, "--pass_path", passes)
        self.spinel("info", configured, "--pass_path", passes)

    def test_damage_is_told(self):
        engine = self.build(MODEL)
        with open(engine, "rb") as file:
            content = file.read()
        for changed in (content[:-1], content[:40], b"", content[:100] + b"\xff" + content[101:]):
            self.fails("spinel", "info", self.write("bad.spinel", changed), saying=["bad.spinel", "spinel build"])
        weights = content[:-100] + bytes([content[-100] ^ 1]) + content[-99:]
        self.fails("spinel", "info", self.write("bad.spinel", weights), "--verify", "full", saying="weights")
        shutil.copy(MODEL, self.path("bad.spinel"))
        self.fails("spinel", "info", self.path("bad.spinel"), saying="no engine file")
        self.fails("spinel", "info", self.path("none.spinel"), saying="none.spinel")

    def test_usage(self):
        engine = self.build(MODEL)
        self.fails("spinel", "build", MODEL, "-o", self.path("m.engine"), status=2, saying=".spinel")
        self.fails("spinel", "build", engine, "-o", engine, status=2, saying="ONNX")
        self.fails("spinel", "build", MODEL, status=2, saying="-o")
        self.fails("spinel", "info", engine, "--target", "onnx", saying="no engine files")

    def test_what_cannot_be_written_leaves_nothing(self):
        locked = self.path("locked")
        os.mkdir(locked)
        before = sorted(os.listdir(self.dir))
        os.chmod(locked, 0o500)
        if os.geteuid() != 0:
            self.fails("spinel", "build", MODEL, "-o", os.path.join(locked, "m.spinel"), saying="m.spinel")
        os.chmod(locked, 0o700)
        self.assertEqual(os.listdir(locked), [])
        self.fails("spinel", "build", MODEL, "-o", self.path("none", "m.spinel"), saying="m.spinel")
        self.assertEqual(sorted(os.listdir(self.dir)), before)

    def test_a_build_replaces_the_file_whole(self):
        engine = self.build(MODEL)
        kept = self.path("kept.spinel")
        os.link(engine, kept)
        shutil.copymode(engine, kept)
        self.build(MODEL, "--dtype", "float16")
        self.spinel("info", kept, "--verify", "full")


if __name__ == "__main__":
    unittest.main()
