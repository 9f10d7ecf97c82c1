"""spinel compare and spinel dump: which layer is wrong, what must stay in float32, tensors as files."""

import unittest

import onnx
from onnx import numpy_helper

from support import *

CPU = ("--target", "cpu", "--target", "cpu")


def break_node(path, node_name, factor=1.5):
    """The shipped classifier with one convolution's weights multiplied."""
    model = onnx.load(MODEL)
    node = next(n for n in model.graph.node if n.name == node_name)
    weights = next(t for t in model.graph.initializer if t.name == node.input[1])
    weights.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weights) * np.float32(factor), weights.name))
    onnx.save(model, path)
    return path


class CompareTest(ProgramTest):
    BROKEN = "/layer2/layer2.0/conv2/Conv"

    def compare(self, *args, status=0):
        return json.loads(self.spinel("compare", *args, "--json", status=status).stdout)

    def test_float16_against_float32(self):
        found = self.compare(MODEL, *CPU, "--dtype", "float16", "--dtype", "float32", "--layers")
        self.assertIn("float16", found["examined"]["arithmetic"])
        self.assertIn("float32", found["reference"]["arithmetic"])
        self.assertTrue(found["passed"])
        self.assertEqual(found["limit"], 3e-3)
        self.assertIsNone(found["first_bad_layer"])
        self.assertGreater(found["outputs"][0]["diff2"], 1e-5)
        self.assertLess(found["outputs"][0]["diff2"], 3e-3)
        layers = found["layers"]
        self.assertEqual([x["layer"] for x in layers], sorted(x["layer"] for x in layers))
        nodes = {n.name for n in onnx.load(MODEL).graph.node}
        self.assertEqual({s for x in layers for s in x["sources"]}, nodes)
        self.assertTrue(all(x["value"]["dtype"] == "float16" for x in layers))
        # Fed with the reference's values a layer is off by its own rounding alone.
        self.assertLess(max(x["alone"]["diff2"] for x in layers), 1e-3)

    def test_equal_engines_are_equal(self):
        found = self.compare(MODEL, *CPU, "--layers")
        self.assertTrue(all(x["value"]["diff2"] == 0 for x in found["layers"]))
        portable = self.compare(MODEL, *CPU, "--isa", "portable", "--layers")
        self.assertTrue(portable["passed"])
        self.assertIn("portable", portable["examined"]["arithmetic"])
        self.assertGreater(portable["outputs"][0]["diff2"], 0)

    def test_names_the_first_bad_layer(self):
        broken = break_node(self.path("broken.onnx"), self.BROKEN)
        found = self.compare(broken, "--reference-model", MODEL, *CPU, "--layers", status=1)
        self.assertFalse(found["passed"])
        self.assertIn(self.BROKEN, found["first_bad_layer"]["sources"])
        self.assertIn(self.BROKEN, found["worst_alone"]["sources"])
        # Behind it the values are wrong, the layers are not.
        after = [x for x in found["layers"] if x["layer"] > found["first_bad_layer"]["layer"]]
        self.assertTrue(after and all(x["alone"]["diff2"] < 1e-5 for x in after))
        text = self.spinel("compare", broken, "--reference_model", MODEL, *CPU, "--layers", status=1).stdout
        self.assertRegex(text, rf"first bad layer: .*{self.BROKEN}")

    def test_shipped_float16_network(self):
        found = self.compare(f"{PHOTOS}/efficientnet_lite0.onnx", *CPU, "--dtype", "float16", "--dtype", "float32",
                             "--layers")
        self.assertTrue(found["passed"])
        self.assertGreater(len(found["layers"]), 40)

    def overflowing_model(self):
        """y = mean of (300 x)^2 / 90000, which only the square cannot hold in float16, between two harmless nodes."""
        rng = np.random.default_rng(0)
        nodes = [helper.make_node("MatMul", ["x", "w"], ["h"], "first"),
                 helper.make_node("Mul", ["h", "big"], ["scaled"], "scale"),
                 helper.make_node("Mul", ["scaled", "scaled"], ["square"], "square"),
                 helper.make_node("ReduceMean", ["square"], ["mean"], "mean", axes=[1]),
                 helper.make_node("Mul", ["mean", "small"], ["m"], "unscale"),
                 helper.make_node("MatMul", ["m", "v"], ["y"], "last")]
        constants = {"w": rng.standard_normal((16, 32)).astype(np.float32), "big": np.float32(300),
                     "small": np.float32(1 / 90000), "v": rng.standard_normal((1, 8)).astype(np.float32)}
        return save_model(self.path("overflow.onnx"), nodes, [info("x", TensorProto.FLOAT, ["n", 16])],
                          [info("y", TensorProto.FLOAT, ["n", 8])], constants)

    def test_suggests_what_must_stay_in_float32(self):
        model = self.overflowing_model()
        found = self.compare(model, *CPU, "--dtype", "float16", "--suggest")
        self.assertFalse(found["passed"])
        advice = found["suggestion"]
        self.assertTrue(advice["met"] and advice["minimal"])
        self.assertIsNone(advice["diff2_before"], "infinite")
        self.assertLessEqual(advice["diff2"], 3e-3)
        self.assertLessEqual(advice["diff2_other_inputs"], 3e-3)
        self.assertIn("square", advice["nodes"])
        self.assertNotIn("first", advice["nodes"])
        self.assertNotIn("last", advice["nodes"])
        # The list works as a pass file, and no node of it can be spared.
        pass_file = self.write("pass.json", json.dumps(advice["pass"]).encode())
        again = self.compare(model, *CPU, "--dtype", "float16", "--pass-path", pass_file)
        self.assertTrue(again["passed"])
        self.spinel("compare", model, *CPU, "--dtype", "float16", "--pass_path",
                    self.write("none.json", b'{"skip_ops": ["first"]}'), status=1)

    def test_tells_what_rounding_alone_does(self):
        """Results of 1e-7 lie below float16's smallest normal number: no list of operators helps."""
        nodes = [helper.make_node("Mul", ["x", "small"], ["s"], "shrink"), helper.make_node("Sin", ["s"], ["y"], "sin")]
        model = save_model(self.path("small.onnx"), nodes, [info("x", TensorProto.FLOAT, [1000])],
                           [info("y", TensorProto.FLOAT, [1000])], {"small": np.float32(1e-7)})
        found = self.compare(model, *CPU, "--dtype", "float16", "--suggest", status=1)
        output = found["outputs"][0]
        self.assertGreater(output["rounding_diff2"], 0.05)
        self.assertFalse(found["suggestion"]["met"])
        kept = self.compare(MODEL, *CPU, "--dtype", "float16")["outputs"][0]
        self.assertTrue(0 < kept["rounding_diff2"] < 3e-4)
        text = self.spinel("compare", model, *CPU, "--dtype", "float16", "--suggest", status=1).stdout
        self.assertIn("rounding the reference to float16 alone", text)
        self.assertIn("no list helps", text)

    def test_nothing_to_suggest(self):
        advice = self.compare(MODEL, *CPU, "--dtype", "float16", "--suggest")["suggestion"]
        self.assertTrue(advice["met"])
        self.assertEqual(advice["nodes"], [])

    def test_given_inputs_and_seeds(self):
        x = np.random.default_rng(3).standard_normal((2, 3, 32, 32)).astype(np.float32)
        file = self.save("x.npy", x)
        dtypes = (*CPU, "--dtype", "float16")
        given = self.compare(MODEL, *dtypes, "--input", f"input:{file}")["outputs"][0]
        self.assertEqual(given["elements"], 20)
        first, same, other = (self.compare(MODEL, *dtypes, "--seed", s)["outputs"][0]["diff2"] for s in (1, 1, 2))
        self.assertEqual(first, same)
        self.assertNotEqual(first, other)
        self.assertEqual(self.compare(MODEL, *dtypes, "--shape", "3x3x32x32")["outputs"][0]["elements"], 30)

    def test_mistakes(self):
        self.fails("spinel", "compare", MODEL, *CPU, "--target", "cpu", status=2, saying="3 times")
        self.fails("spinel", "compare", MODEL, *CPU, "--suggest", status=2, saying="--dtype float16")
        self.fails("spinel", "compare", MODEL, "--target", "nothing", "--target", "cpu", saying="nothing")
        other = save_model(self.path("other.onnx"), [helper.make_node("Relu", ["a"], ["output"])],
                           [info("a", TensorProto.FLOAT, [1, 4])], [info("output", TensorProto.FLOAT, [1, 4])])
        self.fails("spinel", "compare", MODEL, "--reference_model", other, *CPU, saying="'a'")


