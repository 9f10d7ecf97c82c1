"""A folder of images through a classifier, in name order: prints INDEX FILE : [{'score': ..., 'label': ...}].

python example_multi_batch.py --ckpt resnet.onnx --data_path images --batch_size 4

What cannot be read is named on stderr and skipped; the index is the file's place in the folder.
"""
import argparse
import os

import spinel
from flow import Environment, answer, load, main, parse, report, show


def folder(flags: argparse.Namespace, environment: Environment) -> int:
    classifier = load(flags, environment)
    loader = spinel.DataLoader(spinel.image_files(flags.data_path), classifier.preprocess, flags.batch_size,
                               rank=environment.rank, world=environment.world, max_batches=environment.max_steps)
    rejected, done = [], 0
    try:
        for batch in loader:
            rejected += batch.rejected
            if not len(batch):
                continue
            rows = answer(flags, classifier, classifier.engine(batch.tensor))
            for index, path, row in zip(batch.indices.tolist(), batch.paths, rows):
                show(flags, index, path, row, f'{index} {os.path.basename(path)} : {row}')
            done += len(batch)
    except KeyboardInterrupt:
        report(done + len(rejected), done, rejected)
        return 130
    report(done + len(rejected), done, rejected)
    return 0 if done else 1


if __name__ == '__main__':
    main(folder, parse('Classifies the images of a folder'))
