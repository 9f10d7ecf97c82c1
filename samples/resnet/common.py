"""What the scripts of this folder share: command lines, errors, and the Fashion-MNIST files."""

import argparse
import gzip
import os
import struct
import sys
import zlib

DATA_DIR = "/usr/share/datasets/fashion-mnist"

# Synset ID and name of each class, in label order. The IDs sort by name in that order too, so that they
# serve as the class folders of an image folder.
CLASSES = [
    ("fm0", "T-shirt/top"),
    ("fm1", "Trouser"),
    ("fm2", "Pullover"),
    ("fm3", "Dress"),
    ("fm4", "Coat"),
    ("fm5", "Sandal"),
    ("fm6", "Shirt"),
    ("fm7", "Sneaker"),
    ("fm8", "Bag"),
    ("fm9", "Ankle boot"),
]

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


class UserError(Exception):
    """An error that the user can mend: printed as one line, without a stack trace."""


class Parser(argparse.ArgumentParser):
    """An argument parser in whose flags `-` and `_` are the same, and which shows the defaults."""

    def __init__(self, **kwargs):
        kwargs.setdefault("formatter_class", argparse.ArgumentDefaultsHelpFormatter)
        super().__init__(**kwargs)

    def parse_args(self, args=None, namespace=None):
        fixed = []
        for arg in sys.argv[1:] if args is None else args:
            if arg.startswith("--"):
                flag, equals, value = arg.partition("=")
                arg = "--" + flag[2:].replace("-", "_") + equals + value
            fixed.append(arg)
        return super().parse_args(fixed, namespace)


def run_main(main):
    """Runs `main`; turns errors of the user's making into one line and exit status 1."""
    try:
        sys.exit(main())
    except UserError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        sys.exit(f"error: {error.filename or ''}: {error.strerror or error}")
    except KeyboardInterrupt:
        sys.exit("interrupted")


def read_idx(path):
    """The array of unsigned bytes in an IDX file (gzip-compressed or not)."""
    import numpy as np

    opener = gzip.open if path.endswith(".gz") else open
    try:
        with opener(path, "rb") as file:
            content = file.read()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"{path}: not a whole gzip file ({error}); install the data set again") from None
    if len(content) < 4 or content[:3] != b"\0\0\x08":
        raise UserError(f"{path}: not an IDX file of unsigned bytes")
    rank = content[3]
    shape = struct.unpack_from(f">{rank}I", content, 4)
    data = np.frombuffer(content, np.uint8, offset=4 + 4 * rank)
    if data.size != np.prod(shape):
        raise UserError(f"{path}: holds {data.size} bytes of data, its header says {shape}")
    return data.reshape(shape)


def load_fashion(folder, split):
    """Images [N, 28, 28] and labels [N] of the `train` or `test` split of Fashion-MNIST."""
    prefix = {"train": "train", "test": "t10k"}[split]
    arrays = []
    for kind in ("images-idx3", "labels-idx1"):
        name = os.path.join(folder, f"{prefix}-{kind}-ubyte")
        path = next((p for p in (name + ".gz", name) if os.path.isfile(p)), None)
        if path is None:
            raise UserError(f"{name}.gz: no such file; install the Debian package dataset-fashion-mnist "
                            "or name the folder of its files with --data")
        arrays.append(read_idx(path))
    images, labels = arrays
    if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
        raise UserError(f"{folder}: images {images.shape} and labels {labels.shape} do not go together")
    return images, labels
