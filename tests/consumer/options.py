#!/usr/bin/python3
"""Builds Spinel with what can be left out left out: the codecs, the command, all operators but those of one model."""
import os
import pathlib
import shutil
import subprocess
import sys

source = pathlib.Path(os.environ['SPINEL_SOURCE_DIR'])
whole = pathlib.Path(os.environ['SPINEL_BINARY_DIR'])
build = whole / 'tests/consumer/options'
models = whole / 'tests/capi/models'

program = r'''
#include <stdio.h>
#include <string.h>
#include "spinel.h"
int main(int argc, char** argv) { /* MODEL WITHOUT_AN_OPERATOR IMAGE */
  spinel_engine *engine = NULL, *none = NULL;
  spinel_error* error = NULL;
  spinel_tensor row = {sizeof row}, scores = {sizeof scores};
  static float pixels[3 * 32 * 32];
  int64_t dims[] = {1, 3, 32, 32};
  if (argc != 4 || spinel_engine_create(argv[1], NULL, &engine, &error)) return printf("%s\n", spinel_error_message(error)), 1;
  row.data = pixels, row.size_bytes = sizeof pixels, row.dims = dims, row.rank = 4, row.dtype = SPINEL_FLOAT32;
  if (spinel_engine_run(engine, &row, 1, &scores, 1, NULL, &error)) return printf("%s\n", spinel_error_message(error)), 1;
  printf("%d classes\n", (int)scores.dims[1]);
  spinel_tensor_release(&scores);
  spinel_engine_release(engine);
  if (spinel_engine_create(argv[2], NULL, &none, &error) != SPINEL_UNSUPPORTED) return 1;
  printf("%s\n", spinel_error_message(error));
  spinel_error_release(error);
  spinel_tensor image = {sizeof image};
  if (spinel_preprocess_file(NULL, argv[3], &image, &error) != SPINEL_UNSUPPORTED) return 1;
  printf("%s\n", spinel_error_message(error));
  spinel_error_release(error);
  return 0;
}
'''


def run(*command):
    command = [str(part) for part in command]
    print('$', *command, flush=True)
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    print(done.stdout, end='', flush=True)
    if done.returncode != 0:
        sys.exit(f'FAILED with {done.returncode}')
    return done.stdout


def check(condition, message):
    if not condition:
        sys.exit(f'FAILED: {message}')


shutil.rmtree(build, ignore_errors=True)
build.mkdir(parents=True)
operators = build / 'operators.txt'
operators.write_text('# What the shipped ResNet has.\nConv\nRelu\nMaxPool\nAdd\nGlobalAveragePool\nFlatten\nGemm\n'
                     'BatchNormalization\nIdentity\nReduceMean\nReshape\n')
run('cmake', '-S', source, '-B', build / 'b', '-G', 'Ninja', '-DCMAKE_BUILD_TYPE=Release', '-DSPINEL_CODECS=OFF',
    '-DSPINEL_BUILD_CLI=OFF', '-DSPINEL_BUILD_SAMPLES=OFF', '-DSPINEL_BUILD_TESTS=OFF', f'-DSPINEL_OPERATORS={operators}')
run('cmake', '--build', build / 'b')
run('cmake', '--install', build / 'b', '--prefix', build / 'prefix', '--strip')
check(not list(build.rglob('prefix/bin/*')), 'the command was left out, and yet installed')
library, = build.rglob('prefix/lib*/libspinel.so.0.*')
check('jpeg' not in run('ldd', library), 'the codecs were left out, and yet are needed')
(build / 'program.c').write_text(program)
run('cc', build / 'program.c', '-o', build / 'program', f'-I{build}/prefix/include', f'-L{library.parent}',
    f'-Wl,-rpath,{library.parent}', '-lspinel')
resnet = source / 'samples/resnet'
said = run(build / 'program', resnet / 'resnet_fashion.onnx', models / 'reshape.onnx', resnet / 'images/09_ankle_boot.png')
for part in ('10 classes', 'left out of this build', 'codecs'):
    check(part in said, f'nothing of "{part}"')
wrong = subprocess.run(['cmake', '-S', str(source), '-B', str(build / 'w'), '-G', 'Ninja', '-DSPINEL_BUILD_TESTS=OFF',
                        '-DSPINEL_OPERATORS=Conv;Convv'], capture_output=True, text=True)
check(wrong.returncode == 0, wrong.stderr)
wrong = subprocess.run(['cmake', '--build', str(build / 'w'), '--target', 'spinel_ops'], capture_output=True, text=True)
check(wrong.returncode != 0 and 'names an operator that there is not' in wrong.stdout, 'a wrong name is not refused')
sizes = [(path.name, path.stat().st_size) for path in (library, whole / 'lib/libspinel.so.0.1.0')]
print(f'stripped, without what can be left out: {sizes[0][1] / 1e6:.2f} MB')
