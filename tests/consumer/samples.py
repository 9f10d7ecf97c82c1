#!/usr/bin/python3
"""Runs the sample programs of a folder, build/bin unless one is named: what they print, and what they say and return
when something is wrong."""
import collections
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

source = pathlib.Path(os.environ['SPINEL_SOURCE_DIR'])
resnet = source / 'samples/resnet'
model, labels, images = resnet / 'resnet_fashion.onnx', resnet / 'synset.txt', resnet / 'images'
boot = images / '09_ankle_boot.png'
# What the images show, and the network says.
names = ['T-shirt/top', 'Trouser', 'Pullover', 'Dress', 'Coat', 'Sandal', 'Shirt', 'Sneaker', 'Bag', 'Ankle boot', 'Bag',
         'Ankle boot']
Done = collections.namedtuple('Done', 'code out err')


def run(*command, **options):
    command = [str(part) for part in command]
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, **options)
    print('$', shlex.join(command), '->', done.returncode)
    return Done(done.returncode, done.stdout, done.stderr)


def check(condition, message):
    if not condition:
        sys.exit(f'FAILED: {message}')


def check_failures(program, cases):
    """Each case: exit code, part of stderr, arguments."""
    for code, part, arguments in cases:
        done = run(program, *arguments)
        check(done.code == code and part in done.err, f'{program.name} {arguments}: {done}')


def check_classify(program, answers):
    done = run(program, model, labels, boot)
    lines = done.out.splitlines()
    check(done.code == 0 and len(lines) == 1 + answers and lines[0] == str(boot) and lines[1].endswith(' Ankle boot'),
          f'{program.name} is wrong: {done}')
    check_failures(program, [
        (2, 'usage:', []), (2, 'usage:', [model]),
        (1, 'no/such.onnx', ['no/such.onnx', labels, boot]),
        (1, 'damaged ONNX file', [labels, labels, boot]),
        (1, 'no/such.txt', [model, 'no/such.txt', boot]),
        (1, 'no/such.png', [model, labels, 'no/such.png'])])
    done = run(program, model, labels, labels, boot)
    check(done.code == 1 and 'not an image' in done.err and 'Ankle boot' in done.out,
          f'a file that is no image keeps the others from being classified: {done}')


def check_async_queue(program):
    paths = sorted(images.iterdir())
    expected = None
    for in_flight in (1, 3, 64):
        done = run(program, '--in-flight', in_flight, model, labels, images)
        answers = [re.fullmatch(r'(.+): [01]\.\d{3} (.+)', line) for line in done.out.splitlines()]
        check(done.code == 0 and all(answers) and [answer[1] for answer in answers] == [str(path) for path in paths],
              f'async_queue_c: other images or another order: {done}')
        check([answer[2] for answer in answers] == names, f'async_queue_c has other answers: {done}')
        check(expected in (None, done.out), 'the answers depend on the number in flight')
        expected = done.out
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / 'a.txt').write_text('no image')
        (pathlib.Path(folder) / 'b.png').write_bytes(boot.read_bytes())
        done = run(program, model, labels, folder)
        check(done.code == 1 and 'a.txt' in done.err and done.out.endswith(' Ankle boot\n'), f'async_queue_c: {done}')
    check_failures(program, [
        (2, 'usage:', [model, labels]), (2, 'usage:', ['--in-flight', '0', model, labels, images]),
        (2, 'usage:', ['--in-flight', '65', model, labels, images]), (2, 'usage:', ['--other', '1', model, labels, images]),
        (1, 'no/such.onnx', ['no/such.onnx', labels, images]), (1, 'no/such.txt', [model, 'no/such.txt', images]),
        (1, 'imagenet, efficientnet-lite', ['--preset', 'none', model, labels, images]),
        (1, 'no/such', [model, labels, 'no/such'])])


def check_thread_pool(program):
    answers = set()
    for threads in (1, 3):
        done = run(program, '--threads', threads, model, boot)
        lines = done.out.splitlines()
        check(done.code == 0 and len(lines) == 3 and re.search(r': class 9, probability 0\.\d{3}$|: class 9, probability 1\.000$',
                                                               lines[0]), f'thread_pool_c is wrong: {done}')
        before, after = map(int, re.fullmatch(r'threads: (\d+) before, (\d+) after', lines[1]).groups())
        check(before == after == threads + 1, f'the engine started threads of its own: {done}')
        counts = [int(number) for number in re.findall(r'\d+', lines[2])]
        check(len(counts) == threads + 1 and sum(counts) > 0, f'thread_pool_c: the loop was not called: {done}')
        answers.add(lines[0])
    check(len(answers) == 1, f'the answer depends on the number of threads: {answers}')
    check_failures(program, [
        (2, 'usage:', [model]), (2, 'usage:', ['--threads', '0', model, boot]),
        (2, 'usage:', ['--threads', 'x', model, boot]), (1, 'no/such.onnx', ['no/such.onnx', boot]),
        (1, 'no/such.png', [model, 'no/such.png'])])


def check_minimal(program):
    done = run(program, model, boot)
    check(done.code == 0 and done.out.startswith('class 9, '), f'minimal_c is wrong: {done}')
    check_failures(program, [(2, '', [model]), (1, 'no/such.onnx', ['no/such.onnx', boot])])


def check_custom_add(program):
    done = run(program, source / 'samples/custom_op/add.onnx')
    check(done == (0, 'sum [2, 3]: 1 1 2 4 5 9\ndifference [2, 3]: 1 1 0 0 1 1\n', ''), f'custom_add_cpp is wrong: {done}')
    check_failures(program, [(2, 'usage:', []), (1, 'no/such.onnx', ['no/such.onnx'])])


def check_samples(folder, installed=False):
    check_minimal(folder / 'minimal_c')
    check_classify(folder / 'classify_c', 5)
    check_failures(folder / 'classify_c', [(1, 'imagenet, efficientnet-lite', ['--preset', 'none', model, labels, boot])])
    check_classify(folder / 'classify_cpp', 3)
    check_async_queue(folder / 'async_queue_c')
    check_thread_pool(folder / 'thread_pool_c')
    if not installed:
        check_custom_add(folder / 'custom_add_cpp')


if __name__ == '__main__':
    check_samples(pathlib.Path(sys.argv[1]) if sys.argv[1:] else pathlib.Path(os.environ['SPINEL_BINARY_DIR']) / 'bin')
