"""A folder of images through a classifier with Ray Data: prints INDEX FILE : [{'score': ..., 'label': ...}].

python ray_batch.py --ckpt resnet.onnx --data_path images --batch_size 4 --actors 2

Needs Ray (pip install 'ray[data]'). Each actor is a process with an engine of its own; together they use the cores of
this machine, or of the Ray cluster at the environment's RAY_ADDRESS, whose nodes need spinel, the model and the images
under the same paths. What cannot be read is named on stderr and skipped; the index is the file's place in the folder.
"""
import argparse
import logging
import os
import sys
from typing import Any

import numpy as np
import ray

import spinel


class Classifier:
    """What an actor holds: Ray makes one in each process, and calls it with batches of {column: array}."""

    def __init__(self, flags: argparse.Namespace) -> None:
        self.engine = spinel.InferEngine(flags.ckpt, target=flags.target, dtype=flags.dtype,
                                         ranks_on_machine=flags.actors)
        self.preprocess = spinel.Preprocessor().for_engine(self.engine)
        self.labels = spinel.load_labels(flags.labels) if flags.labels else None
        self.topk = flags.topk

    def __call__(self, batch: 'dict[str, np.ndarray]') -> 'dict[str, list[Any]]':
        paths = [str(path) for path in batch['path']]
        tensor, done, rejected = self.preprocess.batch(paths)
        answers = [''] * len(paths)
        reasons = [''] * len(paths)
        for sample in rejected:
            reasons[sample.index] = sample.reason
        if done:
            for place, row in zip(done, spinel.postprocess(self.engine(tensor), self.topk, self.labels)):
                answers[place] = str(row)
        return {'index': batch['index'].tolist(), 'path': paths, 'answers': answers, 'reason': reasons}


def positive(text: str) -> int:
    number = int(text) if text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of at least 1")
    return number


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Classifies the images of a folder with Ray Data')
    parser.add_argument('--ckpt', required=True, help='ONNX file')
    parser.add_argument('--data_path', required=True, help='folder of images')
    parser.add_argument('--batch_size', type=positive, default=8, help='images of one run')
    parser.add_argument('--actors', type=positive, default=2, help='processes, each with an engine')
    parser.add_argument('--target', default='cpu', help='what executes the model')
    parser.add_argument('--dtype', default=None, help="float16 or float32; by default the file's own type")
    parser.add_argument('--topk', type=positive, default=1, help='answers an image')
    parser.add_argument('--labels', default='', help='synset file; by default synset.txt beside the model')
    flags = parser.parse_args()
    for name in ('ckpt', 'data_path', 'labels'):  # Actors have another working directory.
        if getattr(flags, name):
            setattr(flags, name, os.path.abspath(getattr(flags, name)))
    beside = os.path.join(os.path.dirname(flags.ckpt), 'synset.txt')
    if not flags.labels and os.path.exists(beside):
        flags.labels = beside
    return flags


def main() -> int:
    flags = parse()
    files = spinel.image_files(flags.data_path)
    Classifier(flags)  # What is wrong with the model or the labels is told here, not by every actor.
    ray.init(logging_level=logging.WARNING, log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger('ray.data').setLevel(logging.WARNING)
    images = ray.data.from_items([{'index': i, 'path': files[i][0]} for i in range(len(files))])
    results = images.map_batches(Classifier, fn_constructor_args=(flags,), batch_size=flags.batch_size,
                                 compute=ray.data.ActorPoolStrategy(size=flags.actors)).take_all()
    done = 0
    for row in sorted(results, key=lambda row: row['index']):
        if row['reason']:
            print(f'rejected: {row["reason"]}', file=sys.stderr)
            continue
        print(f'{row["index"]} {os.path.basename(row["path"])} : {row["answers"]}')
        done += 1
    print(f'images: {len(results)} attempted = {done} done + {len(results) - done} rejected', file=sys.stderr)
    return 0 if done else 1


if __name__ == '__main__':
    try:
        sys.exit(main())
    except (spinel.SpinelError, OSError) as error:
        sys.exit(f'error: {error}')
