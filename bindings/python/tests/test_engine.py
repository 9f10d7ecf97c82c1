"""InferEngine: calls, names, dtypes, outputs, background runs, cancelling, options, errors."""
import asyncio
import gc
import pathlib
import threading
import unittest

import numpy as np
import spinel
from support import FASHION, RESNET, model


def ones(*shape: int) -> 'np.ndarray[tuple[int, ...], np.dtype[np.float32]]':
    return np.ones(shape, np.float32)


class Calls(unittest.TestCase):
    def setUp(self) -> None:
        self.two = spinel.InferEngine(model('two'))

    def test_inputs_by_place_list_and_name(self) -> None:
        x = np.arange(6, dtype=np.float32).reshape(2, 3)
        y = 2 * ones(2, 3)
        for total, product in (self.two(x, y), self.two([x, y]), self.two({'y': y, 'x': x}), self.two.run((x, y))):
            np.testing.assert_array_equal(total, x + y)
            np.testing.assert_array_equal(product, x * y)

    def test_describes_itself(self) -> None:
        self.assertEqual([port.name for port in self.two.inputs], ['x', 'y'])
        self.assertEqual(self.two.outputs[1].shape, (None, 3))
        self.assertEqual(self.two.inputs[0].dim_names, ('batch', ''))
        self.assertEqual(self.two.inputs[0].dtype, 'float32')
        self.assertEqual(self.two.inputs[0].batch_axis, 0)
        self.assertTrue(self.two.splittable)
        self.assertIn('x: float32', repr(self.two))

    def test_one_output_is_an_array(self) -> None:
        engine = spinel.InferEngine(model('image'))
        scores = engine(ones(2, 3, 8, 8))
        self.assertEqual(scores.shape, (2, 3))

    def test_not_contiguous_is_copied_and_a_wrong_dtype_refused(self) -> None:
        x = np.arange(6, dtype=np.float32).reshape(3, 2).T
        np.testing.assert_array_equal(self.two(x, x)[0], 2 * x)
        with self.assertRaisesRegex(spinel.InvalidArgumentError, "'y' takes float32.*float64"):
            self.two(ones(2, 3), np.ones((2, 3)))
        with self.assertRaises(ValueError):
            self.two(ones(2, 3))
        with self.assertRaisesRegex(ValueError, 'z'):
            self.two({'x': ones(2, 3), 'z': ones(2, 3)})

    def test_the_callers_outputs(self) -> None:
        total, product = np.zeros((2, 3), np.float32), np.zeros((2, 3), np.float32)
        results = self.two.run([ones(2, 3), ones(2, 3)], [total, product])
        self.assertIs(results[0], total)
        np.testing.assert_array_equal(total, 2 * ones(2, 3))
        for bad in (np.zeros((2, 2), np.float32), np.zeros((2, 3)), np.zeros((3, 2), np.float32).T):
            with self.assertRaisesRegex(ValueError, "output 'sum' needs"):
                self.two.run([ones(2, 3), ones(2, 3)], [bad, product])

    def test_sizes_that_only_running_tells(self) -> None:
        engine = spinel.InferEngine(model('reshape'))
        out = engine(ones(6), np.array([2, 3]))
        self.assertEqual(out.shape, (2, 3))
        np.testing.assert_allclose(out, ones(2, 3), rtol=1e-6)
        view = out[1]
        del out
        gc.collect()
        np.testing.assert_allclose(view, ones(3), rtol=1e-6)

    def test_strings(self) -> None:
        engine = spinel.InferEngine(model('strings'))
        texts = np.array(['a', 'b\u00e9\0c', ''], object)
        self.assertEqual(engine(texts).tolist(), texts.tolist())

    def test_from_memory(self) -> None:
        with open(model('two'), 'rb') as file:
            engine = spinel.InferEngine(file.read())
        np.testing.assert_array_equal(engine(ones(1, 3), ones(1, 3))[0], 2 * ones(1, 3))

    def test_external_data_of_a_model_from_memory(self) -> None:
        with open(model('external'), 'rb') as file:
            content = file.read()
        spinel.InferEngine(content, folder=pathlib.Path(model('external')).parent)
        with self.assertRaises(spinel.SpinelError):
            spinel.InferEngine(content)

    def test_scalars_and_empty(self) -> None:
        engine = spinel.InferEngine(model('pass'))
        copy, constant, _ = engine(np.zeros(0, np.float32))
        self.assertEqual(copy.shape, (0,))
        self.assertEqual(constant.tolist(), [7, 8])


