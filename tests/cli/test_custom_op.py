"""Custom operators: the sample as a library for the command, and as a C++ program."""

import os
import unittest

from support import *

SAMPLE = os.path.join(SOURCE, "samples", "custom_op", "add.onnx")
LIBRARY = os.path.join(os.environ["SPINEL_BINARY_DIR"], "lib", "libcustom_add.so")
FLOAT = TensorProto.FLOAT


class CustomOp(ProgramTest):
    def run_model(self, model, x, y, *flags):
        self.spinel("run", model, "--input", "x:" + self.save("x.npy", x), "--input", "y:" + self.save("y.npy", y),
                    "--out", self.path("out"), *flags)
        return [np.load(self.path("out", name + ".npy")) for name in ("sum", "difference")]

    def check(self, results, x, y, tolerance=0.0):
        x = np.maximum(x, 0).astype(np.float32)
        for got, expected in zip(results, (x + 0.5 * y, np.abs(x - 0.5 * y))):
            np.testing.assert_allclose(got.astype(np.float32), expected, rtol=tolerance, atol=tolerance)

    def inputs(self, rows):
        noise = np.random.default_rng(1)
        return [noise.integers(-8, 8, (rows, 3)).astype(np.float32) for _ in range(2)]

    def test_the_library_computes(self):
        for rows, spas in ((1, 1), (7, 3)):
            x, y = self.inputs(rows)
            self.check(self.run_model(SAMPLE, x, y, "--custom-op", LIBRARY, "--spas", spas), x, y)
        report = json.loads(self.spinel("info", SAMPLE, "--custom-op", LIBRARY, "--json").stdout)
        self.assertTrue(report["batch"]["splittable"])

    def test_float16_stays_in_float32_around_it(self):
        x, y = self.inputs(4)
        results = self.run_model(SAMPLE, x, y, "--custom-op", LIBRARY, "--dtype", "float16")
        self.assertEqual(results[0].dtype, np.float16)
        self.check(results, x, y, 1e-3)

    def test_engine_file(self):
        engine = self.path("add.spinel")
        self.spinel("build", SAMPLE, "-o", engine, "--custom-op", LIBRARY)
        x, y = self.inputs(4)
        self.check(self.run_model(engine, x, y, "--custom-op", LIBRARY), x, y)
        self.fails("spinel", "info", engine, saying=["custom::Add", "--custom-op"])

    def test_without_the_library(self):
        done = self.run_program("spinel", "info", SAMPLE, status=1)
        self.assertIn("custom::Add", done.stderr)
        self.assertIn("--custom-op", done.stderr)

    def test_errors_name_the_operator(self):
        model = self.path("two.onnx")
        save_model(model, [helper.make_node("Add", ["x", "y"], ["sum", "difference"], name="my_add", domain="custom")],
                   [info("x", FLOAT, ["a"]), info("y", FLOAT, ["b"])],
                   [info("sum", FLOAT, None), info("difference", FLOAT, None)], domains=["custom"])
        x, y = np.zeros(2, np.float32), np.zeros(3, np.float32)
        self.fails("spinel", "run", model, "--input", "x:" + self.save("x.npy", x), "--input",
                   "y:" + self.save("y.npy", y), "--out", self.path("out"), "--custom-op", LIBRARY,
                   saying=["my_add", "custom::Add", "x and y have different dims", "float32[2]", "float32[3]"])

    def test_libraries_that_are_none(self):
        self.fails("spinel", "info", SAMPLE, "--custom-op", self.path("none.so"), saying="no such file")
        self.fails("spinel", "info", SAMPLE, "--custom-op", "libcustom_add.so", saying="no such file")
        self.fails("spinel", "info", SAMPLE, "--custom-op", self.write("text.so", b"text"), saying="text.so")
        self.fails("spinel", "info", SAMPLE, "--custom-op", LIBRARY, "--custom-op", LIBRARY, saying="twice")

    def test_the_model_names_no_library(self):
        """A library that lies beside the model, under every name, is not loaded."""
        folder = self.path("model")
        os.mkdir(folder)
        for name in ("libcustom_add.so", "custom.so", "libcustom.so", "add.so"):
            os.symlink(LIBRARY, os.path.join(folder, name))
        os.symlink(SAMPLE, os.path.join(folder, "add.onnx"))
        done = self.run_program("spinel", "info", os.path.join(folder, "add.onnx"), status=1)
        self.assertIn("custom::Add", done.stderr)

    def test_cpp_sample(self):
        done = self.run_program("custom_add_cpp", SAMPLE)
        self.assertEqual(done.stdout, "sum [2, 3]: 1 1 2 4 5 9\ndifference [2, 3]: 1 1 0 0 1 1\n")


if __name__ == "__main__":
    unittest.main()
