"""`spinel bench`: its JSON, how batches and shapes are chosen, interrupts, and what it refuses."""

import signal
import subprocess
import time
import unittest

from support import *

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
QUICK = ("--iterations", 3, "--warmup", 0, "--json")
KEYS = ["target", "dtype", "batch", "spas", "threads_per_spa", "latency_ms", "throughput_samples_per_s", "load_ms",
        "first_run_ms", "arena_bytes", "peak_rss_bytes"]


class Bench(ProgramTest):
    def bench(self, *args):
        done = self.spinel("bench", *args)
        document = json.loads(done.stdout)
        self.assertIn("loaded", done.stderr)
        return document

    def two_inputs(self):
        """Rows of token numbers, and weights without a batch."""
        nodes = [helper.make_node("Gather", ["table", "tokens"], ["rows"]),
                 helper.make_node("MatMul", ["rows", "weights"], ["y"])]
        return save_model(self.path("two.onnx"), nodes,
                          [info("tokens", INT64, ["batch", "length"]), info("weights", FLOAT, [4, "width"])],
                          [info("y", FLOAT, None)], {"table": np.ones((2, 4), np.float32)})

    def mixing(self, batch):
        """A model whose rows depend on each other."""
        nodes = [helper.make_node("Softmax", ["x"], ["y"], axis=0)]
        return save_model(self.path("mixing.onnx"), nodes, [info("x", FLOAT, [batch, 4])],
                          [info("y", FLOAT, [batch, 4])])

    def test_json(self):
        document = self.bench(MODEL, "--batch", "1,4", "--spas", 2, "--threads-per-spa", 1, *QUICK)
        self.assertEqual(list(document), ["model", "results"])
        self.assertEqual(document["model"], MODEL)
        self.assertEqual([r["batch"] for r in document["results"]], [1, 4])
        for result in document["results"]:
            self.assertEqual(list(result), KEYS)
            self.assertEqual((result["target"], result["dtype"]), ("cpu", "float32"))
            self.assertEqual((result["spas"], result["threads_per_spa"]), (2, 1))
            latency = result["latency_ms"]
            self.assertEqual(list(latency), ["mean", "p50", "p90", "p99", "p999"])
            ranked = [latency[p] for p in ("p50", "p90", "p99", "p999")]
            self.assertEqual(ranked, sorted(ranked))
            self.assertTrue(0 < latency["mean"] <= latency["p999"])
            for key in KEYS[6:]:
                self.assertGreater(result[key], 0, key)

    def test_arena_counts_the_spas_that_get_a_part(self):
        one, four = self.bench(MODEL, "--batch", "1,4", "--spas", 2, *QUICK)["results"]
        memory = json.loads(self.spinel("info", MODEL, "--spas", 2, "--json").stdout)["memory"]
        self.assertEqual(one["arena_bytes"], memory["arena_bytes_per_spa"])
        self.assertGreater(four["arena_bytes"], 2 * memory["arena_bytes_per_spa"])

    def test_text(self):
        text = self.spinel("bench", MODEL, "--batch", 2, "--iterations", 4, "--spas", 1).stdout.splitlines()
        self.assertIn("1 SPA with 1 thread each", text[0])
        self.assertEqual(text[1].split()[:3], ["batch", "mean", "ms"])
        self.assertEqual(text[2].split()[0], "2")
        self.assertEqual(text[2].split()[6], "4")
        self.assertEqual(len(text), 3)

    def test_batches_may_come_before_the_model(self):
        document = self.bench("--batch", "1,2", MODEL, *QUICK)
        self.assertEqual([r["batch"] for r in document["results"]], [1, 2])

    def test_seconds(self):
        document = self.bench(MODEL, "--seconds", 0.05, "--depth", 3, "--json")
        self.assertEqual(document["results"][0]["batch"], 1)
        self.assertGreater(document["results"][0]["throughput_samples_per_s"], 0)

    def test_dtype(self):
        document = self.bench(MODEL, "--dtype", "float16", *QUICK)
        self.assertEqual(document["results"][0]["dtype"], "float16")

    def test_shapes_by_name_and_in_order(self):
        model = self.two_inputs()
        document = self.bench(model, "--shape", "weights:4x5", "--shape", "3x7", *QUICK)
        self.assertEqual(document["results"][0]["batch"], 3)
        document = self.bench(model, "--shape", "weights:4x5", "--shape", "tokens:3x7", "--batch", "2,5", *QUICK)
        self.assertEqual([r["batch"] for r in document["results"]], [2, 5])

    def test_input_files(self):
        model = self.two_inputs()
        tokens = self.save("tokens.npy", np.ones((6, 2), np.int64))
        bad = self.save("bad.npy", np.full((6, 2), 9, np.int64))
        document = self.bench(model, "--input", f"tokens:{tokens}", "--shape", "weights:4x5", *QUICK)
        self.assertEqual(document["results"][0]["batch"], 6)
        self.fails("spinel", "bench", model, "--input", f"tokens:{bad}", "--shape", "weights:4x5", *QUICK,
                   saying=["Gather", "9"])
        self.fails("spinel", "bench", model, "--input", f"tokens:{tokens}", "--shape", "weights:4x5", "--batch", 2,
                   *QUICK, saying=["--batch 2", "tokens", "[6, 2]"])
        self.fails("spinel", "bench", model, "--input", f"tokens:{tokens}", "--shape", "tokens:6x2", *QUICK, status=2,
                   saying=["tokens", "--shape", "--input"])

    def test_open_dims_are_asked_for(self):
        self.fails("spinel", "bench", self.two_inputs(), *QUICK,
                   saying=["tokens", "int64[batch, length]", "--shape tokens:"])

    def test_bad_shapes(self):
        self.fails("spinel", "bench", MODEL, "--shape", "inputs:1x3x32x32", saying=["inputs", "input: float32[batch"])
        self.fails("spinel", "bench", MODEL, "--shape", "input:1x3x32", saying=["1x3x32", "float32[batch, 3, 32, 32]"])
        self.fails("spinel", "bench", MODEL, "--shape", "input:1x3x32x31", saying=["31", "32"])
        for text in ("1x3x", "axb", "1,3", "0x3", "-1x3", "x", "99999999999999999999"):
            self.fails("spinel", "bench", MODEL, "--shape", f"input:{text}", status=2, saying=["--shape", text])
        self.fails("spinel", "bench", MODEL, "--shape", "1x3x32x32", "--shape", "1", saying=["--shape 1", "than inputs"])

    def test_fixed_batch(self):
        self.assertEqual(self.bench(self.mixing(3), "--batch", 3, *QUICK)["results"][0]["batch"], 3)
        self.fails("spinel", "bench", self.mixing(3), "--batch", 4, *QUICK, saying=["--batch 4"])
        scalar = save_model(self.path("scalar.onnx"), [helper.make_node("Neg", ["x"], ["y"])],
                            [info("x", FLOAT, [])], [info("y", FLOAT, [])])
        self.assertEqual(self.bench(scalar, *QUICK)["results"][0]["batch"], 1)
        self.fails("spinel", "bench", scalar, "--batch", 2, *QUICK, saying=["--batch 2", "float32[]"])

    def test_rows_that_mix_have_a_batch(self):
        document = self.bench(self.mixing("n"), "--batch", "2,3", "--spas", 2, *QUICK)
        self.assertEqual([r["batch"] for r in document["results"]], [2, 3])

    def test_usage(self):
        self.fails("spinel", "bench", MODEL, "--batch", "1,none", status=2, saying="--batch")
        self.fails("spinel", "bench", MODEL, "--batch", "0", status=2, saying="--batch")
        self.fails("spinel", "bench", MODEL, "--iterations", 2, "--seconds", 1, status=2, saying="--iterations")
        self.fails("spinel", "bench", MODEL, "--depth", 0, status=2, saying="--depth")
        self.fails("spinel", "bench", self.path("none.onnx"), saying="none.onnx")
        self.fails("spinel", "bench", MODEL, "--target", "abacus", saying=["abacus", "cpu"])

    def convolution(self):
        """12 channels of 8 x 8 to 5 of 6 x 6, a ReLU, and a product with 180 x 7."""
        nodes = [helper.make_node("Conv", ["x", "w"], ["c"], name="conv"),
                 helper.make_node("Relu", ["c"], ["r"], name="relu"),
                 helper.make_node("Flatten", ["r"], ["f"], name="flatten"),
                 helper.make_node("MatMul", ["f", "m"], ["y"], name="product")]
        weights = {"w": np.ones((5, 12, 3, 3), np.float32), "m": np.ones((180, 7), np.float32)}
        return save_model(self.path("conv.onnx"), nodes, [info("x", FLOAT, ["batch", 12, 8, 8])],
                          [info("y", FLOAT, None)], weights)

    def test_profile_json(self):
        document = self.bench(self.convolution(), "--batch", "1,3", "--spas", 1, "--profile", *QUICK)
        self.assertEqual(list(document), ["model", "target", "dtype", "profiles"])
        self.assertEqual([p["batch"] for p in document["profiles"]], [1, 3])
        for profile in document["profiles"]:
            self.assertEqual((profile["threads"], profile["runs"]), (1, 3))
            layers = profile["layers"]
            self.assertEqual(list(layers[0]), ["name", "op", "kernel", "sources", "inputs", "outputs", "ms", "share",
                                               "gflops_per_s", "share_of_peak"])
            self.assertEqual({s for layer in layers for s in layer["sources"]} - {"conv", "relu", "flatten", "product"},
                             set())
            self.assertTrue(all(0 <= layer["share"] <= 1 for layer in layers))
            self.assertLessEqual(layers[-1]["outputs"], [[profile["batch"], 7]])
            # Rate times time is what the layers' definitions ask for, whatever the kernels do.
            flop = sum(layer["gflops_per_s"] * layer["ms"] * 1e6 for layer in layers)
            self.assertAlmostEqual(flop, 2 * profile["batch"] * (5 * 36 * 12 * 9 + 180 * 7), delta=0.01 * flop)

    def test_profile_text(self):
        text = self.spinel("bench", self.convolution(), "--profile", "--iterations", 2, "--spas", 2).stdout
        self.assertRegex(text, r"batch 1 on 2 threads, medians of 2 runs: [\d.]+ ms")
        self.assertIn("operator, kernel, layers", text)
        self.assertIn("layer: operator, kernel, output", text)

    def test_trace(self):
        trace = self.path("trace.json")
        self.bench(self.convolution(), "--profile", "--trace", trace, "--batch", "1,2", *QUICK)
        with open(trace) as file:
            events = json.load(file)["traceEvents"]
        self.assertEqual({e["pid"] for e in events}, {1, 2})
        for pid in (1, 2):
            mine = [e for e in events if e["pid"] == pid]
            self.assertEqual([e["ph"] for e in mine], ["M"] + ["X"] * (len(mine) - 1))
            self.assertGreater(len(mine), 2)
            ends = 0
            for event in mine[1:]:
                self.assertGreaterEqual(event["ts"], ends - 0.002)
                ends = event["ts"] + event["dur"]
                self.assertIn("kernel", event["args"])
        self.fails("spinel", "bench", self.convolution(), "--trace", trace, status=2, saying="--profile")
        self.fails("spinel", "bench", self.convolution(), "--profile", "--trace", self.path("no", "t.json"), *QUICK,
                   saying=["t.json", "written"])

    def test_an_interrupt_prints_what_was_measured(self):
        process = subprocess.Popen([os.path.join(BIN, "spinel"), "bench", MODEL, "--batch", "1,2", "--seconds", "3600",
                                    "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env=environment())
        self.addCleanup(process.kill)
        while "latency" not in process.stderr.readline():
            self.assertIsNone(process.poll())
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 1, err)
        document = json.loads(out)
        self.assertTrue(document["interrupted"])
        [result] = document["results"]
        self.assertEqual(list(result), KEYS)
        self.assertGreater(result["first_run_ms"], 0)
        self.assertIsNone(result["throughput_samples_per_s"])


if __name__ == "__main__":
    unittest.main()
