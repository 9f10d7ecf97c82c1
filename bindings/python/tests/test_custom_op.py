"""Custom operators in Python, and from a library; cancelling and following a load."""
import os
import pathlib
import unittest

import numpy as np
import spinel
from support import ROOT, model

ADD = str(ROOT / 'samples/custom_op/add.onnx')


def add(a, b, *, alpha=1.0):  # type: ignore[no-untyped-def]
    return a + np.float32(alpha) * b, a - np.float32(alpha) * b


def make(compute=add, **options):  # type: ignore[no-untyped-def]
    options = {'inputs': 2, 'outputs': 2, 'attributes': {'alpha': float}, **options}
    return spinel.CustomOp('custom', 'Add', compute, **options)


class CustomOps(unittest.TestCase):
    def check(self, engine: spinel.InferEngine) -> None:
        shape = [dim or 2 for dim in engine.inputs[0].shape or ()]
        rng = np.random.default_rng(0)
        x, y = (rng.standard_normal(shape, np.float32) for _ in range(2))
        total, difference = engine(x, y)
        alpha = 0.5  # In the model; the operator's own default is 1.
        np.testing.assert_allclose(total, np.maximum(x, 0) + np.float32(alpha) * y, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(difference, np.abs(np.maximum(x, 0) - np.float32(alpha) * y), rtol=1e-4, atol=1e-5)

    def test_in_python(self) -> None:
        self.check(spinel.InferEngine(ADD, custom_ops=[make()]))
        self.check(spinel.InferEngine(ADD, custom_ops=[
            make(shapes=lambda a, b, alpha=1.0: (a, b), rows_independent=True)], spas=2))

    def test_from_a_library(self) -> None:
        library = pathlib.Path(os.environ['SPINEL_BINARY_DIR']) / 'lib/libcustom_add.so'
        self.check(spinel.InferEngine(ADD, custom_ops=[library]))
        with self.assertRaises(spinel.NotFoundError):
            spinel.InferEngine(ADD, custom_ops=['/none/such.so'])

    def test_failures_name_the_operator(self) -> None:
        with self.assertRaisesRegex(spinel.UnsupportedError, 'custom::Add'):
            spinel.InferEngine(ADD)

        def broken(a, b, alpha=1.0):  # type: ignore[no-untyped-def]
            raise ValueError('no such sum')
        for compute, saying in ((broken, 'no such sum'), (lambda a, b, alpha=1.0: a, 'gave 1 outputs'),
                                (lambda a, b, alpha=1.0: (a, a.astype(np.float64)), 'float64')):
            engine = spinel.InferEngine(ADD, custom_ops=[make(compute)])
            shape = [dim or 2 for dim in engine.inputs[0].shape or ()]
            with self.assertRaisesRegex(spinel.SpinelError, saying) as caught:
                engine(np.ones(shape, np.float32), np.ones(shape, np.float32))
            self.assertIn('Add', str(caught.exception))


    def test_attributes_and_inputs_of_every_kind(self) -> None:
        seen = []

        def probe(x, gap, s, **attributes):  # type: ignore[no-untyped-def]
            seen.append((x.copy(), gap, s, attributes))
            return x, None, s
        op = spinel.CustomOp('custom', 'Probe', probe, since_version=2, float16=True, indeterminate=True, required=['f'],
                             inputs=[spinel.OpInput('x', dtypes=['float32', np.float16]),
                                     spinel.OpInput('gap', optional=True, whole=True), 's'],
                             outputs=['y', spinel.OpOutput('gap', optional=True), spinel.OpOutput('t', same_as=2)],
                             attributes={'f': float, 'i': int, 'text': str, 'fs': 'floats', 'ints': 'ints', 'texts': 'strings',
                                         'tensor': 'tensor', 'none': int})
        engine = spinel.InferEngine(model('custom'), custom_ops=[op])
        texts = np.array(['a', 'b\0c'], dtype=object)
        for _ in range(2):
            y, t = engine(np.float32([[3, 4]]), texts)
            self.assertEqual((y.tolist(), t.tolist()), ([[3, 4]], ['a', 'b\0c']))
        x, gap, s, attributes = seen[1]
        self.assertEqual((x.tolist(), gap, s.tolist()), ([[3, 4]], None, texts.tolist()))
        self.assertEqual(attributes.pop('tensor').tolist(), [[8, 9]])
        self.assertEqual(attributes, {'f': 1.5, 'i': 7, 'text': 'some text', 'fs': [1, 2], 'ints': [3, 4, 5], 'texts': ['a', 'bc']})
        self.assertEqual(len(op._nodes), 1)
        engine.release()
        self.assertEqual(len(op._nodes), 0)

    def test_misuse(self) -> None:
        for options, saying in (({'attributes': {'a': 'double'}}, "'double'"), ({'required': ['a']}, r"\['a'\]"),
                                ({'dtypes': ['float32'], 'outputs': 2}, '1 dtypes'), ({'dtypes': ['float99']}, 'float99')):
            with self.subTest(options=options), self.assertRaisesRegex(spinel.InvalidArgumentError, saying):
                spinel.CustomOp('custom', 'Add', add, **options)  # type: ignore[arg-type]

    def test_an_error_keeps_its_code(self) -> None:
        def broken(a, b, alpha):  # type: ignore[no-untyped-def]
            raise spinel.DataError('no data')
        engine = spinel.InferEngine(ADD, custom_ops=[make(broken)])
        with self.assertRaisesRegex(spinel.DataError, 'no data'):
            engine(np.ones((2, 3), np.float32), np.ones((2, 3), np.float32))

    def test_an_engine_dropped_in_a_callback(self) -> None:
        x = np.ones((2, 3), np.float32)
        for _ in range(20):
            holder = [spinel.InferEngine(ADD, custom_ops=[make()])]
            future = holder[0].run_async([x, x])
            future.add_done_callback(lambda _: holder.clear())
            future.result(30)
            gone = holder.copy()
            del gone, future


class Loading(unittest.TestCase):
    def test_cancel_and_progress(self) -> None:
        stages: 'list[str]' = []
        spinel.InferEngine(model('slow'), progress=lambda stage, fraction: stages.append(stage))
        self.assertGreater(len(set(stages)), 1)
        token = spinel.CancelToken()
        token.cancel()
        with self.assertRaises(spinel.CancelledError):
            spinel.InferEngine(model('slow'), cancel=token)
