#!/usr/bin/python3
"""Runs the program that drives the C ABI and checks that it left nothing out: drive.py PROGRAM LIBRARY [COMMAND ...],
the library of samples/custom_op and what to run the program under.

Every function that spinel.map names was called; those that can fail succeeded once and failed once; and every function of
spinel_op_api was called."""
import collections
import os
import pathlib
import re
import subprocess
import sys
import tempfile

source = pathlib.Path(os.environ['SPINEL_SOURCE_DIR'])
models = pathlib.Path(os.environ['SPINEL_BINARY_DIR']) / 'tests/capi/models'
sys.path.insert(0, str(source / 'bindings'))
import generate  # noqa: E402

program, library, *under = sys.argv[1:]
with tempfile.TemporaryDirectory() as scratch:
    done = subprocess.run([*under, program, models, source / 'samples/resnet', scratch, library], stdout=subprocess.PIPE,
                          text=True)
calls = collections.defaultdict(set)
for kind, name in re.findall(r'^(ok|fails|use) ([\w>-]+)$', done.stdout, re.M):
    calls[name].add(kind)
if done.returncode != 0:
    sys.exit(f'FAILED with {done.returncode} after {done.stdout.splitlines()[-1:]}')

text = ''.join((source / 'capi' / name).read_text() for name in ('spinel.h', 'spinel_dlpack.h'))
functions = generate.parse(text).functions
exported = re.findall(r'^ +(spinel_\w+);$', (source / 'capi/spinel.map').read_text(), re.M)
failures = []
for name in exported:
    parameters = functions[name][1]
    needed = {'ok', 'fails'} if parameters and parameters[-1][1] == 'error' and '**' in parameters[-1][0] else {'use'}
    failures += [f'{name}: no call of the kind "{kind}"' for kind in sorted(needed - calls[name])]
table = re.search(r'typedef struct spinel_op_api \{(.*?)\} spinel_op_api;', text, re.S)[1]
entries = set(re.findall(r'\(\*(\w+)\)\(', table)) - {'add', 'set_load_error'}  # Those are a library's: samples/custom_op.
failures += [f'spinel_op_api.{name}: not called' for name in sorted(entries) if not calls[f'api->{name}']]
print(f'{len(exported)} functions and {len(entries)} of spinel_op_api;', done.stdout.splitlines()[-1])
for failure in failures:
    print('FAILED:', failure)
sys.exit(bool(failures))
