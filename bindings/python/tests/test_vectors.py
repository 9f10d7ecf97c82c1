"""What every binding must do: bindings/vectors.json."""
import json
import unittest
from typing import Any

import numpy as np
import spinel
from support import ROOT, model

VECTORS = json.loads((ROOT / 'bindings/vectors.json').read_text())


def path(name: str) -> str:
    return str(ROOT / name) if '/' in name else model(name)


def array(tensor: Any) -> Any:
    kind = object if tensor['dtype'] == 'string' else tensor['dtype']
    return np.array(tensor['data'], dtype=kind).reshape(tensor['shape'])


def load(case: Any) -> spinel.InferEngine:
    options = dict(case.get('options', {}))
    if 'input_names' in options:
        options['input_name'] = options.pop('input_names')
    return spinel.InferEngine(path(case['model']), **options)


class Vectors(unittest.TestCase):
    def check_error(self, case: Any, error: spinel.SpinelError) -> None:
        self.assertEqual(error.code, case['error'])
        self.assertIn(case.get('contains', ''), str(error))
        self.assertEqual(error.node, case.get('node', error.node))

    def test_runs(self) -> None:
        for case in VECTORS['runs']:
            with self.subTest(case['name']):
                engine = load(case)
                inputs = {name: array(tensor) for name, tensor in case['inputs'].items()}
                if 'error' in case:
                    with self.assertRaises(spinel.SpinelError) as caught:
                        engine.run(inputs)
                    self.check_error(case, caught.exception)
                    continue
                for results in (engine.run(inputs), engine.run_async(inputs).result(60)):
                    results = [results] if len(engine.outputs) == 1 and not isinstance(results, list) else results
                    found = {port.name: result for port, result in zip(engine.outputs, results)}
                    self.assertEqual(set(found), set(case['outputs']))
                    for name, tensor in case['outputs'].items():
                        wanted = array(tensor)
                        self.assertEqual((found[name].dtype, found[name].shape), (wanted.dtype, wanted.shape))
                        if wanted.dtype.kind == 'f':
                            np.testing.assert_allclose(found[name], wanted, 1e-3 if wanted.dtype == np.float16 else 1e-5)
                        else:
                            np.testing.assert_array_equal(found[name], wanted)

    def test_loads(self) -> None:
        for case in VECTORS['loads']:
            with self.subTest(case['name']), self.assertRaises(spinel.SpinelError) as caught:
                load(case)
            self.check_error(case, caught.exception)

    def test_images(self) -> None:
        for case in VECTORS['images']:
            with self.subTest(case['name']):
                engine = load(case)
                preprocess = spinel.Preprocessor(case['preset']).for_engine(engine)
                if 'error' in case:
                    with self.assertRaises(spinel.SpinelError) as caught:
                        preprocess(ROOT / case['image'])
                    self.check_error(case, caught.exception)
                    continue
                indices, scores = spinel.top_k(engine(preprocess(ROOT / case['image'])))
                self.assertEqual(indices[0, 0], case['index'])
                self.assertGreater(scores[0, 0], case['least'])
                self.assertEqual(spinel.load_labels(ROOT / case['labels'])[indices[0, 0]], case['label'])
