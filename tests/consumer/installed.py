#!/usr/bin/python3
"""Installs to a prefix, moves it, and builds and runs users' programs over it: README.md's through pkg-config,
one through find_package for each of the shared library, the static archive and the C++ API."""
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import samples

source = pathlib.Path(os.environ['SPINEL_SOURCE_DIR'])
build = pathlib.Path(os.environ['SPINEL_BINARY_DIR'])
scratch = build / 'tests' / 'consumer' / 'installed'
model = source / 'samples/resnet/resnet_fashion.onnx'
image = source / 'samples/resnet/images/09_ankle_boot.png'


def run(*command, **options):
    command = [str(part) for part in command]
    print('$', shlex.join(command), flush=True)
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    print(done.stdout, end='', flush=True)
    if done.returncode != 0:
        sys.exit(f'FAILED with {done.returncode}')
    return done.stdout


def check(condition, message):
    if not condition:
        sys.exit(f'FAILED: {message}')


def check_answer(*command, **options):
    answer = run(*command, model, image, **options)
    check(re.fullmatch(r'class 9, probability 0\.\d{3}\n|class 9, probability 1\.000\n', answer), 'not the ankle boot')


shutil.rmtree(scratch, ignore_errors=True)
scratch.mkdir(parents=True)
prefix = scratch / 'moved'
run('cmake', '--install', build, '--prefix', scratch / 'first', stdin=subprocess.DEVNULL)
(scratch / 'first').rename(prefix)

# DESTDIR: nothing is written beside it, and the same files come.
staged = scratch / 'staged'
run('cmake', '--install', build, '--prefix', '/opt/spinel', env={**os.environ, 'DESTDIR': str(staged)})
tree = lambda root: sorted(str(p.relative_to(root)) for p in root.rglob('*') if not p.is_dir())
check(tree(prefix) == tree(staged / 'opt/spinel'), 'DESTDIR gives other files')
for path in tree(prefix):
    text = (prefix / path).read_bytes() if path.endswith(('.cmake', '.pc', '.h', '.hpp')) else b''
    check(str(source).encode() not in text and str(scratch / 'first').encode() not in text,
          f'{path} names a folder of this machine')

# README.md's C program and the line that builds it.
readme = (source / 'README.md').read_text()
section = re.search(r'^#+ From C\n(.*?)(?=^#+ |\Z)', readme, re.M | re.S)
check(section, 'README.md has no section "From C"')
program = re.search(r'^```c\n(.*?)^```', section[1], re.M | re.S)
line = re.search(r'^\s*(?:\$ )?(cc .*minimal\.c.*)$', section[1], re.M)
check(program and line, 'README.md has no C program or no cc line')
check(program[1] == (source / 'samples/c/minimal.c').read_text(), 'README.md shows another program than samples/c/minimal.c')
folder = scratch / 'readme'
folder.mkdir()
(folder / 'minimal.c').write_text(program[1])
pc_folder, = {p.parent for p in prefix.rglob('spinel.pc')}
library_folder, = {p.parent for p in prefix.rglob('libspinel.so')}
environment = {**os.environ, 'PKG_CONFIG_PATH': str(pc_folder)}
run('sh', '-ec', line[1], cwd=folder, env=environment)
program_file, = (p for p in folder.iterdir() if p.suffix == '' )
with_library = {**os.environ, 'LD_LIBRARY_PATH': str(library_folder)}
check_answer(program_file, env=with_library)

# libspinel.a through pkg-config, and no libspinel.so when running.
static = subprocess.run(['pkg-config', '--static', '--cflags', '--libs', 'spinel'], env=environment, check=True,
                        capture_output=True, text=True).stdout.strip().replace('-lspinel', '-l:libspinel.a')
run('sh', '-ec', f'cc -std=c99 -pedantic -Wall -Wextra -Werror minimal.c -o static_one {static}', cwd=folder)
check_answer(folder / 'static_one')

cmake_build = scratch / 'find_package'
run('cmake', '-S', source / 'tests/consumer/find_package', '-B', cmake_build, '-G', 'Ninja',
    f'-DCMAKE_PREFIX_PATH={prefix}', f'-DPROGRAM={folder}/minimal.c', '-DCMAKE_BUILD_TYPE=Release')
run('cmake', '--build', cmake_build)
for name in ('with_spinel', 'with_spinel_static', 'with_core'):
    check_answer(cmake_build / name)
run('cmake', '-S', source / 'samples/cpp', '-B', scratch / 'sample', '-G', 'Ninja', f'-DCMAKE_PREFIX_PATH={prefix}',
    '-DCMAKE_BUILD_TYPE=Release')
run('cmake', '--build', scratch / 'sample')
samples.check_classify(scratch / 'sample/classify_cpp', 3)
needed = run('ldd', cmake_build / 'with_spinel_static')
check('libspinel' not in needed, 'the static program needs libspinel.so')
needed = run('ldd', cmake_build / 'with_spinel')
for guest in ('protobuf', 'fmt', 'gomp', 'omp.so', 'onnx'):
    check(guest not in needed, f'the program needs {guest}')

# The installed samples find the installed library.
classify, = prefix.rglob('classify_c')
samples.check_samples(classify.parent, installed=True)
