"""Images, datasets, labels and metrics; decoding and preprocessing against Pillow and numpy."""
import pathlib
import tempfile
import unittest

import numpy as np
import spinel
from PIL import Image
from support import FASHION, IMAGES, RESNET, ROOT

CAT = ROOT / 'samples/photos/cat.png'
COFFEE = ROOT / 'samples/photos/coffee.jpg'


class Images(unittest.TestCase):
    def test_decodes_as_pillow_does(self) -> None:
        for path in (CAT, COFFEE):
            pixels = np.asarray(Image.open(path).convert('RGB'))
            np.testing.assert_array_equal(spinel.decode_image(path), pixels)
            np.testing.assert_array_equal(spinel.decode_image(path.read_bytes()), pixels)

    def test_preprocesses_every_kind_of_source_alike(self) -> None:
        preprocess = spinel.Preprocessor()
        picture = Image.open(CAT)
        wanted = picture.convert('RGB')
        scale = 256 / min(wanted.size)
        size = [256 if side == min(wanted.size) else int(side * scale) for side in wanted.size]
        small = np.asarray(wanted.resize(size, Image.BILINEAR), np.float32)
        top, left = (round((small.shape[0] - 224) / 2), round((small.shape[1] - 224) / 2))
        mean, std = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
        expected = ((small[top:top + 224, left:left + 224] / np.float32(255) - mean) / std).transpose(2, 0, 1)
        rows = preprocess([CAT, str(CAT), CAT.read_bytes(), np.asarray(wanted), picture])
        self.assertEqual(rows.shape, (5, 3, 224, 224))
        for row in rows:
            np.testing.assert_array_equal(row, expected)

    def test_what_cannot_be_used_is_named(self) -> None:
        preprocess = spinel.Preprocessor(crop=32, resize=36)
        rows, places, rejected = preprocess.batch([CAT, RESNET / 'synset.txt', '/none.png', COFFEE])
        self.assertEqual((rows.shape, places), ((2, 3, 32, 32), [0, 3]))
        self.assertEqual([each.index for each in rejected], [1, 2])
        self.assertIn('synset.txt', rejected[0].reason)
        self.assertEqual(rejected[1].code, 'not_found')
        self.assertEqual(preprocess.batch([])[0].shape, (0, 3, 32, 32))
        with self.assertRaises(spinel.DataError):
            preprocess(RESNET / 'synset.txt')
        with self.assertRaisesRegex(ValueError, 'uint8'):
            preprocess(np.zeros((4, 4, 3), np.float32))
        with self.assertRaisesRegex(ValueError, 'bilinear'):
            spinel.Preprocessor(interpolation='area')

    def test_options(self) -> None:
        lite = spinel.Preprocessor('efficientnet-lite')
        self.assertIn('efficientnet-lite', spinel.preset_names())
        self.assertFalse(np.array_equal(lite(CAT), spinel.Preprocessor()(CAT)))
        file = ROOT / 'samples/photos/preprocess.json'
        self.assertEqual(spinel.Preprocessor(options=file).shape, (3, 224, 224))
        self.assertEqual(spinel.Preprocessor(dtype='float16')(CAT).dtype, np.float16)
        engine = spinel.InferEngine(str(FASHION))
        self.assertEqual(spinel.Preprocessor().for_input_size(32, 32).for_engine(engine).shape, (3, 32, 32))


class Flow(unittest.TestCase):
    def test_single_image(self) -> None:
        engine = spinel.InferEngine(str(ROOT / 'samples/photos/efficientnet_lite0.onnx'))
        preprocess = spinel.Preprocessor('efficientnet-lite').for_engine(engine)
        labels = spinel.load_labels(ROOT / 'samples/photos/synset.txt', 1000)
        answers = spinel.postprocess(engine(preprocess(CAT)), 3, labels)[0]
        self.assertIn('cat', answers[0]['label'])
        self.assertEqual(len(answers), 3)

    def test_dataset_and_accuracy(self) -> None:
        dataset = spinel.ImageFolder(RESNET / 'val')
        self.assertEqual((len(dataset), dataset.classes[9], dataset[-1][1]), (500, 'fm9', 9))
        with self.assertRaises(IndexError):
            dataset[500]
        engine = spinel.InferEngine(str(FASHION))
        loader = spinel.DataLoader(dataset, spinel.Preprocessor().for_engine(engine), 64)
        accuracy, hits = spinel.Accuracy(), 0
        for batch in loader:
            scores = engine(batch.tensor)
            accuracy.add(scores, batch.labels)
            hits += int((scores.argmax(1) == batch.labels).sum())
        self.assertEqual(loader.ledger, spinel.Ledger(500, 500, 0, 0))
        self.assertEqual(accuracy.count, 500)
        self.assertEqual(accuracy.top1, hits / 500)
        self.assertGreater(accuracy.top1, 0.9)
        self.assertEqual(sum(len(batch) for batch in loader), 500)  # Again from the start.

    def test_loader_keeps_what_it_rejects(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            bad = pathlib.Path(folder) / 'bad.png'
            bad.write_text('text')
            dataset = spinel.Dataset([CAT, bad, COFFEE], [1, 2, 3])
            batch, = spinel.DataLoader(dataset, None, 3, workers=0)
        self.assertEqual((batch.labels.tolist(), batch.indices.tolist()), ([1, 3], [0, 2]))
        self.assertEqual([each.path for each in batch.rejected], [str(bad)])
        tensor = batch.tensor
        del batch
        self.assertFalse(tensor.flags.writeable)
        np.testing.assert_array_equal(tensor, spinel.Preprocessor()([CAT, COFFEE]))
        self.assertEqual(len(spinel.image_files(IMAGES)), 12)

    def test_scores(self) -> None:
        scores = np.float32([[0, 1, 2], [5, 5, 1]])
        np.testing.assert_allclose(spinel.softmax(scores), np.exp(scores) / np.exp(scores).sum(1, keepdims=True), 1e-6)
        indices, values = spinel.top_k(scores, 2, apply_softmax=False)
        self.assertEqual((indices.tolist(), values.tolist()), ([[2, 1], [0, 1]], [[2, 1], [5, 5]]))
        self.assertEqual(spinel.postprocess(scores[:1], 1, ['a', 'b', 'c']), [[{'score': 0.6652, 'label': 'c'}]])
        with self.assertRaisesRegex(ValueError, '2 labels for 3'):
            spinel.postprocess(scores, 1, ['a', 'b'])
        found = spinel.difference(np.float32([1, 2, 3, 5]), np.float64([1, 2, 3, 4]))
        self.assertAlmostEqual(found.diff2, (1 / 30) ** 0.5)
        self.assertEqual((found.count, found.abs_max), (4, 1))
