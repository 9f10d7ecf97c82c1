"""resnet_single, resnet_folder and resnet_valid: their output to the letter, the environment, bad input."""

import re
import shutil
import signal
import subprocess
import time
import unittest

from support import *

VAL = os.path.join(RESNET, "val")
TROUSER = os.path.join(IMAGES, "01_trouser.png")
NUMBER = r"(\d+\.\d+(?:e-?\d+)?)"
SUMMARY = (rf"^summary: avg_sps: {NUMBER}, e2e_time: {NUMBER}, avg_inference_time: {NUMBER}, "
           rf"avg_preprocess_time: {NUMBER}, avg_postprocess: {NUMBER}$")


class Single(ProgramTest):
    def single(self, *args, **options):
        return self.run_program("resnet_single", "--ckpt", MODEL, "--data_path", *args, **options)

    def test_line(self):
        line = self.single(TROUSER).stdout
        self.assertRegex(line, rf"^{re.escape(TROUSER)}: \[\{{'score': \d\.\d{{1,4}}, 'label': 'Trouser'\}}\]\n$")

    def test_flags_with_dashes_or_underscores(self):
        one = self.run_program("resnet_single", "--ckpt", MODEL, "--data_path", TROUSER, "--batch_size", 1, "--topk",
                               2, "--input_size", 32, "--input_name", "input", "--target", "cpu", "--dtype", "float32")
        other = self.run_program("resnet_single", "--ckpt=" + MODEL, "--data-path=" + TROUSER, "--batch-size=1",
                                 "--topk=2", "--input-size=32", "--input-name=input")
        self.assertEqual(one.stdout, other.stdout)
        self.assertEqual(one.stdout.count("'score'"), 2)

    def test_dtype(self):
        single = self.single(TROUSER, "--json").stdout
        for args in ((MODEL, "float16"), (MODEL_FP16, "float16"), (MODEL_FP16, "float32")):
            done = self.run_program("resnet_single", "--ckpt", args[0], "--dtype", args[1], "--data_path", TROUSER,
                                    "--json")
            a, b = (json.loads(t)["answers"][0] for t in (single, done.stdout))
            self.assertEqual(a["label"], b["label"])
            self.assertAlmostEqual(a["score"], b["score"], delta=3e-3)

    def test_skip_postprocess(self):
        line = self.single(TROUSER, "--skip_postprocess").stdout
        self.assertEqual(line.count(","), 9)
        scores = json.loads(line.split(": ", 1)[1])
        raw = json.loads(self.single(TROUSER, "--skip-postprocess", "true", "--json").stdout)["scores"]
        np.testing.assert_allclose(scores, raw, atol=1e-6)
        self.assertEqual(int(np.argmax(raw)), 1)
        self.assertIn("'label'", self.single(TROUSER, "--skip_postprocess", "false").stdout)

    def test_bad_input(self):
        text = self.write("text.jpg", b"this is text")
        cases = (([text], "text.jpg"), ([self.path("no.png")], "no.png"), ([IMAGES], "resnet_folder"),
                 ([TROUSER, "--target", "sdaa"], "cpu"), ([TROUSER, "--pass_path", "p.py"], "pass"),
                 ([TROUSER, "--input_name", "data"], "data"), ([TROUSER, "--dtype", "int7"], "int7"),
                 ([TROUSER, "--labels", self.path("no.txt")], "no.txt"), ([TROUSER, "--input_size", "48"], "48"))
        for args, saying in cases:
            with self.subTest(args=args):
                self.fails("resnet_single", "--ckpt", MODEL, "--data_path", *args, saying=saying)
        self.fails("resnet_single", "--ckpt", self.path("no.onnx"), "--data_path", TROUSER, saying="no.onnx")
        self.fails("resnet_single", "--data_path", TROUSER, status=2, saying="--ckpt")
        self.fails("resnet_single", "--ckpt", MODEL, "--data_path", TROUSER, "--topk", "0", status=2, saying="--topk")
        self.fails("resnet_single", "--ckpt", MODEL, "--data_path", TROUSER, "--input_size", "1,2,3", status=2,
                   saying="--input_size")


