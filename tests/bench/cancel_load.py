#!/usr/bin/env python3
"""How long a load goes on after it is cancelled, at random points of it, and how much processor time of its thread that
takes: median and maximum in milliseconds.

  tests/bench/cancel_load.py [--build BUILD] [--points 30] [--dtype float16] MODEL.onnx ...
"""
import argparse
import pathlib
import statistics
import subprocess
import tempfile

PROGRAM = r'''
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "spinel.h"
static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e3 + t.tv_nsec * 1e-6;
}
static double wait_ms, cancelled_ms, cancelled_cpu_ms;
static clockid_t loader; /* The processor time of the loading thread. */
static double cpu_ms(void) {
  struct timespec t;
  clock_gettime(loader, &t);
  return t.tv_sec * 1e3 + t.tv_nsec * 1e-6;
}
static void* cancel(void* token) {
  struct timespec pause = {(time_t)(wait_ms / 1e3), (long)(wait_ms * 1e6) % 1000000000};
  nanosleep(&pause, NULL);
  cancelled_cpu_ms = cpu_ms();
  cancelled_ms = now_ms();
  spinel_cancel_token_cancel(token);
  return NULL;
}
/* PROGRAM MODEL POINTS DTYPE: the time of a load, then how late each cancelled one ended. */
int main(int argc, char** argv) {
  spinel_engine_options options;
  double whole_ms = 1e9;
  int points = atoi(argv[2]), i;
  (void)argc;
  srand(1);
  pthread_getcpuclockid(pthread_self(), &loader);
  spinel_engine_options_init(&options, sizeof options);
  options.dtype = atoi(argv[3]);
  for (i = -3; i < points; ++i) {
    spinel_engine* engine = NULL;
    spinel_cancel_token* token = NULL;
    pthread_t thread;
    double begin_ms = now_ms(), end_ms, end_cpu_ms;
    int32_t code;
    if (i >= 0) {
      wait_ms = whole_ms * rand() / RAND_MAX;
      spinel_cancel_token_create(&token, NULL);
      pthread_create(&thread, NULL, cancel, token);
    }
    options.cancel = token;
    code = spinel_engine_create(argv[1], &options, &engine, NULL);
    end_ms = now_ms();
    end_cpu_ms = cpu_ms();
    spinel_engine_release(engine);
    if (i < 0) {
      if (code != SPINEL_OK) return 1;
      if (end_ms - begin_ms < whole_ms) whole_ms = end_ms - begin_ms;
      if (i == -1) printf("%f\n", whole_ms);
      continue;
    }
    pthread_join(thread, NULL);
    spinel_cancel_token_release(token);
    if (code == SPINEL_CANCELLED) printf("%f %f\n", end_ms - cancelled_ms, end_cpu_ms - cancelled_cpu_ms);
    else --i; /* It was faster than the fastest before: another point. */
  }
  return 0;
}
'''

root = pathlib.Path(__file__).resolve().parent.parent.parent
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument('--build', type=pathlib.Path, default=root / 'build')
parser.add_argument('--points', type=int, default=30)
parser.add_argument('--dtype', choices=['float32', 'float16'])
parser.add_argument('models', nargs='+', type=pathlib.Path)
arguments = parser.parse_args()
library = arguments.build.resolve() / 'lib'
with tempfile.TemporaryDirectory() as scratch:
    program = pathlib.Path(scratch) / 'cancel_load'
    subprocess.run(['cc', '-O2', '-x', 'c', '-', '-o', program, f'-I{root}/capi', f'-L{library}', f'-Wl,-rpath,{library}',
                    '-lspinel', '-lpthread'], input=PROGRAM, text=True, check=True)
    print('| network | MB | load, ms | cancel, median ms | max ms | processor time: median | max |\n'
          '| --- | ---: | ---: | ---: | ---: | ---: | ---: |')
    dtype = {None: '0', 'float32': '1', 'float16': '10'}[arguments.dtype]
    for model in arguments.models:
        done = subprocess.run([program, model, str(arguments.points), dtype], stdout=subprocess.PIPE, text=True, check=True)
        load, *late = map(float, done.stdout.split())
        columns = ' | '.join(f'{statistics.median(each):.1f} | {max(each):.1f}' for each in (late[::2], late[1::2]))
        print(f'| {model.stem} | {model.stat().st_size / 1e6:.0f} | {load:.0f} | {columns} |')
