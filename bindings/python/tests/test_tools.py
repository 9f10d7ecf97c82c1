"""Simplifying and converting ONNX files."""
import pathlib
import tempfile
import unittest

import numpy as np
import spinel
from support import ROOT, model


class Tools(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.out = pathlib.Path(folder.name) / 'out.onnx'

    def test_simplify(self) -> None:
        report = spinel.simplify_model(model('tools'), self.out, input_shapes={'x': [4, 2]})
        self.assertEqual((report.operators_before['Identity'], 'Identity' in report.operators_after), (1, False))
        self.assertEqual((report.files, report.check_runs, report.check_skipped), ([str(self.out)], 3, ''))
        self.assertGreater(sum(report.changes.values()), 0)
        self.assertLess(report.max_difference, 1e-5)
        engine = spinel.InferEngine(self.out)
        self.assertEqual(engine.inputs[0].shape, (4, 2))
        x = np.float32([[1, -1]] * 4)
        np.testing.assert_array_equal(engine(x), spinel.InferEngine(model('tools'))(x))
        unchecked = spinel.simplify_model(model('tools'), self.out, skip_steps=spinel.simplify_steps(), check={'runs': 0})
        self.assertEqual((unchecked.check_runs, unchecked.operators_after), (0, report.operators_before))

    def test_convert(self) -> None:
        report = spinel.convert_model(model('tools'), self.out, keep_inputs=['x'], external_data=True, check={'tolerance': 2})
        self.assertEqual(spinel.InferEngine(self.out).inputs[0].dtype, 'float32')
        self.assertEqual([(each.name, each.clamped, each.flushed) for each in report.clamped], [('large', 1, 1)])
        self.assertEqual((report.converted_tensors, report.check_runs), (3, 1))
        self.assertIn('Range', spinel.float16_keep_list())

    def test_custom_operators(self) -> None:
        sums = spinel.CustomOp('custom', 'Add', lambda a, b, alpha=1.0: (a + np.float32(alpha) * b, a - np.float32(alpha) * b),
                               inputs=2, outputs=2, attributes={'alpha': float})
        add = ROOT / 'samples/custom_op/add.onnx'
        for tool in (spinel.simplify_model, spinel.convert_model):
            report = tool(add, self.out, custom_ops=[sums])
            self.assertGreater(report.check_runs, 0)
            self.assertIn('custom::Add', report.operators_after)
            spinel.InferEngine(self.out, custom_ops=[sums])

    def test_misuse(self) -> None:
        for options, error in (({'check': {'times': 1}}, spinel.InvalidArgumentError), ({'skip_steps': ['no such']}, spinel.NotFoundError),
                               ({'input_shapes': {'none': [1]}}, spinel.NotFoundError), ({'limits': {'max_nodes': 1}}, spinel.LimitError)):
            with self.subTest(options=options), self.assertRaises(error):
                spinel.simplify_model(model('tools'), self.out, **options)  # type: ignore[arg-type]
        with self.assertRaises(spinel.NotFoundError):
            spinel.convert_model('/none.onnx', self.out)
        self.assertFalse(self.out.exists())
