"""What every binding must do: bindings/vectors.json."""
import json
import unittest
from collections.abc import Callable
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


def arrays(tensors: Any) -> Any:
    return {name: array(tensor) for name, tensor in tensors.items()}


def load(case: Any) -> spinel.InferEngine:
    options = dict(case.get('options', {}))
    if 'input_names' in options:
        options['input_name'] = options.pop('input_names')
    return spinel.InferEngine(path(case['model']), **options)


def dataset(case: Any) -> spinel.Dataset:
    if 'root' in case:
        return spinel.ImageFolder(ROOT / case['root'])
    if 'folder' in case:
        return spinel.image_files(ROOT / case['folder'])
    return spinel.Dataset([ROOT / file for file in case['files']], case['labels'])


class Vectors(unittest.TestCase):
    def each(self, kind: str, check: Callable[[Any], None]) -> None:
        """Checks each case of a kind; one that names an error must end with it."""
        self.assertTrue(VECTORS[kind])
        for case in VECTORS[kind]:
            with self.subTest(case['name']):
                if 'error' not in case:
                    check(case)
                    continue
                with self.assertRaises(spinel.SpinelError) as caught:
                    check(case)
                error = caught.exception
                self.assertEqual(error.code, case['error'])
                self.assertIn(case.get('contains', ''), str(error))
                self.assertEqual(error.node, case.get('node', error.node))

    def same(self, found: Any, wanted: Any) -> None:
        """Arrays by name."""
        self.assertEqual(set(found), set(wanted))
        for name, tensor in wanted.items():
            expected = array(tensor)
            self.assertEqual((found[name].dtype, found[name].shape), (expected.dtype, expected.shape))
            if expected.dtype.kind == 'f':
                np.testing.assert_allclose(found[name], expected, 1e-3 if expected.dtype == np.float16 else 1e-5)
            else:
                np.testing.assert_array_equal(found[name], expected)

    def close(self, found: object, case: Any, *names: str) -> None:
        for name in names:
            self.assertAlmostEqual(getattr(found, name), case[name], delta=1e-5 * abs(case[name]), msg=name)

    def test_there_are_no_kinds_of_cases_that_this_does_not_check(self) -> None:
        kinds = {name.removeprefix('test_') for name in dir(self)}
        self.assertEqual(set(VECTORS) - {'about'}, set(VECTORS) & kinds)

    def test_runs(self) -> None:
        def check(case: Any) -> None:
            engine = load(case)
            inputs = arrays(case['inputs'])
            for results in (engine.run(inputs), engine.run_async(inputs).result(60)):
                results = [results] if len(engine.outputs) == 1 and not isinstance(results, list) else results
                self.same({port.name: result for port, result in zip(engine.outputs, results)}, case['outputs'])
        self.each('runs', check)

    def test_loads(self) -> None:
        def check(case: Any) -> None:
            load(case)
        self.each('loads', check)

    def test_images(self) -> None:
        def check(case: Any) -> None:
            engine = load(case)
            preprocess = spinel.Preprocessor(case['preset']).for_engine(engine)
            indices, scores = spinel.top_k(engine(preprocess(ROOT / case['image'])))
            self.assertEqual(indices[0, 0], case['index'])
            self.assertGreater(scores[0, 0], case['least'])
            self.assertEqual(spinel.load_labels(ROOT / case['labels'])[indices[0, 0]], case['label'])
        self.each('images', check)

    def test_datasets(self) -> None:
        def check(case: Any) -> None:
            found = dataset(case)
            self.assertEqual((len(found), found.classes, found.notes), (case['size'], case['classes'], []))
            for sample in case['samples']:
                self.assertEqual(found[sample['index']], (str(ROOT / sample['path']), sample['label']))
        self.each('datasets', check)

    def test_loaders(self) -> None:
        def check(case: Any) -> None:
            loader = spinel.DataLoader(dataset(case), **case['options'])
            self.assertEqual(len(loader), case['batch_count'])
            for _ in range(2):  # Again from the start.
                batches = list(loader)
                self.assertEqual(len(batches), len(case['batches']))
                for batch, wanted in zip(batches, case['batches']):
                    self.assertEqual((batch.labels.tolist(), batch.indices.tolist()), (wanted['labels'], wanted['indices']))
                    self.assertEqual(batch.tensor.shape, (len(batch), 3, 224, 224))
                    self.assertEqual([(each.index, each.path, each.code) for each in batch.rejected], [
                        (each['index'], str(ROOT / each['path']), each['code']) for each in wanted['rejected']])
                self.assertEqual(vars(loader.ledger), case['ledger'])
                self.assertEqual(loader.sample_count, case['ledger']['attempted'])
        self.each('loaders', check)

    def test_accuracies(self) -> None:
        def check(case: Any) -> None:
            total = spinel.Accuracy(case['k'])
            for batch in case['batches']:
                part = spinel.Accuracy(case['k'])
                part.add(array(batch['scores']), batch['labels'])
                total.merge(part)
            self.close(total, case, 'count', 'top1', 'topk')
        self.each('accuracies', check)

    def test_differences(self) -> None:
        def check(case: Any) -> None:
            found = spinel.difference(array(case['actual']), array(case['expected']), case.get('threshold', -1))
            self.close(found, case, 'count', 'diff2', 'diff3_max', 'diff3_mean', 'abs_max')
        self.each('differences', check)

    def test_inspections(self) -> None:
        def check(case: Any) -> None:
            engine = load(case)
            found = {}

            def see(value: spinel.LayerValue, tensor: Any) -> None:
                found[value.name] = tensor
            results = engine.inspect(arrays(case['inputs']), see, case['values'])
            self.same(found, case['found'])
            self.same({port.name: result for port, result in zip(engine.outputs, results)}, case['outputs'])
            self.assertLessEqual(set(case['values']), {value.name for value in engine.layer_values()})
        self.each('inspections', check)
