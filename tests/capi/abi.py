#!/usr/bin/python3
"""Compares the C ABI with that of every release under capi/abi/, and runs programs built with their headers.

  tests/capi/abi.py                     the test
  tests/capi/abi.py --release 0.1.0     writes capi/abi/0.1.0/ from today's headers

A dump (abidw) is made of the headers alone: of a library whose functions are empty. Functions may be added, and structs
may grow at their end; anything else is a break.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

source = pathlib.Path(os.environ.get('SPINEL_SOURCE_DIR', pathlib.Path(__file__).resolve().parent.parent.parent))
sys.path.insert(0, str(source / 'bindings'))
import generate  # noqa: E402

headers = ('spinel.h', 'spinel_dlpack.h')
grown_structs = '[suppress_type]\n  type_kind = struct\n  has_data_member_inserted_at = end\n'


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          **options)
    return done.returncode, done.stdout


def must(*command, **options):
    code, said = run(*command, **options)
    if code != 0:
        sys.exit(f'FAILED: {" ".join(map(str, command))}\n{said}')
    return said


def dump(folder, target):
    """abidw of the headers in a folder."""
    with tempfile.TemporaryDirectory() as scratch:
        stub = ['#include "spinel_dlpack.h"']
        for name in headers:
            for function, (result, parameters) in generate.parse((folder / name).read_text()).functions.items():
                arguments = ', '.join(f'{kind} {argument}' for kind, argument in parameters) or 'void'
                body = '' if result == 'void' else f' return ({result})0;'
                stub.append(f'{result} {function}({arguments}) {{{body} }}')
        (pathlib.Path(scratch) / 'libspinel.c').write_text('\n'.join(stub) + '\n')
        must('cc', '-g', '-w', '-shared', '-fPIC', '-Wl,-soname,libspinel.so.0', f'-I{folder}', 'libspinel.c', '-o',
             'libspinel.so', cwd=scratch)
        text = must('abidw', '--no-corpus-path', '--no-comp-dir-path', '--no-show-locs', 'libspinel.so', cwd=scratch)
        target.write_text(text)


def release(version):
    folder = source / 'capi/abi' / version
    folder.mkdir(parents=True, exist_ok=True)
    for name in headers:
        shutil.copy(source / 'capi' / name, folder / name)
    dump(folder, folder / 'spinel.abi')


def test():
    if not shutil.which('abidiff') or not shutil.which('abidw'):
        print('SKIPPED: comparison of the C ABI with its releases (no abidiff)')
        sys.exit(77)
    build = pathlib.Path(os.environ['SPINEL_BINARY_DIR'])
    scratch = build / 'tests/capi/abi'
    scratch.mkdir(parents=True, exist_ok=True)
    (scratch / 'allowed').write_text(grown_structs)
    dump(source / 'capi', scratch / 'today.abi')
    releases = sorted(path for path in (source / 'capi/abi').iterdir() if path.is_dir())
    if not releases:
        sys.exit('FAILED: capi/abi holds no release')
    resnet = source / 'samples/resnet'
    for folder in releases:
        code, said = run('abidiff', '--suppressions', scratch / 'allowed', folder / 'spinel.abi', scratch / 'today.abi')
        print(f'abidiff against {folder.name}: {code}\n{said}')
        # Bit 3: incompatible; bits 0 and 1: it could not tell. Bit 2 alone: additions, which the report must not exceed.
        if code & 11 or 'Removed' in said.replace('0 Removed', '') or 'Changed' in said.replace('0 Changed', ''):
            sys.exit(f'FAILED: the C ABI broke what {folder.name} promised')
        program = scratch / f'minimal-{folder.name}'
        must('cc', '-std=c99', source / 'samples/c/minimal.c', '-o', program, f'-I{folder}', f'-L{build}/lib',
             f'-Wl,-rpath,{build}/lib', '-lspinel')
        answer = must(program, resnet / 'resnet_fashion.onnx', resnet / 'images/09_ankle_boot.png')
        print(answer)
        if not answer.startswith('class 9, '):
            sys.exit('FAILED: the program of that release gives another answer')


if __name__ == '__main__':
    if sys.argv[1:2] == ['--release']:
        release(sys.argv[2])
    else:
        test()
