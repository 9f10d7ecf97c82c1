"""The flows of samples/python print what those in C++ print."""
import json
import os
import pathlib
import re
import subprocess
import sys
import unittest

SOURCE = pathlib.Path(os.environ['SPINEL_SOURCE_DIR'])
BUILD = pathlib.Path(os.environ['SPINEL_BINARY_DIR'])
RESNET = SOURCE / 'samples/resnet'
NUMBER = r'\d+\.\d+(?:e-?\d+)?'


def run(program, *arguments, status=0, **environment):
    command = [sys.executable, SOURCE / f'samples/python/{program}.py'] if program.startswith('example') else [
        BUILD / 'bin' / program]
    done = subprocess.run([*map(str, command), *map(str, arguments)], capture_output=True, text=True,
                          env={**os.environ, **environment})
    assert done.returncode == status, (program, arguments, done)
    return done


class Flows(unittest.TestCase):
    model = ('--ckpt', RESNET / 'resnet_fashion.onnx', '--data_path')

    def same(self, python, cpp, *arguments, **environment):
        ours, theirs = (run(name, *self.model, *arguments, **environment) for name in (python, cpp))
        self.assertEqual(ours.stdout, theirs.stdout)
        return ours

    def test_single(self):
        image = RESNET / 'images/01_trouser.png'
        self.same('example_single_batch', 'resnet_single', image, '--topk', 3)
        self.same('example_single_batch', 'resnet_single', image, '--input-size=32', '--dtype', 'float16')
        done = run('example_single_batch', *self.model, image, '--json')
        self.assertEqual(json.loads(done.stdout)['answers'][0]['label'], 'Trouser')
        done = run('example_single_batch', *self.model, RESNET, status=1)
        self.assertRegex(done.stderr, 'error: .*example_multi_batch')
        run('example_single_batch', *self.model, image, '--topk', 0, status=2)
        run('example_single_batch', *self.model, image, '--input_size', '1,2,3', status=2)

    def test_folder(self):
        done = self.same('example_multi_batch', 'resnet_folder', RESNET / 'images', '--batch_size', 5)
        self.assertIn('images: 12 attempted = 12 done + 0 rejected', done.stderr)
        self.same('example_multi_batch', 'resnet_folder', RESNET / 'images', '--batch_size', 2,
                  OMPI_COMM_WORLD_RANK='1', OMPI_COMM_WORLD_SIZE='3')
        done = run('example_multi_batch', *self.model, RESNET / 'val/fm0/..', status=1)
        self.assertIn('fm0', done.stderr)

    def test_valid(self):
        ours, theirs = (run(name, *self.model, RESNET / 'val', '--batch_size', 16)
                        for name in ('example_valid', 'resnet_valid'))
        self.assertEqual(ours.stdout.splitlines()[0], theirs.stdout.splitlines()[0])
        self.assertRegex(ours.stdout.splitlines()[1],
                         rf'^summary: avg_sps: {NUMBER}, e2e_time: {NUMBER}, avg_inference_time: {NUMBER}, '
                         rf'avg_preprocess_time: {NUMBER}, avg_postprocess: {NUMBER}$')
        done = run('example_valid', *self.model, RESNET / 'val', '--batch-size=10', '--json',
                   TECO_INFER_PIPELINES_MAX_STEPS='3', TECO_INFER_PIPELINES_WARMUP_STEPS='1')
        found = json.loads(done.stdout)
        self.assertEqual(found['done'], 30)
        self.assertAlmostEqual(found['avg_sps'] * found['e2e_time'], 20)


if __name__ == '__main__':
    unittest.main(buffer=True)