class Background(unittest.TestCase):
    def test_future_and_await(self) -> None:
        engine = spinel.InferEngine(model('two'))
        futures = [engine.run_async([i * ones(2, 3), ones(2, 3)]) for i in range(16)]
        for i, future in enumerate(futures):
            np.testing.assert_array_equal(future.result(timeout=60)[0], (i + 1) * ones(2, 3))

        async def many() -> list[object]:
            return await asyncio.gather(*(_wait(engine, i) for i in range(8)))

        async def _wait(engine: spinel.InferEngine, i: int) -> object:
            return float((await engine.run_async([i * ones(1, 3), ones(1, 3)]))[0][0, 0])
        self.assertEqual(asyncio.run(many()), [float(i + 1) for i in range(8)])

    def test_errors_come_with_the_future(self) -> None:
        engine = spinel.InferEngine(model('reshape'))
        future = engine.run_async([ones(6), np.array([4, 4])])
        with self.assertRaises(spinel.SpinelError) as caught:
            future.result(timeout=60)
        self.assertEqual(caught.exception.node, 'the_reshape')

    def test_cancel(self) -> None:
        engine = spinel.InferEngine(model('slow'))
        slow = ones(4096, 384)
        future = engine.run_async(slow)
        future.cancel()
        with self.assertRaises(spinel.CancelledError):
            future.result(timeout=60)
        token = spinel.CancelToken()
        threading.Timer(0.05, token.cancel).start()
        with self.assertRaises(spinel.CancelledError):
            engine.run(ones(65536, 384), cancel=token)
        self.assertEqual(engine(ones(2, 384)).shape, (2, 384))

    def test_an_engine_that_is_dropped_while_it_runs(self) -> None:
        future = spinel.InferEngine(model('slow')).run_async(ones(8, 384))
        gc.collect()
        self.assertEqual(future.result(timeout=60).shape, (8, 384))

    def test_release(self) -> None:
        with spinel.InferEngine(model('slow')) as engine:
            future = engine.run_async(ones(64, 384))
        with self.assertRaises(spinel.ReleasedError):
            engine(ones(1, 384))
        self.assertEqual(future.result(timeout=60).shape, (64, 384))

    def test_the_gil_is_released(self) -> None:
        engine = spinel.InferEngine(model('slow'), spas=1)
        steps = 0
        thread = threading.Thread(target=engine, args=(ones(2048, 384),))
        thread.start()
        while thread.is_alive():
            steps += 1
        thread.join()
        self.assertGreater(steps, 1000)


