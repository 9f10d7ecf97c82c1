#!/usr/bin/python3
"""Builds Spinel with what can be left out left out: the codecs, the command, all operators but those of one model."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper

source = pathlib.Path(os.environ['SPINEL_SOURCE_DIR'])
whole = pathlib.Path(os.environ['SPINEL_BINARY_DIR'])
build = whole / 'tests/consumer/options'

program = r'''
#include <stdio.h>
#include <string.h>
#include "spinel.h"
int run(const char* path, int64_t rank, const int64_t* dims) { /* 3072 floats in */
  spinel_engine* engine = NULL;
  spinel_error* error = NULL;
  spinel_tensor row = {sizeof row}, y = {sizeof y};
  static float pixels[3 * 32 * 32];
  int i;
  for (i = 0; i < 3072; ++i) pixels[i] = (float)(i * 7 % 11) / 11;
  if (spinel_engine_create(path, NULL, &engine, &error)) return printf("%s\n", spinel_error_message(error)), 1;
  row.data = pixels, row.size_bytes = sizeof pixels, row.dims = dims, row.rank = rank, row.dtype = SPINEL_FLOAT32;
  if (spinel_engine_run(engine, &row, 1, &y, 1, NULL, &error)) return printf("%s\n", spinel_error_message(error)), 1;
  printf("%d answers, the first %.4f\n", (int)(y.size_bytes / sizeof(float)), ((float*)y.data)[0]);
  spinel_tensor_release(&y);
  spinel_engine_release(engine);
  return 0;
}
int main(int argc, char** argv) { /* RESNET CONV1D QUANTIZED_CONV WITHOUT_AN_OPERATOR IMAGE */
  const int64_t image_dims[] = {1, 3, 32, 32}, sound_dims[] = {1, 3, 1024};
  spinel_engine* none = NULL;
  spinel_tensor image = {sizeof image};
  spinel_error* error = NULL;
  if (argc < 4 || run(argv[1], 4, image_dims) || run(argv[2], 3, sound_dims) || run(argv[3], 4, image_dims)) return 1;
  if (argc == 4) return 0;
  if (spinel_engine_create(argv[4], NULL, &none, &error) != SPINEL_UNSUPPORTED) return 1;
  printf("%s\n", spinel_error_message(error));
  spinel_error_release(error);
  if (spinel_preprocess_file(NULL, argv[5], &image, &error) != SPINEL_UNSUPPORTED) return 1;
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


def save(name, nodes, dims, constants):
    """A model from x to y, of nodes (operator, inputs, outputs, attributes)."""
    nodes = [helper.make_node(op, inputs.split(), outputs.split(), **attributes) for op, inputs, outputs, attributes in nodes]
    graph = helper.make_graph(nodes, name, [helper.make_tensor_value_info('x', TensorProto.FLOAT, dims)],
                              [helper.make_tensor_value_info('y', TensorProto.FLOAT, None)],
                              [numpy_helper.from_array(np.asarray(data), key) for key, data in constants.items()])
    path = build / f'{name}.onnx'
    path.write_bytes(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid('', 13)]).SerializeToString())
    return path


shutil.rmtree(build, ignore_errors=True)
build.mkdir(parents=True)
weights = np.random.default_rng(1).integers(-99, 99, (8, 3, 3, 3))
# Passes may turn what is listed only into what is in the build: these would become Squeeze, and QLinearConv.
conv1d = save('conv1d', [('Conv', 'x w', 'c', {'pads': [1, 1]}), ('Relu', 'c', 'y', {})], [1, 3, 1024],
              {'w': weights[:, :, 0].astype('f4')})
quantized = save('quantized', [
    ('QuantizeLinear', 'x s z', 'xq', {}), ('DequantizeLinear', 'xq s z', 'xd', {}), ('DequantizeLinear', 'w s zw', 'wd', {}),
    ('Conv', 'xd wd', 'c', {'pads': [1] * 4}), ('QuantizeLinear', 'c s z', 'cq', {}), ('DequantizeLinear', 'cq s z', 'y', {})],
    [1, 3, 32, 32], {'s': np.float32(1 / 64), 'z': np.uint8(100), 'zw': np.int8(0), 'w': weights.astype('i1')})
left_out = save('left_out', [('Exp', 'x', 'e', {}), ('Log', 'e', 'y', {})], [1, 3], {})
operators = build / 'operators.txt'
operators.write_text('# What the shipped ResNet has.\nConv\nRelu\nMaxPool\nAdd\nGlobalAveragePool\nFlatten\nGemm\n'
                     'BatchNormalization\nIdentity\nReduceMean\nReshape\nQuantizeLinear\nDequantizeLinear\n')
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
good = (resnet / 'resnet_fashion.onnx', conv1d, quantized)
said = run(build / 'program', *good, left_out, resnet / 'images/09_ankle_boot.png')
for part in ('10 answers', 'Exp (left out of this build)', 'SPINEL_CODECS=OFF'):
    check(part in said, f'nothing of "{part}"')
expected = run('env', f'LD_LIBRARY_PATH={whole}/lib', build / 'program', *good)
for one, other in zip(*(re.findall(r'(\d+) answers, the first (.*)', text) for text in (said, expected)), strict=True):
    # A quantised answer may be rounded to the step beside.
    check(one[0] == other[0] and abs(float(one[1]) - float(other[1])) < 1.01 / 64, f'{one} instead of {other}')
wrong = subprocess.run(['cmake', '-S', str(source), '-B', str(build / 'w'), '-G', 'Ninja', '-DSPINEL_BUILD_TESTS=OFF',
                        '-DSPINEL_OPERATORS=Conv;Convv'], capture_output=True, text=True)
check(wrong.returncode == 0, wrong.stderr)
wrong = subprocess.run(['cmake', '--build', str(build / 'w'), '--target', 'spinel_ops'], capture_output=True, text=True)
check(wrong.returncode != 0 and 'names an operator that there is not' in wrong.stdout, 'a wrong name is not refused')
sizes = [(path.name, path.stat().st_size) for path in (library, whole / 'lib/libspinel.so.0.1.0')]
print(f'stripped, without what can be left out: {sizes[0][1] / 1e6:.2f} MB')
