"""The original kit's names, `python -m spinel`, progress."""
import contextlib
import io
import os
import subprocess
import sys
import unittest
import warnings
from unittest import mock

import spinel
from spinel import compat, progress
from support import FASHION, IMAGES, RESNET


class Compat(unittest.TestCase):
    def test_a_script_of_the_kit(self) -> None:
        with mock.patch.dict(os.environ, MAX_ENGINE_NUMS='3'), self.assertWarnsRegex(UserWarning, 'devide is ignored'):
            engine = compat.TecoInferEngine(ckpt=str(FASHION), input_name=['input'], target='cpu', batch_size=6,
                                            input_size=[[2, 3, 32, 32]], dtype='float16', devide=True,
                                            pass_path=compat.PASS_PATH / 'default_pass.py')
        self.assertEqual(engine.spas, 3)
        hits = count = 0
        for images, labels in compat.load_data(str(RESNET / 'val'), batch_size=6, input_size=[[2, 3, 32, 32]],
                                               dtype='float16'):
            hits += int((engine(images).argmax(1) == labels).sum())
            count += len(labels)
        self.assertEqual(count, 500)
        self.assertGreater(hits / count, 0.9)
        image = compat.preprocess(str(IMAGES / '01_trouser.png'), 32, 'float16')
        answer = compat.postprocess(engine(image), 1, RESNET / 'synset.txt')
        self.assertEqual(answer[0][0]['label'], 'Trouser')

    def test_the_target_of_the_kit(self) -> None:
        with self.assertWarnsRegex(UserWarning, "target 'sdaa' is not available"):
            self.assertEqual(compat.TecoInferEngine(str(FASHION), target='sdaa').target, 'cpu')
        with self.assertRaisesRegex(LookupError, 'cpu'):
            compat.TecoInferEngine(str(FASHION), target='cuda')

    def test_shards_and_steps(self) -> None:
        with mock.patch.dict(os.environ, OMPI_COMM_WORLD_RANK='1', OMPI_COMM_WORLD_SIZE='3',
                             TECO_INFER_PIPELINES_MAX_STEPS='-1'):
            self.assertEqual(sum(len(labels) for _, labels in compat.load_data(RESNET / 'val', 10, 8)), 167)
        with mock.patch.dict(os.environ, TECO_INFER_PIPELINES_MAX_STEPS='2'):
            self.assertEqual(sum(len(labels) for _, labels in compat.load_data(RESNET / 'val', 10, 8)), 20)
        with mock.patch.dict(os.environ, MAX_ENGINE_NUMS='x'), self.assertRaisesRegex(ValueError, 'MAX_ENGINE_NUMS'):
            compat.TecoInferEngine(ckpt=str(FASHION))

    def test_the_package_alone_reads_no_environment(self) -> None:
        with mock.patch.dict(os.environ, MAX_ENGINE_NUMS='7'), warnings.catch_warnings():
            self.assertNotEqual(spinel.InferEngine(str(FASHION)).spas, 7)


class Command(unittest.TestCase):
    def test_python_m_spinel(self) -> None:
        done = subprocess.run([sys.executable, '-m', 'spinel', 'info', str(FASHION)], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('input', done.stdout)
        done = subprocess.run([sys.executable, '-m', 'spinel', '--version'], capture_output=True, text=True)
        self.assertIn(spinel.__version__, done.stdout)


class Shown(unittest.TestCase):
    def test_lines_where_there_is_no_terminal(self) -> None:
        err = io.StringIO()
        with contextlib.redirect_stderr(err):
            self.assertEqual(list(progress.track([1, 2, 3], unit='things')), [1, 2, 3])
        self.assertRegex(err.getvalue(), r'^3/3 things, [\d.]+ things/s, 0 s left\n$')
