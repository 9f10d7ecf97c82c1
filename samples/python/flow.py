"""What the three flows share: the kit's flags, the engine, labels, printing."""
import argparse
import json
import pathlib
import sys
from typing import Any, Callable, NamedTuple

import spinel
from spinel.compat import Environment, read_environment


class Classifier(NamedTuple):
    engine: spinel.InferEngine
    preprocess: spinel.Preprocessor
    labels: 'list[str] | None'


def _flag(text: str) -> bool:
    if text.lower() not in ('true', 'false', '1', '0'):
        raise argparse.ArgumentTypeError(f"'{text}' is neither true nor false")
    return text.lower() in ('true', '1')


def _positive(text: str) -> int:
    number = int(text) if text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of at least 1")
    return number


def parse(description: str, skip_postprocess: bool = False, batch_size: int = 1) -> argparse.Namespace:
    """The kit's flags; `-` and `_` in them are the same."""
    parser = argparse.ArgumentParser(description=description, epilog=(
        'Environment: MAX_ENGINE_NUMS (SPAs), TECO_INFER_PIPELINES_MAX_STEPS (stop after so many batches), '
        'TECO_INFER_PIPELINES_WARMUP_STEPS (first batches that are not timed), OMPI_COMM_WORLD_RANK and '
        "OMPI_COMM_WORLD_SIZE (this rank's share of the images)."))
    parser.add_argument('--ckpt', required=True, help='ONNX file')
    parser.add_argument('--data_path', required=True, help='image, or folder, to work on')
    parser.add_argument('--batch_size', type=_positive, default=batch_size, help='images of one run, over all SPAs')
    parser.add_argument('--target', default='cpu', help='what executes the model')
    parser.add_argument('--input_name', default='', help="name of the model's input; by default its only one")
    parser.add_argument('--input_size', default='', help="one number, H,W or N,C,H,W; by default the model's, else 224")
    parser.add_argument('--dtype', default=None, help="float16 or float32; by default the file's own type")
    parser.add_argument('--pass_path', default=None, help='JSON or YAML file that configures the graph passes')
    parser.add_argument('--topk', type=_positive, default=1, help='answers an image')
    parser.add_argument('--skip_postprocess', type=_flag, nargs='?', const=True, default=skip_postprocess)
    parser.add_argument('--verbose', type=_flag, nargs='?', const=True, default=False)
    parser.add_argument('--labels', default='', help='synset file; by default synset.txt beside the model')
    parser.add_argument('--json', action='store_true', help='print JSON')
    arguments = []
    for argument in sys.argv[1:]:
        name, equals, value = argument.partition('=')
        arguments.append(name.replace('-', '_').replace('__', '--', 1) + equals + value
                         if name.startswith('--') else argument)
    flags = parser.parse_args(arguments)
    sizes = [size for size in flags.input_size.split(',') if size]
    if len(sizes) not in (0, 1, 2, 4) or not all(size.isdigit() for size in sizes):
        parser.error(f"--input_size '{flags.input_size}' is not one number, H,W or N,C,H,W")
    flags.input_size = [int(size) for size in sizes]
    return flags


def load(flags: argparse.Namespace, environment: Environment) -> Classifier:
    engine = spinel.InferEngine(
        flags.ckpt, [flags.input_name] if flags.input_name else [], flags.target, flags.batch_size,
        [flags.input_size] if len(flags.input_size) == 4 else [], flags.dtype, flags.pass_path,
        rank=environment.local_rank, ranks_on_machine=environment.local_size, spas=environment.spas)
    preprocess = spinel.Preprocessor()
    if flags.input_size:
        height, width = (flags.input_size * 2)[-2:] if len(flags.input_size) == 1 else flags.input_size[-2:]
        preprocess.for_input_size(height, width)
    preprocess.for_engine(engine)
    beside = pathlib.Path(flags.labels or pathlib.Path(flags.ckpt).parent / 'synset.txt')
    labels = spinel.load_labels(beside) if flags.labels or beside.exists() else None
    if labels is None and not flags.skip_postprocess:
        print(f'note: no {beside}; classes are named by their numbers (see --labels)', file=sys.stderr)
    if flags.verbose:
        print(f'{engine}: {engine.spas} SPAs, {engine.arithmetic}', file=sys.stderr)
    return Classifier(engine, preprocess, labels)


def answer(flags: argparse.Namespace, classifier: Classifier, scores: Any) -> 'list[Any]':
    """For each row its best answers, or with --skip_postprocess its scores."""
    if flags.skip_postprocess:
        return [[round(float(value), 6) for value in row] for row in scores]
    return spinel.postprocess(scores, flags.topk, classifier.labels)


def show(flags: argparse.Namespace, index: int, path: str, answers: Any, line: str) -> None:
    if flags.json:
        key = 'scores' if flags.skip_postprocess else 'answers'
        print(json.dumps({'index': index, 'path': path, key: answers}), flush=True)
    else:
        print(line, flush=True)


def report(attempted: int, done: int, rejected: 'list[spinel.Rejected]') -> None:
    for sample in rejected:
        print(f'rejected: {sample.reason}', file=sys.stderr)
    print(f'images: {attempted} attempted = {done} done + {len(rejected)} rejected', file=sys.stderr)


def main(flow: 'Callable[[argparse.Namespace, Environment], int]', flags: argparse.Namespace) -> None:
    try:
        sys.exit(flow(flags, read_environment()))
    except (spinel.SpinelError, OSError) as error:
        sys.exit(f'error: {error}')
