"""Two networks against torch, which exports them: a Faster R-CNN, and bidirectional GRUs over sequences of any length.

Debian's packages are enough. Limits: those of the networks in run.py; diff2 1e-5 for the GRUs.
"""
import os
import pathlib
import sys
import tempfile
import warnings

import compare
import detection
import stage

LIBRARY = os.path.join(os.environ["SPINEL_BINARY_DIR"], "lib", "libspinel.so")
THREADS = 2


def check(name, folder, arrays, expected, comparer, limit):
    run = stage.Runner(folder, LIBRARY, THREADS)
    found = comparer(run(arrays), expected, "float32")
    good = not found.reason and found.difference <= limit
    print(f"{name}: diff2 {found.difference:.1e}, {found.count} compared: {'ok' if good else 'FAILED ' + found.reason}")
    return good


def faster_rcnn(folder):
    """Torch's own boxes are the oracle. Opset 15: torchvision 0.14 does not say for RoiAlign of opset 16 and later where
    its samples lie, so that those files mean other boxes than torch finds."""
    import torch

    wanted = next(n for n in detection.NETWORKS if n.name == "fasterrcnn_mobilenet_v3_fpn")
    model, picture = wanted.make.model()
    arrays = wanted.make.export(model, picture, folder, opset=15)
    with torch.no_grad():
        expected = {name: tensor.numpy() for name, tensor in model([picture])[0].items()}
    return check(wanted.name, folder, arrays, expected, wanted.compare, wanted.float32)


def gru(folder):
    import torch

    import exporting

    class Tagger(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = torch.nn.Embedding(200, 48)
            self.recurrent = torch.nn.GRU(48, 64, num_layers=2, bidirectional=True, batch_first=True)
            self.tags = torch.nn.Linear(128, 9)

        def forward(self, words):
            return self.tags(self.recurrent(self.embed(words))[0])

    exporting.seeded()
    model = Tagger()
    exporting.export(model, {"words": torch.randint(0, 200, (2, 5))}, ["tags"], folder,
                     {"words": {0: "batch", 1: "length"}, "tags": {0: "batch", 1: "length"}})
    good = True
    for batch, length in ((1, 1), (3, 40)):
        words = torch.randint(0, 200, (batch, length))
        with torch.no_grad():
            expected = {"tags": model(words).numpy()}
        good &= check(f"GRU tagger, {batch} x {length}", folder, {"words": words.numpy()}, expected, compare.tensors, 1e-5)
    return good


def main():
    try:
        import torch
        import torchvision
    except ImportError as error:
        print(f"SKIPPED: networks against torch ({error})")
        return stage.SKIP
    torch.set_num_threads(THREADS)
    good = True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for part in (gru, faster_rcnn):
            with tempfile.TemporaryDirectory() as folder:
                good &= part(pathlib.Path(folder))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
