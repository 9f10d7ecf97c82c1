#!/usr/bin/env python3
"""What a call through the Python binding costs over the same call from C: medians of interleaved rounds.

  tests/bench/python_call.py [--build BUILD]     (the package `spinel` must be installed)
"""
import argparse
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

import numpy as np
import spinel

PROGRAM = r'''
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "spinel.h"
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1e6 + t.tv_nsec / 1e3; }
int main(int argc, char** argv) {
  spinel_engine* engine = NULL;
  spinel_engine_options options;
  spinel_engine_options_init(&options, sizeof options);
  options.spas = 1;
  if (spinel_engine_create(argv[1], &options, &engine, NULL)) return 1;
  int64_t dims[] = {1, 3};
  float data[2][3] = {{1, 2, 3}, {4, 5, 6}}, out[2][3];
  spinel_tensor in[2], result[2];
  for (int i = 0; i < 2; ++i) {
    spinel_tensor t = {sizeof t, data[i], sizeof data[i], dims, 2, SPINEL_FLOAT32, 0, NULL};
    in[i] = t;
    t.data = out[i];
    result[i] = t;
  }
  long calls = atol(argv[2]);
  for (long i = 0; i < 1000; ++i) spinel_engine_run(engine, in, 2, result, 2, NULL, NULL);
  double start = now();
  for (long i = 0; i < calls; ++i) if (spinel_engine_run(engine, in, 2, result, 2, NULL, NULL)) return 1;
  printf("%f\n", (now() - start) / calls);
  spinel_engine_release(engine);
}
'''


def main() -> None:
    root = pathlib.Path(__file__).resolve().parent.parent.parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build', type=pathlib.Path, default=root / 'build')
    parser.add_argument('--calls', type=int, default=20000)
    parser.add_argument('--rounds', type=int, default=7)
    flags = parser.parse_args()
    model = flags.build / 'tests/capi/models/two.onnx'
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / 'call.c'
        source.write_text(PROGRAM)
        subprocess.run(['cc', '-O2', source, '-o', f'{folder}/call', f'-I{root}/capi', f'-L{flags.build}/lib',
                        f'-Wl,-rpath,{flags.build}/lib', '-lspinel'], check=True)
        engine = spinel.InferEngine(str(model), spas=1)
        x = np.ones((1, 3), np.float32)
        outputs = [np.empty((1, 3), np.float32) for _ in range(2)]
        times: 'dict[str, list[float]]' = {'C': [], 'Python, engine.run(inputs)': [], 'Python, outputs given': []}
        for _ in range(flags.rounds):
            times['C'].append(float(subprocess.run([f'{folder}/call', model, str(flags.calls)], check=True,
                                                   capture_output=True, text=True).stdout))
            for name, given in (('Python, engine.run(inputs)', None), ('Python, outputs given', outputs)):
                for _ in range(1000):
                    engine.run([x, x], given)
                start = time.perf_counter()
                for _ in range(flags.calls):
                    engine.run([x, x], given)
                times[name].append((time.perf_counter() - start) / flags.calls * 1e6)
    base = statistics.median(times['C'])
    print(f'load {os.getloadavg()[0]:.2f}, {flags.rounds} rounds of {flags.calls} calls, two inputs and two outputs')
    for name, values in times.items():
        print(f'{name:28s} {statistics.median(values):7.2f} us  (+{statistics.median(values) - base:.2f})')


if __name__ == '__main__':
    main()
