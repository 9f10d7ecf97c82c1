"""`spinel operators`: the page docs/operators.md is what it prints, and every operator has a sample that runs."""

import unittest

from support import SOURCE, ProgramTest, json, os


class OperatorsTest(ProgramTest):
    def test_the_page_is_what_the_program_prints(self):
        with open(os.path.join(SOURCE, "docs", "operators.md")) as file:
            page = file.read()
        printed = self.spinel("operators", "--markdown").stdout
        self.assertEqual(page, printed, "docs/operators.md is old: build/bin/spinel operators --markdown > docs/operators.md")

    def test_every_operator_takes_something(self):
        listed = json.loads(self.spinel("operators", "--json").stdout)["operators"]
        self.assertGreater(len(listed), 200)
        for op in listed:
            self.assertGreaterEqual(op["newest_opset"], op["oldest_opset"], op)
            if op["element_types"] != "body":
                self.assertTrue(op["element_types"] and all(op["element_types"].values()), op)
        by_name = {(op["domain"], op["name"]): op for op in listed}
        self.assertIn("float32", by_name["ai.onnx", "Conv"]["element_types"]["T"])
        self.assertTrue(by_name["ai.onnx", "Conv"]["kernels"])
        self.assertEqual(by_name["ai.onnx", "Not"]["element_types"], {"T": ["bool"]})
        self.assertEqual(by_name["ai.onnx", "Not"]["kernels"], [])

    def test_why(self):
        self.assertIn("int32: node", self.spinel("operators", "--why", "Sin").stdout)
        self.fails("spinel", "operators", "--why", "Nothing", saying="no operator Nothing")


if __name__ == "__main__":
    unittest.main()
