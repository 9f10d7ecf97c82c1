#!/usr/bin/python3
"""Builds the Debian packages, installs them with dpkg into a root of their own, builds and runs a program over them,
and removes them again."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

source = pathlib.Path(os.environ['SPINEL_SOURCE_DIR'])
build = pathlib.Path(os.environ['SPINEL_BINARY_DIR'])
scratch = build / 'tests/consumer/deb'
root = scratch / 'root'

for tool in ('cpack', 'dpkg', 'dpkg-deb', 'dpkg-shlibdeps', 'pkg-config'):
    if not shutil.which(tool):
        print(f'SKIPPED: Debian packages (no {tool})')
        sys.exit(77)


def run(*command, **options):
    command = [str(part) for part in command]
    print('$', *command, flush=True)
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    print(done.stdout, end='', flush=True)
    if done.returncode != 0:
        sys.exit(f'FAILED with {done.returncode}')
    return done.stdout


def check(condition, message):
    if not condition:
        sys.exit(f'FAILED: {message}')


def dpkg(*arguments):
    return run('dpkg', f'--root={root}', '--force-not-root', '--force-depends', '--force-bad-path', '--force-script-chrootless', '--log=/dev/null',
               *arguments)


def files():
    return sorted(str(path.relative_to(root)) for path in (root / 'usr').rglob('*') if not path.is_dir())


shutil.rmtree(scratch, ignore_errors=True)
for folder in ('info', 'updates', 'triggers'):
    (root / 'var/lib/dpkg' / folder).mkdir(parents=True)
(root / 'var/lib/dpkg/status').touch()
run('cpack', '-G', 'DEB', '-B', scratch / 'packages', cwd=build)
packages = {path.name.split('_')[0]: path for path in (scratch / 'packages').glob('*.deb')}
check(set(packages) == {'libspinel0', 'libspinel-dev', 'spinel-tools'}, f'packages {sorted(packages)}')
depends = {name: run('dpkg-deb', '--field', path, 'Depends') for name, path in packages.items()}
check('libjpeg62-turbo' in depends['libspinel0'] and 'libc6' in depends['libspinel0'], 'libspinel0 lacks dependencies')
for name in ('libspinel-dev', 'spinel-tools'):
    check('libspinel0 (=' in depends[name], f'{name} does not depend on its library')

dpkg('-i', packages['libspinel0'])
check(any('libspinel.so.0' in name for name in files()), 'libspinel0 holds no library')
check(not any(name.endswith(('.h', '.hpp', '.a', '.so')) for name in files()), 'libspinel0 holds parts of the others')
dpkg('-i', packages['libspinel-dev'], packages['spinel-tools'])

pc, = root.rglob('spinel.pc')
library, = root.rglob('libspinel.so.0')
environment = {**os.environ, 'PKG_CONFIG_PATH': str(pc.parent), 'LD_LIBRARY_PATH': str(library.parent)}
flags = run('pkg-config', '--cflags', '--libs', 'spinel', env=environment).split()
run('cc', '-std=c99', source / 'samples/c/minimal.c', '-o', scratch / 'minimal', *flags)
resnet = source / 'samples/resnet'
answer = run(scratch / 'minimal', resnet / 'resnet_fashion.onnx', resnet / 'images/09_ankle_boot.png', env=environment)
check(re.fullmatch(r'class 9, probability [01]\.\d{3}\n', answer), 'not the ankle boot')
command, = root.rglob('bin/spinel')
check('cpu' in run(command, 'info', resnet / 'resnet_fashion.onnx'), 'the command does not run')

dpkg('-r', 'spinel-tools', 'libspinel-dev', 'libspinel0')
check(files() == [], f'left behind: {files()}')
