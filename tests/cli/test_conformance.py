"""`spinel conformance`: cases, allow-lists, exit statuses, and what happens to the others when one crashes."""

import shutil
import signal
import subprocess
import time
import unittest

from onnx import TensorProto, helper, numpy_helper
from support import BIN, ProgramTest, environment, info, json, np, os

FLOAT = TensorProto.FLOAT


class ConformanceTest(ProgramTest):
    def case(self, name, nodes, inputs, outputs, opset=17):
        """A case of the folder `suite`. `inputs` and `outputs` are [(ValueInfo, value)]."""
        folder = self.path("suite", name)
        data = os.path.join(folder, "test_data_set_0")
        os.makedirs(data)
        graph = helper.make_graph(nodes, name, [i for i, _ in inputs], [o for o, _ in outputs])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
        model.ir_version = 8
        with open(os.path.join(folder, "model.onnx"), "wb") as file:
            file.write(model.SerializeToString())
        for side, pairs in (("input", inputs), ("output", outputs)):
            for k, (declared, value) in enumerate(pairs):
                kind = declared.type.WhichOneof("value")
                make = {"tensor_type": numpy_helper.from_array, "sequence_type": numpy_helper.from_list,
                        "optional_type": numpy_helper.from_optional}[kind]
                with open(os.path.join(data, f"{side}_{k}.pb"), "wb") as file:
                    file.write(make(value).SerializeToString())
        return folder

    def relu(self, name="test_relu", expected=(0, 2), given=(-1, 2)):
        node = helper.make_node("Relu", ["x"], ["y"])
        return self.case(name, [node], [(info("x", FLOAT, [2]), np.array(given, np.float32))],
                         [(info("y", FLOAT, [2]), np.array(expected, np.float32))])

    def unknown(self, name="test_unknown"):
        node = helper.make_node("NoSuchOperator", ["x"], ["y"])
        return self.case(name, [node], [(info("x", FLOAT, [1]), np.ones(1, np.float32))],
                         [(info("y", FLOAT, [1]), np.ones(1, np.float32))])

    def report(self, *args, **options):
        done = self.spinel("conformance", *args, "--json", **options)
        return json.loads(done.stdout), done.stderr

    def statuses(self, *args, **options):
        return {case["name"]: case["status"] for case in self.report(*args, **options)[0]["cases"]}

    def allow(self, *lines):
        return self.write("allow.txt", "\n".join(lines).encode())

    def test_each_status_and_the_exit_status(self):
        self.relu()
        self.relu("test_wrong", expected=(0, 3))
        self.unknown()
        report, stderr = self.report(self.path("suite"), status=1)
        self.assertEqual(report["summary"], {"pass": 1, "fail": 1, "unsupported": 1})
        self.assertEqual(list(report), ["cases", "summary"])
        by_name = {case["name"]: case for case in report["cases"]}
        self.assertEqual(by_name["suite/test_relu"], {"name": "suite/test_relu", "status": "pass", "reason": ""})
        self.assertIn("element 1 is 2, expected 3", by_name["suite/test_wrong"]["reason"])
        self.assertIn("NoSuchOperator", by_name["suite/test_unknown"]["reason"])
        self.assertEqual(stderr, "")
        text = self.spinel("conformance", self.path("suite"), status=1).stdout
        self.assertIn("pass suite/test_relu\n", text)
        self.assertIn("3 cases: 1 pass, 1 fail, 1 unsupported", text)

    def test_one_case_and_folders_without_a_model(self):
        folder = self.relu()
        os.makedirs(self.path("suite", "test_empty"))
        self.assertEqual(self.statuses(folder), {"suite/test_relu": "pass"})
        done = self.spinel("conformance", self.path("suite"))
        self.assertIn("skipped suite/test_empty: no model.onnx\n", done.stdout)
        self.assertIn("skipped suite/test_empty: no model.onnx\n", self.report(self.path("suite"))[1])
        self.fails("spinel", "conformance", self.path("suite", "test_empty"), saying="no case is in")
        self.fails("spinel", "conformance", self.path("nowhere"), saying="nowhere")

    def test_data_that_is_missing_or_damaged_is_the_cases_failure(self):
        self.relu()
        shutil.rmtree(os.path.join(self.relu("test_bare"), "test_data_set_0"))
        os.remove(os.path.join(self.relu("test_short"), "test_data_set_0", "output_0.pb"))
        with open(os.path.join(self.relu("test_damaged"), "model.onnx"), "wb") as file:
            file.write(b"\xff\xff\xff")
        found = self.statuses(self.path("suite"), status=1)
        self.assertEqual(found, {"suite/test_bare": "fail", "suite/test_damaged": "fail", "suite/test_relu": "pass",
                                 "suite/test_short": "fail"})

    def test_allow_list(self):
        self.relu()
        self.relu("test_wrong", expected=(0, 3))
        self.unknown()
        good = ("# why", "", "fail suite/test_wrong for a reason", "unsupported suite/test_unk* for another one")
        self.spinel("conformance", self.path("suite"), "--allow", self.allow(*good))
        for lines, said in ((good[:3], "unexpected: suite/test_unknown: unsupported"),
                            ((*good, "fail suite/test_relu for a reason"), "suite/test_relu passes, but"),
                            ((*good, "fail suite/test_gone for a reason"), "names suite/test_gone, which no case is"),
                            (("unsupported suite/test_wrong for a reason", *good[3:]), "suite/test_wrong: fail, but")):
            done = self.spinel("conformance", self.path("suite"), "--allow", self.allow(*lines), status=1)
            self.assertIn(said, done.stderr)
        # Only a folder that is run as a whole can tell that a line names nothing.
        self.spinel("conformance", self.path("suite", "test_relu"), "--allow", self.allow(*good))
        self.fails("spinel", "conformance", self.path("suite"), "--allow", self.allow("fail suite/test_wrong"),
                   saying="allow.txt:1")

    def test_tolerance_of_the_case(self):
        folder = self.relu("test_loose", expected=(0, 2.1))
        self.assertEqual(self.statuses(folder, status=1), {"suite/test_loose": "fail"})
        with open(os.path.join(folder, "data.json"), "w") as file:
            json.dump({"rtol": 0.1}, file)
        self.assertEqual(self.statuses(folder), {"suite/test_loose": "pass"})

    def test_sequences_and_optionals(self):
        tensor = helper.make_tensor_type_proto(FLOAT, [2])
        sequence = helper.make_sequence_type_proto(tensor)
        a, b = np.array([1, 2], np.float32), np.array([3, 4], np.float32)
        self.case("test_sequence", [helper.make_node("SequenceInsert", ["s", "x"], ["t"])],
                  [(helper.make_value_info("s", sequence), [a]), (info("x", FLOAT, [2]), b)],
                  [(helper.make_value_info("t", sequence), [a, b])])
        optional = helper.make_value_info("o", helper.make_optional_type_proto(sequence))
        for name, value in (("test_filled", [a]), ("test_empty", None)):
            self.case(name, [helper.make_node("OptionalHasElement", ["o"], ["y"])], [(optional, value)],
                      [(info("y", TensorProto.BOOL, []), np.array(value is not None))])
        self.case("test_wrong", [helper.make_node("SequenceInsert", ["s", "x"], ["t"])],
                  [(helper.make_value_info("s", sequence), [a]), (info("x", FLOAT, [2]), b)],
                  [(helper.make_value_info("t", sequence), [a, a])])
        for spas in (1, 3):
            self.assertEqual(self.statuses(self.path("suite"), "--spas", spas, status=1),
                             {"suite/test_empty": "pass", "suite/test_filled": "pass", "suite/test_sequence": "pass",
                              "suite/test_wrong": "fail"})

    def test_dtype_float16(self):
        node = helper.make_node("Exp", ["x"], ["y"])
        x = np.linspace(-2, 2, 64, dtype=np.float32)
        for name, factor in (("test_near", 1), ("test_far", 1.05)):
            self.case(name, [node], [(info("x", FLOAT, [64]), x)],
                      [(info("y", FLOAT, [64]), (factor * np.exp(x)).astype(np.float32))])
        self.assertEqual(self.statuses(self.path("suite"), "--dtype", "float16", status=1),
                         {"suite/test_far": "fail", "suite/test_near": "pass"})

    def test_random_results_are_judged_by_their_distribution(self):
        n = 4000

        def made(name, op, wanted_dtype=FLOAT, dims=(n,), **attributes):
            node = helper.make_node(op, [], ["y"], shape=list(dims), **attributes)
            value = np.zeros(dims, helper.mapping.TENSOR_TYPE_TO_NP_TYPE[wanted_dtype])
            self.case(name, [node], [], [(info("y", wanted_dtype, list(dims)), value)])
        made("test_uniform", "RandomUniform", low=-3.0, high=5.0)
        made("test_normal", "RandomNormal", mean=2.0, scale=3.0)
        made("test_other_dtype", "RandomNormal", wanted_dtype=TensorProto.DOUBLE)
        p = np.linspace(0, 1, n, dtype=np.float32)
        self.case("test_bernoulli", [helper.make_node("Bernoulli", ["p"], ["y"])],
                  [(info("p", FLOAT, [n]), p)], [(info("y", FLOAT, [n]), p)])
        # Drawn with other probabilities than the node's function promises.
        self.case("test_computed", [helper.make_node("Mul", ["p", "p"], ["q"]),
                                    helper.make_node("Bernoulli", ["q"], ["y"])],
                  [(info("p", FLOAT, [n]), p)], [(info("y", FLOAT, [n]), p)])
        report, _ = self.report(self.path("suite"), status=1)
        found = {case["name"][6:]: (case["status"], case["reason"]) for case in report["cases"]}
        for name in ("test_uniform", "test_normal", "test_bernoulli"):
            self.assertEqual(found[name], ("pass", "distribution"))
        self.assertIn("float64", found["test_other_dtype"][1])
        self.assertEqual(found["test_computed"][0], "unsupported")

    def test_a_crash_is_one_cases_failure(self):
        self.relu("test_a")
        self.relu("test_b")
        self.loop("test_loop")
        process = self.start()
        child = self.wait_for_child(process)
        os.kill(child, signal.SIGSEGV)
        out, _ = process.communicate(timeout=60)
        found = {case["name"]: case for case in json.loads(out)["cases"]}
        self.assertEqual(process.returncode, 1)
        self.assertEqual([found[f"suite/test_{c}"]["status"] for c in "ab"], ["pass", "pass"])
        self.assertIn("signal 11", found["suite/test_loop"]["reason"])

    def test_ctrl_c_prints_what_was_found(self):
        self.relu("test_a")
        self.loop("test_loop")
        process = self.start()
        self.wait_for_child(process)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
        report = json.loads(out)
        self.assertTrue(report["interrupted"])
        self.assertEqual([case["name"] for case in report["cases"]], ["suite/test_a"])
        self.assertEqual(process.returncode, 1)

    def start(self):
        return subprocess.Popen([os.path.join(BIN, "spinel"), "conformance", self.path("suite"), "--json"],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())

    def loop(self, name):
        """A case that runs for hours."""
        body = helper.make_graph([helper.make_node("Identity", ["c"], ["d"]), helper.make_node("Cos", ["v"], ["w"])],
                                 "body", [info("i", TensorProto.INT64, []), info("c", TensorProto.BOOL, []),
                                          info("v", FLOAT, [65536])],
                                 [info("d", TensorProto.BOOL, []), info("w", FLOAT, [65536])])
        node = helper.make_node("Loop", ["n", "", "x"], ["y"], body=body)
        x = np.ones(65536, np.float32)
        return self.case(name, [node], [(info("n", TensorProto.INT64, []), np.array(10 ** 9, np.int64)),
                                        (info("x", FLOAT, [65536]), x)], [(info("y", FLOAT, [65536]), x)])

    def wait_for_child(self, process):
        """The process that runs the cases, once it works on the last one."""
        tasks = f"/proc/{process.pid}/task/{process.pid}/children"
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with open(tasks) as file:
                children = file.read().split()
            # Cases before it take milliseconds.
            if children and self.busy_seconds(children[0]) > 0.5:
                return int(children[0])
            time.sleep(0.05)
        self.fail("no process runs the cases")

    @staticmethod
    def busy_seconds(process):
        with open(f"/proc/{process}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    unittest.main()
