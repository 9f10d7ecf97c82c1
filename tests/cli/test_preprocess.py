"""`spinel preprocess`: equal to Pillow and to torchvision's arithmetic, and bad input."""

import shutil
import unittest

from PIL import Image

from support import *

PHOTO_FILES = sorted(os.path.join(PHOTOS, f) for f in os.listdir(PHOTOS) if f.endswith((".png", ".jpg")))
SHIPPED = sorted(os.path.join(IMAGES, f) for f in os.listdir(IMAGES))


def pillow_pixels(path, resize, crop, filter=Image.BILINEAR):
    """What torchvision's Resize and CenterCrop do to a PIL image; `crop` is at most the resized size."""
    image = Image.open(path).convert("RGB")
    width, height = image.size
    if width <= height:
        size = (resize, int(resize * height / width))
    else:
        size = (int(resize * width / height), resize)
    image = image.resize(size, filter)
    left, top = int(round((size[0] - crop) / 2.0)), int(round((size[1] - crop) / 2.0))
    return np.asarray(image.crop((left, top, left + crop, top + crop)))


def normalised(pixels, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)):
    values = np.transpose(pixels, (2, 0, 1)).astype(np.float32) / np.float32(255)
    mean, std = (np.array(v, np.float32)[:, None, None] for v in (mean, std))
    return ((values - mean) / std)[None]


class Preprocess(ProgramTest):
    def result(self, *args, name):
        self.spinel("preprocess", *args, "--out", self.path("o"))
        return np.load(self.path("o", name + ".npy"))

    def test_pixels_equal_pillow(self):
        self.assertTrue(PHOTO_FILES or SHIPPED)
        for resize, crop in ((256, 224), (36, 32), (301, 299)):
            files = PHOTO_FILES + SHIPPED
            self.spinel("preprocess", *files, "--resize", resize, "--crop", crop, "--out", self.path("o"), "--stage",
                        "pixels")
            for path in files:
                stem = os.path.splitext(os.path.basename(path))[0]
                actual = np.load(self.path("o", stem + ".npy"))
                self.assertEqual((actual.dtype, actual.shape), (np.uint8, (crop, crop, 3)))
                np.testing.assert_array_equal(actual, pillow_pixels(path, resize, crop), f"{path} {resize} {crop}")

    def test_interpolation_equals_pillow(self):
        for name, filter in (("bicubic", Image.BICUBIC), ("nearest", Image.NEAREST)):
            for path in PHOTO_FILES + SHIPPED[:2]:
                stem = os.path.splitext(os.path.basename(path))[0]
                actual = self.result(path, "--resize", 100, "--crop", 96, "--stage", "pixels", "--interpolation", name,
                                     name=stem)
                np.testing.assert_array_equal(actual, pillow_pixels(path, 100, 96, filter), f"{path} {name}")

    def test_tensor_to_the_last_bit(self):
        for path in PHOTO_FILES + SHIPPED[:3]:
            stem = os.path.splitext(os.path.basename(path))[0]
            actual = self.result(path, "--resize", 256, "--crop", 224, name=stem)
            expected = normalised(pillow_pixels(path, 256, 224))
            self.assertEqual(actual.dtype, np.float32)
            self.assertEqual(actual.tobytes(), expected.tobytes(), path)
            half = self.result(path, "--resize", 256, "--crop", 224, "--dtype", "float16", name=stem)
            self.assertEqual(half.tobytes(), expected.astype(np.float16).tobytes(), path)

    def test_defaults_are_imagenet(self):
        path = SHIPPED[0]
        stem = os.path.splitext(os.path.basename(path))[0]
        default = self.result(path, name=stem)
        self.assertEqual(default.shape, (1, 3, 224, 224))
        explicit = self.result(path, "--preset", "imagenet", "--resize", 256, "--crop", "224,224", name=stem)
        self.assertEqual(default.tobytes(), explicit.tobytes())
        other = self.result(path, "--preset", "efficientnet-lite", name=stem)
        expected = normalised(pillow_pixels(path, 256, 224, Image.BILINEAR), (127 / 255,) * 3, (128 / 255,) * 3)
        if other.shape == expected.shape:
            np.testing.assert_allclose(other, expected, atol=1e-6)

    def test_json_and_lines(self):
        document = json.loads(self.spinel("preprocess", SHIPPED[0], "--out", self.path("o"), "--json").stdout)
        self.assertEqual((document["attempted"], document["done"], document["rejected"]), (1, 1, []))
        self.assertEqual(document["files"][0]["dims"], [1, 3, 224, 224])
        line = self.spinel("preprocess", SHIPPED[0], "--out", self.path("o")).stdout
        stem = os.path.splitext(os.path.basename(SHIPPED[0]))[0]
        self.assertEqual(line, f"{SHIPPED[0]} -> {self.path('o', stem + '.npy')} float32[1, 3, 224, 224]\n")

    def test_colliding_stems(self):
        os.mkdir(self.path("a"))
        shutil.copy(SHIPPED[0], self.path("a", "x.png"))
        shutil.copy(SHIPPED[1], self.path("x.jpg"))
        self.fails("spinel", "preprocess", self.path("a", "x.png"), self.path("x.jpg"), "--out", self.path("o"),
                   saying=[self.path("a", "x.png"), self.path("x.jpg"), "x.npy"])
        self.assertFalse(os.path.exists(self.path("o")))

    def test_rejected_are_named_and_counted(self):
        bad = self.write("bad.png", b"no image at all")
        with open(SHIPPED[1], "rb") as file:
            cut = self.write("cut.png", file.read()[:200])
        done = self.spinel("preprocess", SHIPPED[0], bad, cut, self.path("none.png"), "--out", self.path("o"), "--json",
                           status=1)
        document = json.loads(done.stdout)
        self.assertEqual((document["attempted"], document["done"], len(document["rejected"])), (4, 1, 3))
        self.assertEqual([r["path"] for r in document["rejected"]], [bad, cut, self.path("none.png")])
        self.assertIn("4 images: 1 done, 3 rejected", done.stderr)
        self.assertEqual(len(os.listdir(self.path("o"))), 1)

    def test_bad_flags(self):
        self.fails("spinel", "preprocess", SHIPPED[0], status=2, saying="--out")
        self.fails("spinel", "preprocess", "--out", self.path("o"), status=2, saying="image")
        for flag, value in (("--crop", "0"), ("--crop", "a"), ("--crop", "3,4,5"), ("--resize", "-1"),
                            ("--stage", "raw"), ("--interpolation", "cubist"), ("--dtype", "x")):
            self.fails("spinel", "preprocess", SHIPPED[0], "--out", self.path("o"), flag, value, status=2,
                       saying=flag.strip("-"))
        self.fails("spinel", "preprocess", SHIPPED[0], "--out", self.path("o"), "--preset", "none", saying="imagenet")
        self.fails("spinel", "preprocess", SHIPPED[0], "--out", SHIPPED[1], saying=os.path.basename(SHIPPED[1]))


if __name__ == "__main__":
    unittest.main()
