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
        alpha = (total - np.maximum(x, 0)).ravel()[0] / y.ravel()[0]
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


class Loading(unittest.TestCase):
    def test_cancel_and_progress(self) -> None:
        stages: 'list[str]' = []
        spinel.InferEngine(model('slow'), progress=lambda stage, fraction: stages.append(stage))
        self.assertGreater(len(set(stages)), 1)
        token = spinel.CancelToken()
        token.cancel()
        with self.assertRaises(spinel.CancelledError):
            spinel.InferEngine(model('slow'), cancel=token)
