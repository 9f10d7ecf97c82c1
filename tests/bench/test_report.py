"""The tables of tests/bench: ratios, geometric means, choice of settings, without any peer."""
import unittest

import interleave
import networks
import report
from interleave import LATENCY, THROUGHPUT, Candidate


def result(value, batch=1):
    return {"value": value, "setting": "s", "batch": batch, "rounds": [value], "load": [0.5], "others": [0.25]}


def document():
    return {"machine": {"cpu": "a CPU", "cores": 2}, "threads": 2, "rounds": 3, "versions": {"onnxruntime": "1"},
            "networks": {
                "resnet18": {"reference": "onnxruntime", "differences": {"spinel": 1e-6, "ncnn": float("nan")},
                             "failed": {"torch": "not there"},
                             "latency": {"spinel": result(5.0), "onnxruntime": result(10.0), "openvino": result(4.0)},
                             "throughput": {"spinel": result(90.0, 8), "onnxruntime": result(60.0, 4)}},
                "vgg16": {"latency": {"spinel": result(40.0), "onnxruntime": result(20.0)}},
                "resnet50": {"latency": {"spinel": result(1.0), "onnxruntime": result(100.0)}}},
            "scenarios": {"memory": {"failed": "why"},
                          "load": {"spinel": {"median_ms": 3.25, "of_onnxruntime": 0.05}}}}


class Report(unittest.TestCase):
    def test_ratios_above_one_mean_that_ours_is_better(self):
        self.assertEqual(report.ratio("latency", 5.0, 10.0), 2.0)
        self.assertEqual(report.ratio("throughput", 5.0, 10.0), 0.5)

    def test_geometric_means_are_over_the_ten(self):
        means = report.geometric_means(document())
        self.assertEqual(means["latency"]["spinel"], {"mean": 1.0, "least": 0.5, "count": 2})
        self.assertAlmostEqual(means["throughput"]["spinel"]["mean"], 1.5)
        self.assertEqual(len(networks.TEN), 10)

    def test_markdown(self):
        full = document()
        full["geometric_means"] = report.geometric_means(full)
        text = report.markdown(full)
        self.assertIn("| resnet18 | 5.00 | 10.00 | 4.00 | 2.00x | 0.80x |", text)
        self.assertIn("| resnet18 | 90.00 (8) | 60.00 (4) | - | 1.50x | 1.50x |", text)
        self.assertIn("| vgg16 | 40.00 | 20.00 | - | 0.50x | 0.50x |", text)
        self.assertIn("resnet18, torch: not there", text)
        self.assertIn("resnet18, ncnn: outputs differ", text)
        self.assertNotIn("resnet18, spinel: outputs differ", text)
        self.assertIn("memory: failed: why", text)
        self.assertIn("loading, spinel: 3.2 ms, 0.050 of", text)
        self.assertIn("0.25 cores busy", text)

    def test_page(self):
        page = "a\n<!-- measured -->\nold\n<!-- end -->\nb\n"
        self.assertEqual(report.replace_measured(page, "cmd", "new\n"),
                         "a\n<!-- measured -->\n`cmd`\n\nnew\n<!-- end -->\nb\n")
        with self.assertRaises(ValueError):
            report.replace_measured("a", "cmd", "new")


class FakeWorker:
    """Answers slices from a table: {(peer, variant, batch): [value, ...]}."""

    values = {}

    def __init__(self, _, setting):
        self.key = setting["key"]
        if self.key[1] == "broken":
            raise interleave.PeerFailed("no such library")

    def slice(self, batch, *_):
        value = self.values[(*self.key, batch)].pop(0)
        return {"median_ms": value, "samples_per_s": value, "load": 0, "others": 0}

    def close(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class Measure(unittest.TestCase):
    def setUp(self):
        real = interleave.Worker, interleave.say
        interleave.Worker, interleave.say = FakeWorker, lambda _: None
        self.addCleanup(lambda: vars(interleave).update(Worker=real[0], say=real[1]))

    def candidate(self, peer, variant, batch, *values):
        if values:
            FakeWorker.values[(peer, variant, batch)] = list(values)
        return Candidate(peer, variant, "python", {"key": (peer, variant)}, batch)

    def test_the_best_setting_of_each_peer_takes_turns(self):
        found, failed = interleave.measure(
            [self.candidate("a", "x", 1, 5, 6), self.candidate("a", "x", 8, 4, 20, 10, 30, 11),
             self.candidate("b", "y", 1, 3, 2, 7, 9, 8), self.candidate("c", "broken", 1),
             self.candidate("b", "broken", 1)],
            THROUGHPUT, rounds=3, seconds=0, keep=1, scouting_seconds=0, scouting_passes=2)
        self.assertEqual({p: (r["value"], r["batch"], r["rounds"]) for p, r in found.items()},
                         {"a": (11, 8, [10, 30, 11]), "b": (8, 1, [7, 9, 8])})
        self.assertEqual(failed, {"c": "no such library"})

    def test_of_several_that_are_kept_the_best_median_counts(self):
        found, _ = interleave.measure(
            [self.candidate("a", "x", 1, 5, 9, 9), self.candidate("a", "y", 1, 6, 7, 8), self.candidate("a", "z", 1, 7)],
            LATENCY, rounds=2, seconds=0, keep=2, scouting_seconds=0, scouting_passes=1)
        self.assertEqual((found["a"]["value"], found["a"]["setting"]), (7.5, "y"))

    def test_batches_that_are_too_large_are_left_out(self):
        self.assertEqual(networks.batches("deeplabv3_resnet50", [1, 2, 4]), [1, 2])
        self.assertEqual(networks.batches("resnet50", [1, 64]), [1, 64])
        self.assertEqual(networks.batches("deeplabv3_resnet50", [8]), [8])


if __name__ == "__main__":
    unittest.main()
