#!/usr/bin/python3
"""Lays out images of every kind with what Pillow and torchvision make of them, and runs the program that compares.

The images are the same on every run. Exit status 77 means that a Python module is missing (a skip for CTest).
"""
import argparse
import io
import pathlib
import shutil
import subprocess
import sys
import warnings

try:
    import numpy as np
    import torch
    import torchvision.transforms as T
    from PIL import Image
    import PIL
except ImportError as error:
    print(f"SKIP media_oracle: {error}")
    sys.exit(77)

import image_files as files

warnings.simplefilter("ignore")
MODES = {"bilinear": T.InterpolationMode.BILINEAR, "bicubic": T.InterpolationMode.BICUBIC,
         "nearest": T.InterpolationMode.NEAREST}
# resize, crop height, crop width, interpolation; a crop larger than the resized image is padded.
SETTINGS = [(256, 224, 224, "bilinear"), (36, 32, 32, "bilinear"), (64, 50, 80, "bilinear"), (300, 299, 299, "bicubic"),
            (17, 16, 16, "bicubic"), (0, 31, 40, "bilinear"), (45, 45, 45, "nearest"), (1, 1, 1, "bilinear"),
            (97, 64, 33, "bicubic")]
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
MAX_RESIZED_PIXELS = 4_000_000


def fitting(setting, size):
    """The setting, or a smaller one where a very long image would grow huge."""
    short, long = min(size), max(size)
    while setting[0] * setting[0] * long // short > MAX_RESIZED_PIXELS:
        setting = (setting[0] // 4, setting[1], setting[2], setting[3])
    return setting


class Suite:
    def __init__(self, folder):
        self.folder = folder
        self.lines = []
        self.good = 0

    def save(self, name, array):
        np.save(self.folder / name, np.ascontiguousarray(array))
        return name

    def add_good(self, name, data, reference=None):
        """`reference` holds the same pixels for Pillow where it cannot read `data`."""
        (self.folder / name).write_bytes(data)
        image = Image.open(io.BytesIO(reference or data)).convert("RGB")
        resize, height, width, interpolation = fitting(SETTINGS[self.good % len(SETTINGS)], image.size)
        steps = [T.CenterCrop((height, width))]
        if resize:
            steps.insert(0, T.Resize(resize, interpolation=MODES[interpolation]))
        cropped = T.Compose(steps)(image)
        floats = T.Compose([T.ToTensor(), T.Normalize(MEAN, STD)])(cropped).unsqueeze(0).numpy()
        number = f"{self.good:04}"
        self.lines.append(f"good {name} {resize} {height} {width} {interpolation} "
                          f"{self.save(number + '_decoded.npy', np.asarray(image))} "
                          f"{self.save(number + '_pixels.npy', np.asarray(cropped))} "
                          f"{self.save(number + '_floats.npy', floats)}")
        self.good += 1

    def add_damaged(self, name, data):
        """What Pillow refuses must be refused; what it takes must be equal or be refused."""
        (self.folder / name).write_bytes(data)
        try:
            image = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        except Exception:
            self.lines.append(f"bad {name}")
            return
        self.lines.append(f"same_or_bad {name} {self.save(name + '.npy', image)}")

    def add_any(self, name, data):
        (self.folder / name).write_bytes(data)
        self.lines.append(f"any {name}")


def npy_arrays():
    random = np.random.RandomState(9)
    for code in ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"):
        for shape in ((), (5,), (2, 3), (4, 0, 2), (2, 3, 4, 5)):
            array = (random.standard_normal(shape) * 50).astype(code)
            for order in "CF":
                for endian in "<>":
                    yield np.asarray(array.astype(array.dtype.newbyteorder(endian)), order=order)


def check_npy(folder, count):
    """What the program wrote must be what numpy wrote, in native byte order."""
    wrong = 0
    for i in range(count):
        before, after = np.load(folder / f"npy{i}.npy"), np.load(folder / f"npy{i}_back.npy")
        same = before.dtype.newbyteorder("=") == after.dtype and before.shape == after.shape
        if not same or before.astype(after.dtype).tobytes() != after.tobytes():
            print(f"FAIL npy{i}.npy: {before.dtype}{before.shape} came back as {after.dtype}{after.shape}")
            wrong += 1
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    if not PIL.__version__.startswith("9.4"):
        print(f"SKIP media_oracle: the reference is Pillow 9.4, not {PIL.__version__}")
        sys.exit(77)
    torch.set_num_threads(1)
    shutil.rmtree(options.work, ignore_errors=True)
    options.work.mkdir(parents=True)
    suite = Suite(options.work)

    made = list(files.all_files())
    for name, data in made:
        suite.add_good(name, data)
    for name, data, reference in files.misread_by_pillow():
        suite.add_good(name, data, reference)
    random = np.random.RandomState(5)
    for name, data in made:
        if len(data) > 40_000:
            continue
        for i, cut in enumerate(sorted(random.randint(0, len(data), 3)) + [len(data) - 1]):
            suite.add_damaged(f"cut{i}_{name}", data[:cut])
        for i in range(3):
            mutated = bytearray(data)
            for at in random.randint(0, len(data), 4):
                mutated[at] = random.randint(256)
            suite.add_any(f"mutated{i}_{name}", bytes(mutated))
    for name, data in files.no_images():
        suite.add_damaged(name, data)
    arrays = list(npy_arrays())
    for i, array in enumerate(arrays):
        np.save(options.work / f"npy{i}.npy", array)
        suite.lines.append(f"npy npy{i}.npy npy{i}_back.npy")
    (options.work / "manifest.tsv").write_text("\n".join(suite.lines) + "\n")
    print(f"{suite.good} images, {len(suite.lines) - suite.good - len(arrays)} damaged ones, {len(arrays)} arrays")
    status = subprocess.run([options.program, str(options.work)]).returncode
    status = status or check_npy(options.work, len(arrays))
    if status == 0 and not options.keep:
        shutil.rmtree(options.work)
    sys.exit(1 if status else 0)


if __name__ == "__main__":
    main()
