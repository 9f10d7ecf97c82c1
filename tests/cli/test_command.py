"""`spinel info`, `run`, `classify` and `version`: their output to the letter, and bad input."""

import re
import shutil
import unittest

from support import *

FLOAT = TensorProto.FLOAT


class Usage(ProgramTest):
    def test_version(self):
        self.assertRegex(self.spinel("version").stdout, r"^spinel \d+\.\d+\.\d+\ntargets: cpu")
        document = json.loads(self.spinel("version", "--json").stdout)
        self.assertEqual(document["targets"][0], "cpu")
        self.assertEqual(self.spinel("--version").stdout.strip(), "spinel " + document["version"])

    def test_help_lists_every_subcommand(self):
        text = self.spinel("--help").stdout
        for name in ("info", "run", "preprocess", "classify", "version"):
            self.assertIn(name, text)
            self.assertIn("--", self.spinel(name, "--help").stdout)

    def test_unknown_subcommand(self):
        self.fails("spinel", "clasify", "x", status=2, saying=["clasify", "classify", "preprocess"])

    def test_no_subcommand(self):
        self.fails("spinel", status=2, saying="a subcommand is needed")

    def test_unknown_flag_and_bad_values(self):
        self.fails("spinel", "info", MODEL, "--nonsense", status=2, saying="nonsense")
        self.fails("spinel", "info", status=2, saying="model")
        self.fails("spinel", "info", MODEL, "--dtype", "float7", status=2, saying="float7")
        self.fails("spinel", "info", MODEL, "--spas", "0", status=2, saying="--spas")
        self.fails("spinel", "classify", MODEL, IMAGES, "--topk", "none", status=2, saying="topk")

    def test_bad_environment(self):
        self.fails("spinel", "info", MODEL, env=environment(MAX_ENGINE_NUMS="many"), status=2,
                   saying=["MAX_ENGINE_NUMS", "many"])
        self.fails("spinel", "info", MODEL, env=environment(SPINEL_LOG="loud"), status=2, saying=["SPINEL_LOG"])