class DumpTest(ProgramTest):
    def dump(self, what, model, name, *args, status=0):
        """The index, and the tensors by name."""
        self.spinel("dump", what, model, "--out", self.path(name), *args, status=status)
        with open(self.path(name, "index.json")) as file:
            index = json.load(file)
        listed = {e["file"] for e in index["tensors"] + index["inputs"]}
        self.assertEqual(set(os.listdir(self.path(name))), listed | {"index.json"})
        return index, {e["name"]: np.load(self.path(name, e["file"])) for e in index["tensors"]}

    def test_full(self):
        index, tensors = self.dump("full", MODEL, "all")
        nodes = {o: n.name for n in onnx.load(MODEL).graph.node for o in n.output}
        for entry in index["tensors"]:
            self.assertIn(nodes[entry["name"]], entry["sources"])
            self.assertEqual(list(tensors[entry["name"]].shape), entry["dims"])
            self.assertEqual(tensors[entry["name"]].dtype.name, entry["dtype"])
        self.assertEqual({s for e in index["tensors"] for s in e["sources"]}, set(nodes.values()))
        # The layout is ONNX's, and the results are those of a run.
        self.assertEqual(tensors["/Relu_output_0"].shape[1], 32)
        self.spinel("run", MODEL, "--input", self.path("all", index["inputs"][0]["file"]), "--out", self.path("run"))
        np.testing.assert_array_equal(tensors["output"], np.load(self.path("run", "output.npy")))
        half, halves = self.dump("full", MODEL, "half", "--dtype", "float16", "--step", 3)
        self.assertEqual({t.dtype.name for t in halves.values()}, {"float16"})
        layers = sorted({e["index"] for e in index["tensors"]})
        self.assertEqual([e["index"] for e in half["tensors"]], layers[::3])

    def test_once_and_range(self):
        index, tensors = self.dump("full", MODEL, "all")
        entries = index["tensors"]
        _, one = self.dump("once", MODEL, "one", "--name", entries[4]["name"])
        self.assertEqual(list(one), [entries[4]["name"]])
        np.testing.assert_array_equal(one[entries[4]["name"]], tensors[entries[4]["name"]])
        wanted = [e["name"] for e in entries[3:6]]
        for name, ends in (("names", (wanted[0], wanted[-1])), ("indices", (entries[3]["index"], entries[5]["index"])),
                           ("both", (wanted[0], entries[5]["index"]))):
            part, _ = self.dump("range", MODEL, name, "--from", ends[0], "--to", ends[1])
            self.assertEqual([e["name"] for e in part["tensors"]], wanted)

    def test_first_layer_that_differs_from_a_reference(self):
        broken = break_node(self.path("broken.onnx"), CompareTest.BROKEN)
        self.dump("full", MODEL, "reference", "--seed", 7)
        index, _ = self.dump("full", broken, "broken", "--reference", self.path("reference"), status=1)
        self.assertFalse(index["passed"])
        self.assertIn(CompareTest.BROKEN, index["first_bad_layer"]["sources"])
        # The reference's inputs are taken: the original equals itself whatever the seed.
        index, _ = self.dump("full", MODEL, "again", "--reference", self.path("reference"))
        self.assertTrue(index["passed"])
        self.assertTrue(all(v["reference"]["diff2"] == 0 for v in index["compared"]))

    def test_reference_without_an_index(self):
        _, tensors = self.dump("full", MODEL, "all")
        os.mkdir(self.path("bare"))
        np.save(self.path("bare", "_Relu_output_0.npy"), tensors["/Relu_output_0"] * 1.01)
        near, _ = self.dump("full", MODEL, "near", "--reference", self.path("bare"), "--th2", "0.02")
        self.assertEqual([v["reference"]["name"] for v in near["compared"]], ["/Relu_output_0"])
        self.dump("full", MODEL, "far", "--reference", self.path("bare"), status=1)

    def test_golden_tensors(self):
        self.dump("full", MODEL, "golden")
        self.dump("full", MODEL, "reference", "--dtype", "float16")
        inputs = ("--input", self.path("golden", "input.input.npy"))
        index, _ = self.dump("full", MODEL, "ours", "--dtype", "float16", *inputs, "--reference",
                             self.path("reference"), "--golden", self.path("golden"))
        last = index["compared"][-1]
        self.assertEqual(last["golden"]["diff2"], last["reference_with_golden"]["diff2"])
        self.assertGreater(last["golden"]["diff2"], 1e-5)
        # A reference a hundred times better than ours is not matched.
        self.dump("full", MODEL, "strict", "--dtype", "float16", *inputs, "--reference", self.path("golden"), "--golden",
                  self.path("golden"), "--th1", "1e-6", status=1)

    def test_names_become_safe_files(self):
        names = ["../../escape", "a/b", "a_b", "..", "a b"]
        nodes = [helper.make_node(op, [source], [name]) for op, source, name in
                 zip(("Sin", "Cos", "Exp", "Tanh", "Erf"), ["x", *names], names)]
        nodes += [helper.make_node("Softmax", [names[-1]], ["y"], axis=0)]
        model = save_model(self.path("names.onnx"), nodes, [info("x", TensorProto.FLOAT, [2, 3])],
                           [info(n, TensorProto.FLOAT, [2, 3]) for n in [*names, "y"]])
        index, tensors = self.dump("full", model, "out")
        self.assertEqual(sorted(tensors), sorted([*names, "y"]))
        files = [e["file"] for e in index["tensors"]]
        self.assertEqual(len(set(files)), len(files))
        self.assertTrue(all("/" not in f and f.endswith(".npy") for f in files))
        x = np.load(self.path("out", "input.x.npy"))
        np.testing.assert_allclose(tensors["../../escape"], np.sin(x), rtol=1e-5)
        np.testing.assert_allclose(tensors["a/b"], np.cos(np.sin(x)), rtol=1e-5)

    def test_failures_leave_nothing(self):
        before = set(os.listdir(self.dir))
        out = ("--out", self.path("out"))
        self.fails("spinel", "dump", "once", MODEL, *out, "--name", "nothing", saying=["nothing", "merged"])
        self.fails("spinel", "dump", "range", MODEL, *out, "--from", "99", "--to", "100", saying="--from 99")
        self.fails("spinel", "dump", "range", MODEL, *out, "--from", "5", "--to", "2", saying="after")
        self.fails("spinel", "dump", "full", MODEL, *out, "--reference", self.path("no"), saying="no folder")
        # A node that fails while it runs, after others were written.
        nodes = [helper.make_node("Sin", ["x"], ["s"]), helper.make_node("Gather", ["s", "i"], ["y"])]
        model = save_model(self.path("fails.onnx"), nodes,
                           [info("x", TensorProto.FLOAT, [4]), info("i", TensorProto.INT64, [1])],
                           [info("y", TensorProto.FLOAT, [1])])
        file = self.save("i.npy", np.array([9]))
        self.fails("spinel", "dump", "full", model, *out, "--input", f"i:{file}", saying="Gather")
        self.assertEqual(set(os.listdir(self.dir)) - before, {"fails.onnx", "i.npy"})
        os.mkdir(self.path("full"))
        self.save("full/mine.npy", np.zeros(1))
        self.fails("spinel", "dump", "full", MODEL, "--out", self.path("full"), saying="not an empty folder")
        self.assertEqual(os.listdir(self.path("full")), ["mine.npy"])

    def test_an_index_cannot_name_files_elsewhere(self):
        os.mkdir(self.path("evil"))
        self.write("evil/index.json", json.dumps({"tensors": [{"name": "output", "file": "../x.npy"}]}).encode())
        self.fails("spinel", "dump", "full", MODEL, "--out", self.path("out"), "--reference", self.path("evil"),
                   saying="'../x.npy'")

    def test_mistakes(self):
        out = ("--out", self.path("out"))
        self.fails("spinel", "dump", "once", MODEL, *out, status=2, saying="--name")
        self.fails("spinel", "dump", "range", MODEL, *out, "--from", "1", status=2, saying="--to")
        self.fails("spinel", "dump", "once", MODEL, *out, "--name", "y", "--step", "2", status=2, saying="--step")
        self.fails("spinel", "dump", "full", MODEL, *out, "--golden", self.dir, status=2, saying="--reference")
        self.fails("spinel", "dump", "some", MODEL, *out, status=2, saying="some")


if __name__ == "__main__":
    unittest.main()
