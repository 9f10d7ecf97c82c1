"""One image through a classifier: prints PATH: [{'score': 0.496, 'label': 'tiger cat'}].

python example_single_batch.py --ckpt resnet.onnx --data_path cat.png
"""
import argparse
import os

import spinel
from flow import Environment, answer, load, main, parse, show


def single(flags: argparse.Namespace, environment: Environment) -> int:
    if os.path.isdir(flags.data_path):
        raise spinel.InvalidArgumentError(f'--data_path {flags.data_path} is a folder; example_multi_batch.py takes folders')
    classifier = load(flags, environment)
    scores = classifier.engine(classifier.preprocess(flags.data_path))
    row = answer(flags, classifier, scores)[0]
    show(flags, 0, flags.data_path, row, f'{flags.data_path}: {row}')
    return 0


if __name__ == '__main__':
    main(single, parse('Classifies one image'))