class Options(unittest.TestCase):
    def test_dtype_and_input_name(self) -> None:
        engine = spinel.InferEngine(str(FASHION), ['input'], 'cpu', 4, [[1, 3, 32, 32]], 'float16')
        self.assertEqual(engine.inputs[0].dtype, 'float16')
        self.assertEqual(engine.inputs[0].numpy_dtype, np.float16)
        self.assertEqual(engine(np.zeros((2, 3, 32, 32), np.float16)).dtype, np.float16)
        kept = spinel.InferEngine(str(FASHION), dtype='float16', keep_io_types=True)
        self.assertEqual(kept.inputs[0].dtype, 'float32')

    def test_results_do_not_depend_on_the_spas(self) -> None:
        x = np.random.default_rng(1).standard_normal((7, 3, 32, 32), np.float32)
        results = {spinel.InferEngine(str(FASHION), spas=spas)(x).tobytes() for spas in (1, 2, 3)}
        self.assertEqual(len(results), 1)

    def test_padding(self) -> None:
        engine = spinel.InferEngine(str(FASHION), input_size=[[1, 3, 32, 32]], pad_value={'input': 0.5})
        small = np.full((1, 3, 30, 30), 0.5, np.float32)
        np.testing.assert_array_equal(engine(small), engine(np.full((1, 3, 32, 32), 0.5, np.float32)))

    def test_engine_file(self) -> None:
        import tempfile
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / 'two.spinel'
            spinel.InferEngine(model('two'), save_engine=path)
            engine = spinel.InferEngine(load_engine=path)
            np.testing.assert_array_equal(engine(ones(1, 3), ones(1, 3))[0], 2 * ones(1, 3))

    def test_pass_configuration(self) -> None:
        engine = spinel.InferEngine(model('two'), pass_json={'passes': {'fuse_elementwise': False}})
        enabled = {report.name: report.enabled for report in engine.pass_report()}
        self.assertFalse(enabled['fuse_elementwise'])
        self.assertTrue(enabled['select_kernels'])
        with self.assertRaisesRegex(NotImplementedError, 'skip_ops'):
            spinel.InferEngine(model('two'), pass_path='default_pass.py')

    def test_the_hosts_loop(self) -> None:
        counts = []

        def loop(count: int, task: object) -> None:
            counts.append(count)
            for i in reversed(range(count)):
                task(i)  # type: ignore[operator]
        engine = spinel.InferEngine(str(FASHION), spas=2, parallel_for=loop)
        x = np.zeros((4, 3, 32, 32), np.float32)
        np.testing.assert_array_equal(engine(x), spinel.InferEngine(str(FASHION))(x))
        self.assertTrue(counts)

        def broken(count: int, task: object) -> None:
            raise RuntimeError('broken')
        with self.assertLogs('spinel', 'ERROR'):
            result = spinel.InferEngine(str(FASHION), spas=2, parallel_for=broken)(x)
        np.testing.assert_array_equal(result, engine(x))

    def test_reports(self) -> None:
        engine = spinel.InferEngine(str(FASHION))
        report = engine.memory_report([(4, 3, 32, 32)])
        self.assertGreater(report.weight_bytes, 100000)
        self.assertGreaterEqual(report.total_bytes, report.weight_bytes + report.arena_bytes_per_spa)
        layers = engine.profile(np.zeros((1, 3, 32, 32), np.float32))
        self.assertGreater(sum(layer.flops for layer in layers), 1e6)
        self.assertTrue(any(layer.sources for layer in layers))
        engine(np.zeros((1, 3, 32, 32), np.float32))
        self.assertGreater(engine.run_time, 0)
        self.assertIn('NhwcConv', engine.graph_text())

    def test_kinds(self) -> None:
        engine = spinel.InferEngine(model('sequence'))
        self.assertEqual([port.kind for port in engine.inputs + engine.outputs], ['sequence', 'tensor', 'tensor'])

    def test_sequences_and_optionals(self) -> None:
        engine = spinel.InferEngine(model('values'))
        kinds = [(port.kind, port.element and port.element.dtype) for port in engine.inputs]
        self.assertEqual(kinds, [('sequence', 'float32'), ('tensor', None), ('optional', 'float32')])
        rows = [np.float32([1, 2]), np.float32([3])]
        same, longer, maybe, has = engine.run([rows, np.float32([4]), np.float32([5, 6])])
        del rows
        gc.collect()
        self.assertEqual([each.tolist() for each in same], [[1, 2], [3]])
        self.assertEqual([each.tolist() for each in longer], [[1, 2], [3], [4]])
        self.assertEqual((maybe.tolist(), bool(has), maybe.flags.writeable), ([5, 6], True, False))
        same, longer, maybe, has = engine({'sequence': [], 'x': np.float32([4]), 'optional': None})
        self.assertEqual((same, len(longer), maybe, bool(has)), ([], 1, None, False))
        with self.assertRaises(spinel.InvalidArgumentError):
            engine.run([np.float32([1]), np.float32([4]), None])
        token = spinel.CancelToken()
        token.cancel()
        with self.assertRaises(spinel.CancelledError):
            engine.run([[], np.float32([4]), None], cancel=token)
        with self.assertRaises(spinel.UnsupportedError):
            engine.run_async([[], np.float32([4]), None])

    def test_values_between_the_layers(self) -> None:
        engine = spinel.InferEngine(model('reshape'))
        inputs = [np.float32([0, 1]), np.int64([2, 1])]
        power, = (value for value in engine.layer_values([[2], [2]]) if value.name == 'power')
        self.assertEqual((power.dtype, power.shape, power.inputs), ('float32', (None, None), ['reshaped']))
        seen = []
        engine.inspect(inputs, lambda value, array: seen.append(value.name))
        self.assertEqual(seen, [value.name for value in engine.layer_values()])

        outputs = engine.inspect(inputs, lambda value, array: np.e ** 2 * np.ones((2, 1)), ['power'])
        np.testing.assert_allclose(outputs[0], [[2], [2]], 1e-6)
        with self.assertRaisesRegex(spinel.InvalidArgumentError, 'replacement of value'):
            engine.inspect(inputs, lambda value, array: np.ones(3), ['power'])
        with self.assertRaisesRegex(spinel.InvalidArgumentError, 'view'):
            engine.inspect(inputs, lambda value, array: array, ['reshaped'])

        def fail(value: spinel.LayerValue, array: object) -> None:
            raise KeyError(value.name)
        with self.assertRaisesRegex(KeyError, 'power'):
            engine.inspect(inputs, fail, ['power'])
        token = spinel.CancelToken()
        self.assertFalse(token.cancelled)
        token.cancel()
        self.assertTrue(token.cancelled)
        with self.assertRaises(spinel.CancelledError):
            engine.inspect(inputs, fail, ['power'], token)

    def test_wrong_options(self) -> None:
        for options, saying in (({'dtype': 'int7'}, 'int7'), ({'target': 'sdaa'}, 'cpu'), ({'split': 'x'}, 'proven'),
                                ({'verify': 'x'}, 'full'), ({'limits': {'max_x': 1}}, 'max_model_bytes'),
                                ({'isa': 'mmx'}, 'avx2'), ({'input_name': ['a']}, 'a')):
            with self.subTest(options=options), self.assertRaisesRegex(spinel.SpinelError, saying):
                spinel.InferEngine(model('two'), **options)  # type: ignore[arg-type]
        with self.assertRaises(spinel.NotFoundError):
            spinel.InferEngine('/none/such.onnx')
        with self.assertRaises(spinel.ModelError):
            spinel.InferEngine(b'not a model at all')
        with self.assertRaisesRegex(spinel.LimitError, 'max_nodes'):
            spinel.InferEngine(model('slow'), limits={'max_nodes': 3})
        with self.assertRaises(TypeError):
            spinel.InferEngine(model('two'), devide=1)  # type: ignore[call-arg]

    def test_targets(self) -> None:
        self.assertEqual(spinel.available_targets()[0], 'cpu')
        self.assertRegex(spinel.__version__, r'^\d+\.\d+\.\d+$')
        self.assertTrue((RESNET / 'synset.txt').exists())
