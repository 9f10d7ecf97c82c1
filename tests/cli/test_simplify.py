"""`spinel simplify`: what it changes, what it keeps, and what it refuses."""

import unittest

import onnx
from onnx import numpy_helper
from support import *

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
NOISE = np.random.default_rng(5)


def normal(*dims):
    return NOISE.standard_normal(dims).astype(np.float32)


def node(op, inputs, outputs, **attributes):
    return helper.make_node(op, inputs, outputs, **attributes)


class Simplify(ProgramTest):
    def simplify(self, model, *flags):
        """The report and the written model, which the ONNX checker accepts."""
        out = self.path("out.onnx")
        report = json.loads(self.spinel("simplify", model, "-o", out, "--json", *flags).stdout)
        self.assertEqual(report["files"][0], out)
        onnx.checker.check_model(out, full_check=True)
        return report, onnx.load(out)

    def make(self, nodes, inputs, outputs, initializers=(), **options):
        return save_model(self.path("in.onnx"), nodes, inputs, outputs, initializers, **options)

    def ops(self, model):
        return sorted(n.op_type for n in model.graph.node)

    def run_model(self, path, **arrays):
        arguments = []
        for name, array in arrays.items():
            arguments += ["--input", f"{name}:{self.save(name + '.npy', array)}"]
        out = self.path("results")
        written = json.loads(self.spinel("run", path, *arguments, "--out", out, "--json").stdout)["outputs"]
        return {o["name"]: np.load(o["file"]) for o in written}

    def chain_of_shapes(self):
        """A flattening as exporters write it: the batch taken from the shape, the rest from numbers."""
        nodes = [node("Shape", ["x"], ["s"]), node("Constant", [], ["zero"], value=numpy_helper.from_array(np.array(0))),
                 node("Gather", ["s", "zero"], ["n"], axis=0), node("Unsqueeze", ["n", "axes"], ["n1"]),
                 node("Constant", [], ["rest"], value_ints=[-1]), node("Concat", ["n1", "rest"], ["to"], axis=0),
                 node("Reshape", ["x", "to"], ["flat"]), node("Identity", ["flat"], ["same"]),
                 node("Dropout", ["same"], ["kept"]), node("MatMul", ["kept", "w"], ["product"]),
                 node("Add", ["product", "b"], ["y"])]
        return self.make(nodes, [info("x", FLOAT, ["batch", 2, 3])], [info("y", FLOAT, ["batch", 4])],
                         {"axes": np.array([0]), "w": normal(6, 4), "b": normal(4)})

    def test_shape_chains_fold(self):
        path = self.chain_of_shapes()
        report, model = self.simplify(path)
        self.assertEqual(self.ops(model), ["Gemm", "Reshape"])
        self.assertEqual(report["operators_before"]["Shape"], 1)
        self.assertTrue(report["check"]["bit_equal"])
        self.assertEqual(report["check"]["runs"], 3)
        stated = {v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim]
                  for v in model.graph.value_info}
        self.assertEqual(list(stated.values()), [["batch", 6]])
        x = normal(5, 2, 3)
        np.testing.assert_array_equal(self.run_model(self.path("out.onnx"), x=x)["y"], self.run_model(path, x=x)["y"])

    def test_steps_can_be_left_out(self):
        path = self.chain_of_shapes()
        for step, kept in (("remove_identities", "Identity"), ("fold-biases", "MatMul")):
            _, model = self.simplify(path, "--no-" + step)
            self.assertIn(kept, self.ops(model))

    def test_new_input_shapes(self):
        path = self.chain_of_shapes()
        _, model = self.simplify(path, "--overwrite-input-shape", "x:7,0,0")
        for value, dims in ((model.graph.input[0], [7, 2, 3]), (model.graph.output[0], [7, 4])):
            self.assertEqual([d.dim_value for d in value.type.tensor_type.shape.dim], dims)
        # A dim that was fixed.
        fixed = self.make([node("Relu", ["x"], ["r"]), node("Shape", ["r"], ["y"])],
                          [info("x", FLOAT, [2, 3])], [info("y", INT64, [2])])
        report, _ = self.simplify(fixed, "--overwrite-input-shape", "x:5,3")
        self.assertTrue(report["check"]["bit_equal"])
        self.assertEqual(self.run_model(self.path("out.onnx"), x=normal(5, 3))["y"].tolist(), [5, 3])
        for shape, said in (("z:1,2", ["'z'", "'x'"]), ("x:1,2,3", ["2 dims", "[1, 2, 3]"])):
            self.fails("spinel", "simplify", fixed, "-o", self.path("o.onnx"), "--overwrite-input-shape", shape,
                       saying=said)
        for shape in ("x", "x:1,a", "x:1,", ":1"):
            self.fails("spinel", "simplify", fixed, "-o", self.path("o.onnx"), "--overwrite-input-shape", shape,
                       status=2, saying="NAME:1,3,224,224")
        matrix = self.make([node("MatMul", ["x", "w"], ["y"])], [info("x", FLOAT, [2, 3])], [info("y", FLOAT, [2, 4])],
                           {"w": normal(3, 4)})
        self.fails("spinel", "simplify", matrix, "-o", self.path("o.onnx"), "--overwrite-input-shape", "x:2,5",
                   saying=["does not take these input shapes", "MatMul"])
        self.assertFalse(os.path.exists(self.path("o.onnx")))

    def test_batch_normalization_folds(self):
        nodes = [node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
                 node("BatchNormalization", ["c", "scale", "shift", "mean", "var"], ["n"]), node("Relu", ["n"], ["y"])]
        constants = {"w": normal(8, 3, 3, 3), "scale": normal(8), "shift": normal(8), "mean": normal(8),
                     "var": np.abs(normal(8)) + 0.5}
        path = self.make(nodes, [info("x", FLOAT, ["n", 3, "h", "w"])], [info("y", FLOAT, None)], constants)
        report, model = self.simplify(path)
        self.assertEqual(self.ops(model), ["Conv", "Relu"])
        self.assertLess(report["check"]["relative_difference"], 1e-6)
        self.assertGreater(report["check"]["relative_difference"], 0)  # Rounding that the check is to see.
        _, model = self.simplify(path, "--no-fold-batch-normalizations")
        self.assertEqual(self.ops(model), ["BatchNormalization", "Conv", "Relu"])
        # A tolerance that the rounding exceeds: nothing is written.
        before = sorted(os.listdir(self.dir))
        self.fails("spinel", "simplify", path, "-o", self.path("strict.onnx"), "--tolerance", 0,
                   saying=["check failed", "'y'"])
        self.assertEqual(sorted(os.listdir(self.dir)), before)

    def test_what_is_not_understood_stays(self):
        nodes = [node("Identity", ["x"], ["i"]),
                 helper.make_node("Strange", ["i"], ["s"], name="odd", domain="some.where", answer=42, text="yes"),
                 node("Transpose", ["s"], ["t"], perm=[1, 0]), node("Transpose", ["t"], ["y"], perm=[1, 0])]
        path = self.make(nodes, [info("x", FLOAT, [2, 3])], [info("y", FLOAT, [2, 3])], domains=["some.where"])
        model = onnx.load(path)
        model.producer_name, model.doc_string = "somebody", "what it is"
        helper.set_model_props(model, {"key": "value"})
        model.graph.value_info.append(info("s", FLOAT, [2, 3]))
        onnx.save(model, path)
        report, done = self.simplify(path)
        self.assertEqual(self.ops(done), ["Strange"])
        kept = done.graph.node[0]
        self.assertEqual((kept.name, kept.domain, list(kept.input), list(kept.output)), ("odd", "some.where", ["x"], ["y"]))
        self.assertEqual(list(kept.attribute), list(model.graph.node[1].attribute))
        for field in ("producer_name", "doc_string", "ir_version", "opset_import", "metadata_props"):
            self.assertEqual(getattr(done, field), getattr(model, field))
        self.assertIn("some.where::Strange", report["check"]["skipped"])
        self.assertIn("some.where::Strange", " ".join(report["notes"]))
        self.fails("spinel", "simplify", path, "-o", self.path("o.onnx"), "--check", 1,
                   saying=["cannot be checked", "some.where::Strange"])
        self.assertFalse(os.path.exists(self.path("o.onnx")))

    def test_folding_does_not_blow_up(self):
        nodes = [node("ConstantOfShape", ["dims"], ["ones"], value=numpy_helper.from_array(np.ones(1, np.float32))),
                 node("ReduceSum", ["ones"], ["sum"], keepdims=0), node("Transpose", ["w"], ["wt"], perm=[1, 0]),
                 node("MatMul", ["x", "wt"], ["product"]), node("Add", ["product", "ones"], ["big"]),
                 node("Mul", ["big", "sum"], ["y"])]
        path = self.make(nodes, [info("x", FLOAT, [1024, 8])], [info("y", FLOAT, [1024, 1024])],
                         {"dims": np.array([1024, 1024]), "w": normal(1024, 8)})
        report, model = self.simplify(path)
        self.assertEqual(self.ops(model), ["Add", "ConstantOfShape", "MatMul", "Mul"])
        self.assertLess(report["bytes_after"], 40_000)
        report, model = self.simplify(path, "--fold-limit", 1 << 23)
        self.assertEqual(self.ops(model), ["Add", "MatMul", "Mul"])
        self.assertGreater(report["bytes_after"], 1 << 22)

    def test_known_branches_and_functions(self):
        then_branch = helper.make_graph([node("Mul", ["x", "two"], ["t"])], "then", [], [info("t", FLOAT, [3])],
                                        [numpy_helper.from_array(np.float32(2), "two")])
        else_branch = helper.make_graph([node("Sqrt", ["x"], ["t"])], "else", [], [info("t", FLOAT, [3])])
        nodes = [node("Shape", ["x"], ["s"]), node("Equal", ["s", "three"], ["is_three"]),
                 node("If", ["is_three"], ["chosen"], then_branch=then_branch, else_branch=else_branch),
                 helper.make_node("Twice", ["chosen"], ["y"], domain="mine", name="call")]
        path = self.make(nodes, [info("x", FLOAT, [3])], [info("y", FLOAT, [3])], {"three": np.array([3])},
                         domains=["mine"])
        model = onnx.load(path)
        model.functions.append(helper.make_function(
            "mine", "Twice", ["a"], ["b"], [node("Add", ["a", "a"], ["b"])], [helper.make_opsetid("", 17)]))
        onnx.save(model, path)
        _, done = self.simplify(path)
        self.assertEqual(self.ops(done), ["Mul", "Twice"])
        self.assertEqual(len(done.functions), 1)
        report, done = self.simplify(path, "--inline-functions")
        self.assertEqual(self.ops(done), ["Add", "Mul"])
        self.assertEqual(len(done.functions), 0)
        self.assertTrue(report["check"]["bit_equal"])

    def test_outputs_keep_their_names(self):
        nodes = [node("Identity", ["x"], ["a"]), node("Relu", ["x"], ["r"]), node("Identity", ["r"], ["b"]),
                 node("Identity", ["r"], ["c"]), node("Add", ["one", "one"], ["two"])]
        outputs = [info(n, FLOAT, [2]) for n in "abc"] + [info("two", FLOAT, [1])]
        path = self.make(nodes, [info("x", FLOAT, [2])], outputs, {"one": np.ones(1, np.float32)})
        _, model = self.simplify(path)
        self.assertEqual([o.name for o in model.graph.output], ["a", "b", "c", "two"])
        self.assertEqual(self.ops(model), ["Identity", "Identity", "Identity", "Relu"])
        x = normal(2)
        results = self.run_model(self.path("out.onnx"), x=x)
        self.assertEqual(results["two"].tolist(), [2])
        np.testing.assert_array_equal(results["a"], x)

    def test_duplicates(self):
        nodes = [node("Exp", ["x"], ["e"]), node("Exp", ["x"], ["f"]), node("Mul", ["e", "u"], ["g"]),
                 node("Mul", ["f", "v"], ["h"]), node("Add", ["g", "h"], ["y"])]
        w = normal(2)
        path = self.make(nodes, [info("x", FLOAT, [2])], [info("y", FLOAT, [2])], {"u": w, "v": w})
        _, model = self.simplify(path)
        self.assertEqual(self.ops(model), ["Add", "Exp", "Mul"])
        self.assertEqual(len(model.graph.initializer), 1)

    def test_weights_as_inputs(self):
        path = self.make([node("Neg", ["w"], ["m"]), node("Add", ["x", "m"], ["y"])],
                         [info("x", FLOAT, [2]), info("w", FLOAT, [2])], [info("y", FLOAT, [2])], {"w": normal(2)})
        model = onnx.load(path)
        model.ir_version = 3
        onnx.save(model, path)
        report, done = self.simplify(path)
        self.assertEqual(([i.name for i in done.graph.input], done.ir_version, self.ops(done)), (["x"], 4, ["Add"]))
        self.assertIn("inputs", report["notes"][0])
        model.ir_version = 8
        onnx.save(model, path)
        _, done = self.simplify(path, "--keep-initializer-inputs")
        self.assertEqual(([i.name for i in done.graph.input], self.ops(done)), (["x", "w"], ["Add", "Neg"]))

    def test_external_data(self):
        path = self.make([node("MatMul", ["x", "w"], ["y"])], [info("x", FLOAT, [2, 64])], [info("y", FLOAT, [2, 64])],
                         {"w": normal(64, 64)})
        report, _ = self.simplify(path, "--external-data")
        self.assertEqual(report["files"], [self.path("out.onnx"), self.path("out.onnx.data")])
        self.assertEqual(os.path.getsize(self.path("out.onnx.data")), 64 * 64 * 4)
        self.assertLess(os.path.getsize(self.path("out.onnx")), 2000)
        # Read back, and never written over the file that the weights are read from.
        inside = self.path("inside.onnx")
        self.spinel("simplify", self.path("out.onnx"), "-o", inside)
        x = normal(2, 64)
        np.testing.assert_array_equal(self.run_model(inside, x=x)["y"], self.run_model(path, x=x)["y"])
        os.rename(self.path("out.onnx"), self.path("moved.onnx"))
        self.fails("spinel", "simplify", self.path("moved.onnx"), "-o", self.path("out.onnx"), "--external-data",
                   saying=["out.onnx.data", "another name"])

    def test_the_shipped_models(self):
        for model in (MODEL, MODEL_FP16, os.path.join(PHOTOS, "efficientnet_lite0.onnx")):
            report, _ = self.simplify(model)
            self.assertEqual(report["check"]["runs"], 3)
            self.assertLessEqual(sum(report["operators_after"].values()), sum(report["operators_before"].values()))

    def test_wrong_files(self):
        out = self.path("o.onnx")
        self.fails("spinel", "simplify", self.path("none.onnx"), "-o", out, saying="none.onnx")
        self.fails("spinel", "simplify", self.write("text.onnx", b"hello"), "-o", out, saying="ONNX")
        path = self.chain_of_shapes()
        with open(path, "rb") as file:
            content = file.read()
        link = self.path("link.onnx")
        os.link(path, link)
        for same in (path, os.path.join(self.dir, ".", "in.onnx"), link):
            self.fails("spinel", "simplify", path, "-o", same, saying=["is the model itself", same])
        self.fails("spinel", "simplify", path, "-o", self.dir, saying="folder")
        self.fails("spinel", "simplify", path, "-o", self.path("no", "o.onnx"), saying=os.path.join("no", "o.onnx"))
        self.fails("spinel", "simplify", path, "-o", "/proc/o.onnx", saying="/proc/o.onnx")
        self.fails("spinel", "simplify", path, "-o", out, "--max-model-bytes", 100, saying="max_model_bytes")
        self.fails("spinel", "simplify", path, status=2, saying="-o")
        self.fails("spinel", "simplify", path, "-o", out, "--no-such-step", status=2, saying="no_such_step")
        with open(path, "rb") as file:
            self.assertEqual(file.read(), content)
        self.assertEqual(sorted(os.listdir(self.dir)), ["in.onnx", "link.onnx", "text.onnx"])


if __name__ == "__main__":
    unittest.main()
