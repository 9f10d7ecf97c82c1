#!/usr/bin/python3
"""Configures (and with SPINEL_BUILD_IT=1 builds and runs) a host project that has Spinel as a subdirectory."""
import os
import pathlib
import shutil
import subprocess
import sys

source = pathlib.Path(os.environ['SPINEL_SOURCE_DIR'])
build_it = os.environ.get('SPINEL_BUILD_IT') == '1'
build = pathlib.Path(os.environ['SPINEL_BINARY_DIR']) / 'tests/consumer' / f'subdirectory{"_built" if build_it else ""}'


def run(*command):
    sys.stdout.flush()
    if subprocess.run([str(part) for part in command]).returncode != 0:
        sys.exit(f'FAILED: {command}')


if not build_it:
    shutil.rmtree(build, ignore_errors=True)
launcher = [f'-DCMAKE_{language}_COMPILER_LAUNCHER=ccache' for language in ('C', 'CXX') if shutil.which('ccache')]
run('cmake', '-S', source / 'tests/consumer/subdirectory', '-B', build, '-G', 'Ninja', f'-DSPINEL={source}',
    '-DCMAKE_BUILD_TYPE=Release', *launcher)
if build_it:
    run('cmake', '--build', build)
    for program in ('host', 'host_core'):
        run(build / program, source / 'samples/resnet/resnet_fashion.onnx',
            source / 'samples/resnet/images/09_ankle_boot.png')