class Folder(ProgramTest):
    def test_lines_in_name_order(self):
        done = self.run_program("resnet_folder", "--ckpt", MODEL, "--data_path", IMAGES, "--batch_size", 5)
        names = sorted(os.listdir(IMAGES))
        lines = done.stdout.splitlines()
        self.assertEqual(len(lines), len(names))
        for index, (name, line) in enumerate(zip(names, lines)):
            self.assertRegex(line, rf"^{index} {re.escape(name)} : \[\{{'score': \d\.\d{{1,4}}, 'label': '[^']+'\}}\]$")
        self.assertIn(f"images: {len(names)} attempted = {len(names)} done + 0 rejected", done.stderr)
        for batch in (1, 12, 100):
            again = self.run_program("resnet_folder", "--ckpt", MODEL, "--data_path", IMAGES, "--batch_size", batch)
            self.assertEqual(again.stdout, done.stdout)

    def test_same_answers_as_single(self):
        done = self.run_program("resnet_folder", "--ckpt", MODEL, "--data_path", IMAGES, "--batch_size", 4)
        single = self.run_program("resnet_single", "--ckpt", MODEL, "--data_path", TROUSER)
        self.assertEqual(done.stdout.splitlines()[1].split(" : ")[1], single.stdout.strip().split(": ", 1)[1])

    def test_unreadable_are_named_and_skipped(self):
        shutil.copy(TROUSER, self.path("b.png"))
        self.write("a.png", b"text")
        self.write("c.png", b"")
        done = self.run_program("resnet_folder", "--ckpt", MODEL, "--data_path", self.dir, "--batch_size", 2)
        self.assertRegex(done.stdout, r"^1 b\.png : \[[^\n]*\]\n$")
        self.assertIn("images: 3 attempted = 1 done + 2 rejected", done.stderr)
        self.assertRegex(done.stderr, r"(?m)^rejected: .*a\.png")
        self.assertRegex(done.stderr, r"(?m)^rejected: .*c\.png")
        os.remove(self.path("b.png"))
        self.run_program("resnet_folder", "--ckpt", MODEL, "--data_path", self.dir, status=1)

    def test_json_lines(self):
        done = self.run_program("resnet_folder", "--ckpt", MODEL, "--data_path", IMAGES, "--json")
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([line["index"] for line in lines], list(range(len(os.listdir(IMAGES)))))

    def test_empty_and_missing_folder(self):
        self.fails("resnet_folder", "--ckpt", MODEL, "--data_path", self.dir, saying=self.dir)
        self.fails("resnet_folder", "--ckpt", MODEL, "--data_path", self.path("no"), saying="no")

    def test_max_steps_and_ranks(self):
        args = ["--ckpt", MODEL, "--data_path", IMAGES, "--batch_size", 2]
        done = self.run_program("resnet_folder", *args, env=environment(TECO_INFER_PIPELINES_MAX_STEPS=2))
        self.assertEqual(len(done.stdout.splitlines()), 4)
        self.assertIn("images: 4 attempted = 4 done + 0 rejected", done.stderr)
        lines = self.run_program("resnet_folder", *args).stdout.splitlines()
        shards = [self.run_program("resnet_folder", *args, env=environment(OMPI_COMM_WORLD_RANK=r,
                                                                         OMPI_COMM_WORLD_SIZE=5)).stdout.splitlines()
                  for r in range(5)]
        self.assertEqual(shards[1], lines[1::5])
        self.assertEqual(sorted(sum(shards, [])), sorted(lines))


