#!/usr/bin/python3
"""The Doxygen reference builds without a warning, and every declaration of the C headers has its comment."""
import os
import pathlib
import shutil
import subprocess
import sys

source = pathlib.Path(os.environ['SPINEL_SOURCE_DIR'])
output = pathlib.Path(os.environ['SPINEL_BINARY_DIR']) / 'reference'
if not shutil.which('doxygen'):
    print('SKIPPED: the Doxygen reference (no doxygen)')
    sys.exit(77)


output.mkdir(parents=True, exist_ok=True)
settings = (source / 'docs/reference/Doxyfile').read_text() + f'\nOUTPUT_DIRECTORY = {output}\n'
done = subprocess.run(['doxygen', '-'], input=settings, cwd=source, capture_output=True, text=True)
if done.returncode != 0 or done.stderr:
    sys.exit(f'FAILED: doxygen gave {done.returncode}\n{done.stderr}')
for page, part in (('spinel_8h.html', 'The number of inputs and of outputs'), ('classspinel_1_1InferEngine.html', 'Queues a run')):
    if part not in (output / 'html' / page).read_text():
        sys.exit(f'FAILED: {page} lacks "{part}"')
