"""`spinel convert --dtype float16`: what becomes float16, what stays, and what it refuses."""

import re
import unittest

import onnx
from onnx import numpy_helper
from support import *

FLOAT, FLOAT16, INT64, BOOL = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.INT64, TensorProto.BOOL
NOISE = np.random.default_rng(6)


def normal(*dims):
    return NOISE.standard_normal(dims).astype(np.float32)


def node(op, inputs, outputs, **attributes):
    return helper.make_node(op, inputs, outputs, **attributes)


class Convert(ProgramTest):
    def convert(self, model, *flags):
        """The report and the written model, which the ONNX checker accepts."""
        out = self.path("out.onnx")
        report = json.loads(self.spinel("convert", model, "-o", out, "--dtype", "float16", "--json", *flags).stdout)
        onnx.checker.check_model(out, full_check=True)
        model = onnx.load(out)
        onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
        return report, model

    def make(self, nodes, inputs, outputs, initializers=(), **options):
        return save_model(self.path("in.onnx"), nodes, inputs, outputs, initializers, **options)

    def types(self, values):
        return {v.name: v.type.tensor_type.elem_type for v in values}

    def ops(self, model):
        return sorted(n.op_type for n in model.graph.node)

    def test_weights_inputs_and_outputs(self):
        path = self.make([node("MatMul", ["x", "w"], ["m"]), node("Tanh", ["m"], ["y"])],
                         [info("x", FLOAT, ["n", 4])], [info("y", FLOAT, ["n", 3])], {"w": normal(4, 3)})
        report, model = self.convert(path)
        self.assertEqual(self.types([*model.graph.input, *model.graph.output]), {"x": FLOAT16, "y": FLOAT16})
        self.assertEqual((self.ops(model), model.graph.initializer[0].data_type), (["MatMul", "Tanh"], FLOAT16))
        self.assertLess(report["check"]["relative_difference"], 5e-3)
        self.assertGreater(report["check"]["relative_difference"], 0)
        for flags, x, y, casts in ((["--keep-io-types"], FLOAT, FLOAT, 2), (["--keep-input", "x"], FLOAT, FLOAT16, 1)):
            _, model = self.convert(path, *flags)
            self.assertEqual(self.types([*model.graph.input, *model.graph.output]), {"x": x, "y": y})
            self.assertEqual(self.ops(model).count("Cast"), casts)

    def test_kept_nodes(self):
        nodes = [node("Exp", ["x"], ["a"], name="first"), node("Exp", ["a"], ["b"], name="second"),
                 node("Mul", ["b", "w"], ["c"]), node("CumSum", ["c", "axis"], ["d"]), node("Add", ["d", "w"], ["y"])]
        path = self.make(nodes, [info("x", FLOAT, [3])], [info("y", FLOAT, [3])], {"w": normal(3), "axis": np.array(0)})
        report, model = self.convert(path)
        self.assertEqual(report["kept"], [" (CumSum)"])
        self.assertEqual(self.ops(model), ["Add", "Cast", "Cast", "CumSum", "Exp", "Exp", "Mul"])
        report, model = self.convert(path, "--convert-op", "CumSum", "--keep-node", "second")
        self.assertEqual(report["kept"], ["second (Exp)"])
        self.assertEqual(self.ops(model).count("Cast"), 2)
        # Neighbours that stay have no cast between them; a weight that both sides read is there twice.
        report, model = self.convert(path, "--keep-op", "Exp", "--keep-op", "Mul")
        self.assertEqual(self.ops(model).count("Cast"), 2)
        self.assertEqual(sorted(t.data_type for t in model.graph.initializer if t.name != "axis"), [FLOAT, FLOAT16])
        for flag, name in (("--keep-node", "third"), ("--keep-op", "Sqrt"), ("--keep-input", "z"),
                           ("--convert-op", "Gelu")):
            self.fails("spinel", "convert", path, "-o", self.path("o.onnx"), "--dtype", "float16", flag, name,
                       saying=[f"'{name}'", "the model has no"])
        self.assertFalse(os.path.exists(self.path("o.onnx")))

    def test_what_must_stay_float32(self):
        scales = numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32))
        nodes = [node("Constant", [], ["scales"], value=scales), node("Resize", ["x", "", "scales"], ["r"]),
                 node("DynamicQuantizeLinear", ["r"], ["q", "s", "z"]), node("DequantizeLinear", ["q", "s", "z"], ["d"]),
                 node("ConstantOfShape", ["dims"], ["zeros"]), node("Cast", ["d"], ["e"], to=FLOAT),
                 node("Add", ["e", "zeros"], ["y"])]
        path = self.make(nodes, [info("x", FLOAT, [1, 1, 2, 2])], [info("y", FLOAT, [1, 1, 4, 4])], {"dims": np.array([1])})
        report, model = self.convert(path)
        self.assertEqual([k.split("(")[1] for k in report["kept"]], ["DynamicQuantizeLinear)", "DequantizeLinear)"])
        constant = next(n for n in model.graph.node if n.op_type == "Constant")
        self.assertEqual(constant.attribute[0].t.data_type, FLOAT)
        self.assertEqual(model.graph.output[0].type.tensor_type.elem_type, FLOAT16)

    def test_range(self):
        w = np.array([1e6, -3e38, 1e-9, 0, 2, np.inf], np.float32)
        path = self.make([node("Min", ["x", "w"], ["m"]), node("Max", ["m", "low"], ["y"])], [info("x", FLOAT, [6])],
                         [info("y", FLOAT, [6])], {"w": w, "low": np.float32(-5)})
        report, model = self.convert(path)
        self.assertEqual(report["clamped"], [{"name": "w", "elements": 6, "clamped": 2, "flushed": 1}])
        stored = numpy_helper.to_array(next(t for t in model.graph.initializer if t.name == "w"))
        self.assertEqual(stored.tolist(), [65504, -65504, 0, 0, 2, np.inf])
        text = self.spinel("convert", path, "-o", self.path("o.onnx"), "--dtype", "fp16").stdout
        self.assertIn("'w': of 6 values 2 clamped to +-65504, 1 flushed to 0", text)

    def test_subgraphs_and_functions(self):
        body = helper.make_graph([node("Mul", ["state", "w"], ["next"]), node("Identity", ["go"], ["more"]),
                                  node("CumSum", ["next", "axis"], ["sums"])], "body",
                                 [info("i", INT64, []), info("go", BOOL, []), info("state", FLOAT, [3])],
                                 [info("more", BOOL, []), info("next", FLOAT, [3]), info("sums", FLOAT, [3])])
        nodes = [node("Loop", ["trips", "yes", "x"], ["last", "all"], body=body),
                 helper.make_node("Half", ["last"], ["y"], domain="mine", name="call")]
        path = self.make(nodes, [info("x", FLOAT, [3])], [info("y", FLOAT, [3]), info("all", FLOAT, [2, 3])],
                         {"w": normal(3), "trips": np.array(2), "yes": np.array(True), "axis": np.array(0)},
                         domains=["mine"])
        model = onnx.load(path)
        half = node("Constant", [], ["h"], value_float=0.5)
        model.functions.append(helper.make_function("mine", "Half", ["a"], ["b"], [half, node("Mul", ["a", "h"], ["b"])],
                                                    [helper.make_opsetid("", 17)]))
        onnx.save(model, path)
        report, model = self.convert(path)
        self.assertEqual(self.types(model.graph.output), {"y": FLOAT16, "all": FLOAT16})
        self.assertEqual(len(model.functions), 0)
        inner = next(n for n in model.graph.node if n.op_type == "Loop").attribute[0].g
        self.assertEqual([n.op_type for n in inner.node].count("Cast"), 2)
        self.assertEqual(self.types([*inner.input, *inner.output])["state"], FLOAT16)
        self.assertLess(report["check"]["diff2"], 3e-3)

    def test_other_domains_stay(self):
        nodes = [helper.make_node("Strange", ["x"], ["s"], name="odd", domain="some.where"), node("Relu", ["s"], ["y"])]
        path = self.make(nodes, [info("x", FLOAT, [2])], [info("y", FLOAT, [2])], domains=["some.where"])
        self.fails("spinel", "convert", path, "-o", self.path("o.onnx"), "--dtype", "float16",
                   saying=["'s'", "value_info", "Relu"])
        model = onnx.load(path)
        model.graph.value_info.append(info("s", FLOAT, [2]))
        onnx.save(model, path)
        report, model = self.convert(path)
        self.assertEqual(self.ops(model), ["Cast", "Cast", "Relu", "Strange"])
        self.assertIn("some.where::Strange", report["check"]["skipped"])

    def test_the_shipped_models(self):
        report, model = self.convert(MODEL)
        self.assertEqual(self.types(model.graph.output), {"output": FLOAT16})
        self.assertLess(report["check"]["diff2"], 3e-3)
        self.assertLess(report["bytes_after"], report["bytes_before"] * 0.52)
        report, _ = self.convert(MODEL_FP16)
        self.assertTrue(report["check"]["bit_equal"])
        self.assertEqual(report["converted_tensors"], 0)

    def test_schemas(self):
        """The list in the source against the installed schemas: since when float16 is allowed."""
        with open(os.path.join(SOURCE, "src", "tools", "float16_rules.cpp")) as file:
            rules = {op: int(since) for op, since in re.findall(r'\{"(\w+)", (\d+)\}', file.read())}
        partly = {"Resize", "Upsample", "LayerNormalization"}  # Single inputs and outputs, which have rules of their own.
        newest = onnx.defs.onnx_opset_version()
        for schema in onnx.defs.get_all_schemas_with_history():
            if schema.domain or schema.deprecated or schema.name in partly:
                continue
            refused = any("tensor(float)" in p.types and "tensor(float16)" not in p.types
                          for p in [*schema.inputs, *schema.outputs])
            since = rules.get(schema.name, 1)
            self.assertEqual(refused, since == 0 or schema.since_version < since, (schema.name, schema.since_version))
        self.assertGreaterEqual(newest, 17)

    def test_wrong_flags(self):
        out = self.path("o.onnx")
        self.fails("spinel", "convert", MODEL, "-o", out, status=2, saying="--dtype")
        self.fails("spinel", "convert", MODEL, "-o", out, "--dtype", "bfloat16", saying=["bfloat16", "float16"])
        self.fails("spinel", "convert", MODEL, "-o", out, "--dtype", "halfish", status=2, saying="halfish")
        self.fails("spinel", "convert", self.path("none.onnx"), "-o", out, "--dtype", "float16", saying="none.onnx")
        self.fails("spinel", "convert", MODEL, "-o", MODEL, "--dtype", "float16", saying="is the model itself")
        self.fails("spinel", "convert", MODEL, "-o", self.path("no", "o.onnx"), "--dtype", "float16", saying="o.onnx")
        self.assertEqual(os.listdir(self.dir), [])


if __name__ == "__main__":
    unittest.main()