class Valid(ProgramTest):
    def subset(self, counts):
        """An image folder with `counts[i]` images of class i."""
        for index, name in enumerate(sorted(os.listdir(VAL))):
            os.mkdir(self.path(name))
            for file in sorted(os.listdir(os.path.join(VAL, name)))[:counts[index]]:
                shutil.copy(os.path.join(VAL, name, file), self.path(name, file))
        return self.dir

    def valid(self, *args, **options):
        return self.run_program("resnet_valid", "--ckpt", MODEL, "--data_path", *args, **options)

    def test_shipped_set(self):
        done = self.valid(VAL, "--batch_size", 16)
        metric, summary = done.stdout.splitlines()
        self.assertRegex(metric, r"^eval_metric \d\.\d+$")
        self.assertGreater(float(metric.split()[1]), 0.9)
        # 500 images: the metric is a whole number of them, whatever the batches.
        hits = float(metric.split()[1]) * 500
        self.assertAlmostEqual(hits, round(hits), places=9)
        self.assertRegex(summary, SUMMARY)
        sps, wall, inference, preprocess, postprocess = map(float, re.match(SUMMARY, summary).groups())
        self.assertAlmostEqual(sps * wall, 500, delta=0.01)
        self.assertLess(inference * 32, wall)
        self.assertIn("images: 500 attempted = 500 done + 0 rejected", done.stderr)
        self.assertNotIn("\r", done.stderr)

    def test_metric_is_weighted_by_counts(self):
        folder = self.subset([3, 2, 3, 1, 2, 3, 3, 2, 1, 3])
        metrics = {self.valid(folder, "--batch_size", b).stdout.splitlines()[0] for b in (1, 2, 5, 7, 23, 64)}
        self.assertEqual(len(metrics), 1, metrics)
        metrics.add(self.valid(folder, "--batch_size", 5, "--spas", 3).stdout.splitlines()[0])
        metrics.add(self.valid(folder, "--batch_size", 5, "--skip_postprocess", "false").stdout.splitlines()[0])
        self.assertEqual(len(metrics), 1, metrics)

    def test_metric_against_folder_flow(self):
        folder = self.subset([2] * 10)
        hits = 0
        names = sorted(n for n in os.listdir(folder))
        with open(os.path.join(RESNET, "synset.txt")) as file:
            labels = [line.rstrip("\n").split(" ", 1)[1] for line in file]
        for index, name in enumerate(names):
            done = self.run_program("resnet_folder", "--ckpt", MODEL, "--data_path", self.path(name), "--json")
            for line in done.stdout.splitlines():
                hits += json.loads(line)["answers"][0]["label"] == labels[index]
        metric = float(self.valid(folder, "--batch_size", 3).stdout.splitlines()[0].split()[1])
        self.assertEqual(metric, hits / 20)

    def test_rejected_balance(self):
        folder = self.subset([2] * 10)
        self.write("fm3/zz.png", b"text")
        done = self.valid(folder, "--batch_size", 4, "--json")
        document = json.loads(done.stdout)
        self.assertEqual((document["attempted"], document["done"], len(document["rejected"])), (21, 20, 1))
        self.assertIn("zz.png", document["rejected"][0]["path"])
        self.assertIn("images: 21 attempted = 20 done + 1 rejected", done.stderr)

    def test_steps(self):
        folder = self.subset([2] * 10)
        env = environment(TECO_INFER_PIPELINES_MAX_STEPS=3, TECO_INFER_PIPELINES_WARMUP_STEPS=1)
        document = json.loads(self.valid(folder, "--batch_size", 4, "--json", env=env).stdout)
        self.assertEqual(document["done"], 12)
        self.assertAlmostEqual(document["avg_sps"] * document["e2e_time"], 8, delta=1e-6)
        env = environment(TECO_INFER_PIPELINES_MAX_STEPS=1, TECO_INFER_PIPELINES_WARMUP_STEPS=5)
        document = json.loads(self.valid(folder, "--batch_size", 4, "--json", env=env).stdout)
        self.assertEqual((document["done"], document["avg_sps"]), (4, 0.0))
        self.fails("resnet_valid", "--ckpt", MODEL, "--data_path", folder, saying="TECO_INFER_PIPELINES_WARMUP_STEPS",
                   env=environment(TECO_INFER_PIPELINES_WARMUP_STEPS="x"))

    def test_ranks_share_the_images(self):
        folder = self.subset([3, 2, 3, 1, 2, 3, 3, 2, 1, 3])
        whole = json.loads(self.valid(folder, "--batch_size", 4, "--json").stdout)
        parts = [json.loads(self.valid(folder, "--batch_size", 4, "--json",
                                       env=environment(OMPI_COMM_WORLD_RANK=r, OMPI_COMM_WORLD_SIZE=4)).stdout)
                 for r in range(4)]
        self.assertEqual(sum(p["done"] for p in parts), 23)
        self.assertEqual(sum(p["top1_hits"] for p in parts), whole["top1_hits"])

    def test_bad_folders(self):
        os.mkdir(self.path("empty"))
        self.fails("resnet_valid", "--ckpt", MODEL, "--data_path", self.path("empty"), saying="empty")
        self.fails("resnet_valid", "--ckpt", MODEL, "--data_path", self.path("no"), saying="no")
        self.fails("resnet_valid", "--ckpt", MODEL, "--data_path", TROUSER, saying="01_trouser.png")

    def test_interrupt_prints_partial_results(self):
        process = subprocess.Popen([os.path.join(BIN, "resnet_valid"), "--ckpt", MODEL, "--data_path", VAL,
                                    "--batch_size", "1", "--verbose", "--skip_postprocess", "false"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
        for line in process.stderr:
            if " : [" in line:
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, err)
        self.assertRegex(out, r"^eval_metric \d\.\d+\nsummary: avg_sps: ")
        counts = re.search(r"images: (\d+) attempted = (\d+) done \+ (\d+) rejected; (\d+) not attempted", err)
        self.assertIsNotNone(counts, err)
        attempted, done, rejected, rest = map(int, counts.groups())
        self.assertEqual((attempted, attempted + rest), (done + rejected, 500))
        self.assertGreater(done, 0)

    def test_bar_on_a_terminal(self):
        import pty

        controller, terminal = pty.openpty()
        process = subprocess.Popen([os.path.join(BIN, "resnet_valid"), "--ckpt", MODEL, "--data_path", VAL,
                                    "--batch_size", "4"], stdout=subprocess.PIPE, stderr=terminal, env=environment())
        os.close(terminal)
        shown = b""
        deadline = time.time() + 120
        while time.time() < deadline:
            try:
                part = os.read(controller, 65536)
            except OSError:
                break
            if not part:
                break
            shown += part
        os.close(controller)
        out, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0)
        self.assertRegex(shown, rb"\[#*\.*\] \d+/500 images, [\d.]+ images/s, \d+ s left")
        self.assertTrue(out.startswith(b"eval_metric "))


if __name__ == "__main__":
    unittest.main()