class Info(ProgramTest):
    def test_json(self):
        document = json.loads(self.spinel("info", MODEL, "--json").stdout)
        self.assertEqual(document["inputs"], [{"name": "input", "dtype": "float32", "dims": ["batch", 3, 32, 32],
                                               "batch_axis": 0}])
        self.assertEqual(document["outputs"][0]["dims"], ["batch", 10])
        self.assertTrue(document["batch"]["splittable"])
        self.assertGreater(document["memory"]["weight_bytes"], 500_000)
        self.assertGreater(document["memory"]["arena_bytes_per_spa"], 0)
        self.assertGreater(document["operators"]["Conv"], 5)

    def test_text(self):
        text = self.spinel("info", MODEL, "--spas", "2", "--threads-per-spa", "1").stdout
        self.assertIn("input    input: float32[batch, 3, 32, 32]", text)
        self.assertIn("output   output: float32[batch, 10]", text)
        self.assertIn("2 SPAs", text)
        self.assertRegex(text, r"nodes .*Conv x\d+")

    def test_graph(self):
        self.assertIn("Conv(", self.spinel("info", MODEL, "--graph").stdout)

    def test_spas_from_the_environment(self):
        for extra, expected in (([], 3), (["--spas", "2"], 2)):
            done = self.spinel("info", MODEL, "--json", *extra, env=environment(MAX_ENGINE_NUMS=3))
            self.assertEqual(json.loads(done.stdout)["spas"], expected)

    def test_blocking_node_is_named(self):
        node = helper.make_node("Softmax", ["x"], ["y"], name="mixes", axis=0)
        path = save_model(self.path("m.onnx"), [node], [info("x", FLOAT, ["n", 4])], [info("y", FLOAT, ["n", 4])])
        batch = json.loads(self.spinel("info", path, "--json").stdout)["batch"]
        self.assertFalse(batch["splittable"])
        self.assertEqual(batch["blocking_node"], "mixes")
        self.assertIn("mixes", self.spinel("info", path).stdout)

    def test_bad_models(self):
        self.fails("spinel", "info", self.path("none.onnx"), saying="none.onnx")
        self.fails("spinel", "info", self.dir, saying=self.dir)
        self.fails("spinel", "info", self.write("text.onnx", b"not a model\n"), saying="text.onnx")
        self.fails("spinel", "info", self.write("empty.onnx", b""), saying="empty.onnx")
        with open(MODEL, "rb") as file:
            content = file.read()
        self.fails("spinel", "info", self.write("half.onnx", content[:len(content) // 2]), saying="half.onnx")

    def test_unknown_target_lists_those_that_are_there(self):
        self.fails("spinel", "info", MODEL, "--target", "abacus", saying=["abacus", "cpu"])

    def test_target_onnx_without_its_library(self):
        self.fails("spinel", "info", MODEL, "--target", "onnx", "--onnxruntime", self.path("none"),
                   saying=["onnxruntime_path", self.path("none"), "onnxruntime-node"])
        environ = environment(SPINEL_ONNXRUNTIME=self.dir)
        self.fails("spinel", "info", MODEL, "--target", "onnx", env=environ, saying=[self.dir, "libonnxruntime.so"])
        # The flag goes before the variable, and a relative path is the user's.
        self.fails("spinel", "info", MODEL, "--target", "onnx", "--onnxruntime", "no/such", env=environ,
                   saying=os.path.join(os.getcwd(), "no/such"))
        self.assertIn("onnx", json.loads(self.spinel("version", "--json").stdout)["targets"])

    def passes(self, *args):
        document = json.loads(self.spinel("info", *args, "--json").stdout)
        return {each["pass"]: each for each in document["passes"]}

    def swish(self):
        nodes = [helper.make_node("Sigmoid", ["x"], ["s"]), helper.make_node("Mul", ["x", "s"], ["y"])]
        return save_model(self.path("swish.onnx"), nodes, [info("x", FLOAT, ["n"])], [info("y", FLOAT, ["n"])])

    def test_passes_are_reported_and_configured_by_json_and_yaml(self):
        model = self.swish()
        report = self.passes(model)["recognize_activations"]
        self.assertEqual((report["changes"], report["counts"]["Swish"], report["enabled"]), (1, 1, True))
        self.assertIn("recognize_activations: 1 change, Swish x1 now", self.spinel("info", model).stdout)
        as_json = self.write("p.json", b'{"passes": {"recognize_activations": false}}')
        as_yaml = self.write("p.yaml", b"# comment\npasses:\n  recognize_activations: false\nskip_ops: [Exp, 'true']\n")
        for path in (as_json, as_yaml):
            report = self.passes(model, "--pass-path", path)["recognize_activations"]
            self.assertEqual((report["changes"], report["enabled"]), (0, False))

    def test_bad_pass_files(self):
        model = self.swish()
        for name, content, words in (("a.json", b'{"skip_op": []}', ["skip_op", "skip_ops"]),
                                     ("b.yaml", b"skip_op: []", ["skip_op", "skip_ops"]),
                                     ("c.yaml", b"{a: [", ["c.yaml", "YAML"]),
                                     ("d.py", b"import os", ["d.py", "need_convert"]),
                                     ("e.yaml", b"need_convert: maybe", ["need_convert", "maybe"])):
            self.fails("spinel", "info", model, "--pass_path", self.write(name, content), saying=words)
        self.fails("spinel", "info", model, "--pass_path", self.path("none.json"), saying="none.json")

    def test_unsupported_operators_are_listed_together(self):
        nodes = [helper.make_node("Frobnicate", ["x"], ["a"], name="first", domain="odd"),
                 helper.make_node("Twist", ["a"], ["y"], name="second", domain="odd")]
        path = save_model(self.path("m.onnx"), nodes, [info("x", FLOAT, [1])], [info("y", FLOAT, [1])],
                          domains=["odd"])
        done = self.spinel("info", path, status=1)
        for word in ("Frobnicate", "first", "Twist", "second"):
            self.assertIn(word, done.stderr)


class Run(ProgramTest):
    def add_model(self, names=("x:0", "b"), dims=("n", 3)):
        made = {"sum/out:0": "Add", "sum_out_0": "Sub", "sum out 0": "Mul"}
        nodes = [helper.make_node(operator, list(names), [name]) for name, operator in made.items()]
        outputs = [info(name, FLOAT, list(dims)) for name in made]
        return save_model(self.path("add.onnx"), nodes, [info(n, FLOAT, list(dims)) for n in names], outputs)

    def test_outputs_and_colliding_names(self):
        a, b = np.arange(6, dtype=np.float32).reshape(2, 3), np.full((2, 3), 0.5, np.float32)
        out = self.path("deep", "out")
        done = self.spinel("run", self.add_model(), "--input", "x:0:" + self.save("a.npy", a), "--input",
                           "b:" + self.save("b.npy", b), "--out", out, "--json")
        self.assertEqual(done.stderr, "")
        document = json.loads(done.stdout)
        files = {o["name"]: os.path.basename(o["file"]) for o in document["outputs"]}
        self.assertEqual(files, {"sum/out:0": "sum_out_0_1.npy", "sum_out_0": "sum_out_0.npy",
                                 "sum out 0": "sum_out_0_2.npy"})
        self.assertEqual(sorted(os.listdir(out)), sorted(files.values()))
        np.testing.assert_array_equal(np.load(os.path.join(out, "sum_out_0_1.npy")), a + b)
        np.testing.assert_array_equal(np.load(os.path.join(out, "sum_out_0.npy")), a - b)
        np.testing.assert_array_equal(np.load(os.path.join(out, "sum_out_0_2.npy")), a * b)

    def test_inputs_without_names_go_in_order(self):
        a, b = np.ones((1, 3), np.float32), np.zeros((1, 3), np.float32)
        done = self.spinel("run", self.add_model(("x", "b")), "--input", self.save("a.npy", a), "--input",
                           self.save("b.npy", b), "--out", self.path("o"))
        np.testing.assert_array_equal(np.load(self.path("o", "sum_out_0.npy")), a - b)
        self.assertRegex(done.stdout, r"(?m)^sum_out_0: float32\[1, 3\] -> \S+/o/sum_out_0\.npy$")

    def test_conversion_is_said(self):
        a = np.array([[1.5, 2.5, -3.5]])
        done = self.spinel("run", self.add_model(("x", "b")), "--input", "x:" + self.save("a.npy", a), "--input",
                           "b:" + self.save("b.npy", a.astype(np.int64)), "--out", self.path("o"))
        self.assertRegex(done.stderr, r"note: input 'x': \S+a\.npy holds float64, converted to float32\n")
        self.assertRegex(done.stderr, r"note: input 'b': \S+b\.npy holds int64, converted to float32\n")
        np.testing.assert_array_equal(np.load(self.path("o", "sum_out_0.npy")), a - a.astype(np.int64))

    def test_float16(self):
        a = np.linspace(-1, 1, 3 * 32 * 32, dtype=np.float32).reshape(1, 3, 32, 32)
        npy = "input:" + self.save("a.npy", a)
        self.spinel("run", MODEL, "--input", npy, "--out", self.path("f32"))
        done = self.spinel("run", MODEL, "--input", npy, "--out", self.path("f16"), "--dtype", "float16")
        self.assertIn("converted to float16", done.stderr)
        single, half = (np.load(self.path(d, "output.npy")) for d in ("f32", "f16"))
        self.assertEqual((single.dtype, half.dtype), (np.float32, np.float16))
        difference = np.linalg.norm(half.astype(np.float64) - single) / np.linalg.norm(single)
        self.assertLess(difference, 3e-3)
        self.assertGreater(difference, 0)

    def test_the_same_bits_for_any_number_of_spas(self):
        a = np.random.default_rng(1).standard_normal((5, 3, 32, 32), np.float32)
        npy = "input:" + self.save("a.npy", a)
        results = []
        for spas in (1, 2, 3, 7):
            self.spinel("run", MODEL, "--input", npy, "--out", self.path("o"), "--spas", spas)
            results.append(np.load(self.path("o", "output.npy")))
        self.assertEqual(results[0].shape, (5, 10))
        for result in results[1:]:
            self.assertEqual(result.tobytes(), results[0].tobytes())

    def test_bad_input(self):
        good = self.save("a.npy", np.zeros((1, 3, 32, 32), np.float32))
        out = ["--out", self.path("o")]
        self.fails("spinel", "run", MODEL, *out, saying=["'input'", "missing"])
        self.fails("spinel", "run", MODEL, "--input", "nope:" + good, *out, saying=["nope", "input"])
        self.fails("spinel", "run", MODEL, "--input", "input:" + self.path("no.npy"), *out, saying="no.npy")
        self.fails("spinel", "run", MODEL, "--input", "input:" + good, "--input", "input:" + good, *out, status=2,
                   saying="twice")
        self.fails("spinel", "run", MODEL, "--input", good, "--input", good, *out, saying="than inputs")
        self.fails("spinel", "run", MODEL, "--input", "input:" + self.write("t.npy", b"text"), *out, saying="t.npy")
        for dims in ((1, 4, 32, 32), (1, 3, 32), (1, 3, 33, 32)):
            wrong = self.save("w.npy", np.zeros(dims, np.float32))
            self.fails("spinel", "run", MODEL, "--input", "input:" + wrong, *out, saying=["input", "32"])
        self.assertFalse(os.path.exists(self.path("o")), "a failed run left something behind")
        self.fails("spinel", "run", MODEL, "--input", "input:" + good, "--out", good, saying="a.npy")


class Classify(ProgramTest):
    def test_folder_and_file(self):
        done = self.spinel("classify", MODEL, IMAGES, os.path.join(IMAGES, "08_bag.png"))
        lines = done.stdout.splitlines()
        self.assertEqual(len(lines), 13)
        for line in lines:
            self.assertRegex(line, r"^\S+\.png: \[\{'score': \d\.\d{1,4}, 'label': '[^']+'\}\]$")
        self.assertTrue(lines[0].startswith(os.path.join(IMAGES, "00_t_shirt_top.png") + ": "), lines[0])
        for line in lines:
            if "bag" in line.split(":")[0]:
                self.assertIn("'label': 'Bag'", line)
        self.assertEqual(done.stderr, "")

    def test_topk_and_json(self):
        image = os.path.join(IMAGES, "01_trouser.png")
        document = json.loads(self.spinel("classify", MODEL, image, "--topk", "3", "--json").stdout)
        classes = document["results"][0]["classes"]
        self.assertEqual([len(classes), classes[0]["label"]], [3, "Trouser"])
        scores = [c["score"] for c in classes]
        self.assertEqual(scores, sorted(scores, reverse=True))
        self.assertEqual((document["attempted"], document["done"], document["rejected"]), (1, 1, []))

    @unittest.skipUnless(os.path.exists(os.path.join(PHOTOS, "efficientnet_lite0.onnx")), "no photos model")
    def test_photos(self):
        photos = {"cat.png": "cat|tabby|lynx", "coffee.jpg": "espresso|cup|coffee"}
        model = os.path.join(PHOTOS, "efficientnet_lite0.onnx")
        lines = self.spinel("classify", model, *(os.path.join(PHOTOS, p) for p in photos)).stdout.splitlines()
        for line, expected in zip(lines, photos.values()):
            self.assertRegex(line.split("'label': ")[1], expected)

    def test_rejected_are_named_and_counted(self):
        os.mkdir(self.path("in"))
        shutil.copy(os.path.join(IMAGES, "01_trouser.png"), self.path("in", "a.png"))
        self.write("in/b.png", b"this is text, not an image\n")
        self.write("in/c.png", b"")
        done = self.spinel("classify", MODEL, self.path("in"), self.path("missing.png"), "--json", status=1)
        document = json.loads(done.stdout)
        self.assertEqual(document["attempted"], 4)
        self.assertEqual(document["done"], 1)
        self.assertEqual([os.path.basename(r["path"]) for r in document["rejected"]],
                         ["b.png", "c.png", "missing.png"])
        self.assertEqual([r["code"] for r in document["rejected"]], ["bad_data", "bad_data", "not_found"])
        self.assertIn("4 images: 1 done, 3 rejected", done.stderr)
        for name in ("b.png", "c.png", "missing.png"):
            self.assertRegex(done.stderr, rf"(?m)^rejected: .*{re.escape(name)}")

    def test_labels(self):
        image = os.path.join(IMAGES, "01_trouser.png")
        labels = self.write("l.txt", "".join(f"x{i} it's {i}\n" for i in range(10)).encode())
        self.assertIn("'label': \"it's 1\"}]", self.spinel("classify", MODEL, image, "--labels", labels).stdout)
        few = self.write("few.txt", b"a one\nb two\n")
        self.fails("spinel", "classify", MODEL, image, "--labels", few, saying=["2", "10"])
        self.fails("spinel", "classify", MODEL, image, "--labels", self.path("no.txt"), saying="no.txt")
        shutil.copy(MODEL, self.path("m.onnx"))
        done = self.spinel("classify", self.path("m.onnx"), image)
        self.assertIn("'label': '1'}]", done.stdout)
        self.assertIn("synset.txt", done.stderr)

    def test_preset(self):
        image = os.path.join(IMAGES, "01_trouser.png")
        plain = self.spinel("classify", MODEL, image, "--json").stdout
        self.assertEqual(self.spinel("classify", MODEL, image, "--json", "--preset", "imagenet").stdout, plain)
        self.assertNotEqual(self.spinel("classify", MODEL, image, "--json", "--preset", "efficientnet-lite").stdout,
                            plain)
        self.fails("spinel", "classify", MODEL, image, "--preset", "instagram", saying=["instagram", "imagenet"])
        self.fails("spinel", "classify", MODEL, image, "--crop", "48", saying=["32x32", "48x48"])

    def test_preprocess_json_beside_the_model(self):
        shutil.copy(MODEL, self.path("m.onnx"))
        shutil.copy(os.path.join(RESNET, "synset.txt"), self.path("synset.txt"))
        image = os.path.join(IMAGES, "01_trouser.png")
        plain = json.loads(self.spinel("classify", self.path("m.onnx"), image, "--json").stdout)["results"]
        self.write("preprocess.json", b'{"resize": 32, "crop": 32, "mean": [0, 0, 0], "std": [1, 1, 1]}')
        other = json.loads(self.spinel("classify", self.path("m.onnx"), image, "--json").stdout)["results"]
        self.assertNotEqual(plain, other)
        self.write("preprocess.json", b'{"crap": 32}')
        self.fails("spinel", "classify", self.path("m.onnx"), image, saying=["preprocess.json", "crap"])

    def test_empty_folder_and_wrong_models(self):
        os.mkdir(self.path("empty"))
        self.fails("spinel", "classify", MODEL, self.path("empty"), saying="empty")
        node = helper.make_node("Add", ["a", "b"], ["y"])
        path = save_model(self.path("two.onnx"), [node], [info(n, FLOAT, [1]) for n in "ab"], [info("y", FLOAT, [1])])
        self.fails("spinel", "classify", path, IMAGES, saying="one input")


if __name__ == "__main__":
    unittest.main()
