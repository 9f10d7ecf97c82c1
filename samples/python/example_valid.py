"""Accuracy and speed on an image folder (root/<class>/<image>): prints eval_metric (top-1) and a summary.

python example_valid.py --ckpt resnet.onnx --data_path val --batch_size 16

The metric weighs every image the same. Figures of the summary leave the warm-up batches out.
"""
import argparse
import json
import sys
import time

import spinel
from flow import Environment, answer, load, main, parse, report
from spinel.progress import Progress


def valid(flags: argparse.Namespace, environment: Environment) -> int:
    dataset = spinel.ImageFolder(flags.data_path)
    for note in dataset.notes:
        print(f'note: {note}', file=sys.stderr)
    classifier = load(flags, environment)
    loader = spinel.DataLoader(dataset, classifier.preprocess, flags.batch_size, rank=environment.rank,
                               world=environment.world, max_batches=environment.max_steps)
    accuracy, rejected, interrupted = spinel.Accuracy(max(flags.topk, 1)), [], False
    progress = Progress(loader.sample_count)
    batches = images = 0
    wall = preprocess = inference = postprocess = 0.0
    start = time.perf_counter()
    try:
        for step, batch in enumerate(loader):
            rejected += batch.rejected
            seconds = 0.0
            if len(batch):
                scores = classifier.engine(batch.tensor)
                begin = time.perf_counter()
                accuracy.add(scores, batch.labels)
                if not flags.skip_postprocess:
                    for index, path, row in zip(batch.indices, batch.paths, answer(flags, classifier, scores)):
                        if flags.verbose:
                            progress.close()
                            print(f'{index} {path} : {row}', file=sys.stderr)
                seconds = time.perf_counter() - begin
            progress.update(accuracy.count + len(rejected))
            if step < environment.warmup_steps:
                start = time.perf_counter()
                continue
            wall = time.perf_counter() - start
            batches, images = batches + 1, images + len(batch)
            preprocess, postprocess = preprocess + batch.preprocess_seconds, postprocess + seconds
            inference += classifier.engine.run_time if len(batch) else 0
    except KeyboardInterrupt:
        interrupted = True
    progress.close()
    figures = {'eval_metric': accuracy.top1, 'avg_sps': images / wall if wall else 0.0, 'e2e_time': wall,
               'avg_inference_time': inference / max(batches, 1), 'avg_preprocess_time': preprocess / max(batches, 1),
               'avg_postprocess': postprocess / max(batches, 1)}
    if flags.json:
        print(json.dumps({**figures, 'attempted': accuracy.count + len(rejected), 'done': accuracy.count,
                          'rank': environment.rank, 'world': environment.world, 'interrupted': interrupted,
                          'rejected': [{'path': each.path, 'reason': each.reason} for each in rejected]}))
    else:
        print(f'eval_metric {figures.pop("eval_metric")}')
        print('summary: ' + ', '.join(f'{name}: {value}' for name, value in figures.items()))
    report(accuracy.count + len(rejected), accuracy.count, rejected)
    return 130 if interrupted else 0 if accuracy.count else 1


if __name__ == '__main__':
    main(valid, parse('Accuracy and speed of a classifier', skip_postprocess=True, batch_size=4))
