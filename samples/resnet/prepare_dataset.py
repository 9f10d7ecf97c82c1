#!/usr/bin/env python3
"""Writes Fashion-MNIST as an image folder: OUT/<class>/<image>.png, 28x28 gray, pixels as they are.

The class folders are the IDs of synset.txt (fm0 ... fm9), which sort by name in label order; an image is named by its
index in the split. With --limit the first images of each class are taken, as many of each.
"""

import os
import sys
import time

import common
from common import UserError

try:
    import numpy  # noqa: F401 (used by common.read_idx)
    from PIL import Image
except ImportError as error:
    raise SystemExit(f"error: {error}; see requirements.txt")


def main():
    parser = common.Parser(description=__doc__)
    parser.add_argument("out", help="folder to write; must be empty or not yet there")
    parser.add_argument("--data", default=common.DATA_DIR, help="folder of the Fashion-MNIST IDX files")
    parser.add_argument("--split", choices=("test", "train"), default="test")
    parser.add_argument("--limit", type=int, default=0, metavar="N",
                        help="images in all, the same number of each class; 0: the whole split")
    args = parser.parse_args()
    classes = len(common.CLASSES)
    if args.limit < 0 or args.limit % classes:
        raise UserError(f"--limit {args.limit}: must be a multiple of the {classes} classes, to be balanced")
    if os.path.isdir(args.out) and os.listdir(args.out):
        raise UserError(f"{args.out}: not empty; name another folder, or empty it first")
    images, labels = common.load_fashion(args.data, args.split)
    if labels.max() >= classes:
        raise UserError(f"{args.data}: holds label {labels.max()}; there are {classes} classes")
    per_class = args.limit // classes if args.limit else len(labels)
    counts = [0] * classes
    for ident, _ in common.CLASSES:
        os.makedirs(os.path.join(args.out, ident), exist_ok=True)
    total = args.limit or len(labels)
    start = shown = time.time()
    for index, (image, label) in enumerate(zip(images, labels)):
        if counts[label] >= per_class:
            continue
        Image.fromarray(image).save(os.path.join(args.out, common.CLASSES[label][0], f"{index:05d}.png"))
        counts[label] += 1
        if time.time() - shown >= 2:
            shown, done = time.time(), sum(counts)
            rate = done / (shown - start)
            print(f"{done}/{total} images, {rate:.0f} images/s, {(total - done) / rate:.0f} s left", flush=True)
    for (ident, name), count in zip(common.CLASSES, counts):
        print(f"{ident} {name}: {count} images")
    print(f"wrote {sum(counts)} images of the {args.split} split to {args.out}")
    if args.limit and min(counts) < per_class:
        print(f"warning: some classes have fewer than {per_class} images", file=sys.stderr)
    return 0


if __name__ == "__main__":
    common.run_main(main)
