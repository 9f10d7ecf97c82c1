"""Custom operators: the sample as a library for the command, and as a C++ program."""

import os
import unittest

import onnx
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

    def chain(self):
        """custom::Add between an Identity and a product, and another one of constants alone."""
        path = self.path("chain.onnx")
        save_model(path, [
            helper.make_node("Identity", ["x"], ["same"]),
            helper.make_node("Add", ["a", "b"], ["c", ""], name="folds", domain="custom", alpha=0.5),
            helper.make_node("Add", ["same", "y"], ["s", "d"], name="stays", domain="custom", alpha=2.0),
            helper.make_node("Shape", ["d"], ["dims"]), helper.make_node("Expand", ["c", "dims"], ["wide"]),
            helper.make_node("Mul", ["s", "wide"], ["sum"]), helper.make_node("Abs", ["d"], ["difference"]),
        ], [info("x", FLOAT, [2, 3]), info("y", FLOAT, [2, 3])],
                   [info("sum", FLOAT, None), info("difference", FLOAT, None)],
                   {"a": np.float32([1, 2, 3]), "b": np.float32([2, 2, 2])}, domains=["custom"])
        return path

    def check_chain(self, path, tolerance):
        x, y = self.inputs(2)
        results = self.run_model(path, x, y, "--custom-op", LIBRARY)
        for got, expected in zip(results, ((x + 2 * y) * np.float32([2, 3, 4]), np.abs(x - 2 * y))):
            np.testing.assert_allclose(got.astype(np.float32), expected, rtol=tolerance, atol=tolerance)

    def test_simplify(self):
        path, out = self.chain(), self.path("simple.onnx")
        report = json.loads(self.spinel("simplify", path, "-o", out, "--json", "--check", 2, "--custom-op", LIBRARY).stdout)
        self.assertEqual(report["operators_after"], {"custom::Add": 1, "Mul": 1, "Abs": 1})
        self.assertEqual((report["check"]["runs"], report["check"]["bit_equal"]), (2, True))
        model = onnx.load(out)
        shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in model.graph.value_info}
        self.assertEqual((shapes["s"], shapes["d"]), ([2, 3], [2, 3]))
        self.check_chain(out, 0)
        # Without the library the operator is left as it is, and what depends on it.
        report = json.loads(self.spinel("simplify", path, "-o", out, "--json").stdout)
        self.assertEqual(report["operators_after"]["custom::Add"], 2)
        self.assertTrue(any("custom::Add" in note for note in report["notes"]), report["notes"])
        self.assertIn("custom::Add", report["check"]["skipped"])
        self.check_chain(out, 0)

    def test_convert(self):
        path, out = self.chain(), self.path("half.onnx")
        report = json.loads(self.spinel("convert", path, "-o", out, "--dtype", "float16", "--json", "--check", 1,
                                        "--custom-op", LIBRARY).stdout)
        self.assertEqual(report["kept"], ["folds (custom::Add)", "stays (custom::Add)"])
        self.assertEqual(report["check"]["runs"], 1)
        types = {i.name: i.type.tensor_type.elem_type for i in onnx.load(out).graph.input}
        self.assertEqual(types, {"x": TensorProto.FLOAT16, "y": TensorProto.FLOAT16})
        self.check_chain(out, 2e-3)

    def test_cpp_sample(self):
        done = self.run_program("custom_add_cpp", SAMPLE)
        self.assertEqual(done.stdout, "sum [2, 3]: 1 1 2 4 5 9\ndifference [2, 3]: 1 1 0 0 1 1\n")


if __name__ == "__main__":
    unittest.main()
