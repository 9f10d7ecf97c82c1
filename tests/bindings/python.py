#!/usr/bin/python3
"""Builds the wheel of bindings/python, installs it into a fresh virtual environment, and runs the binding's tests, its
type check and the Python samples there. Nothing comes from a network."""
import os
import shutil
import sys

from support import build, check, check_fields, check_functions, generated, run, source, sources

binding = source / 'bindings/python'
scratch = build / 'tests/bindings/python'

# What the binding has no use for, and why.
left_out = {
    'spinel_engine_find_(input|output)': 'engine.inputs and engine.outputs have the names',
    'spinel_preprocess_(file|encoded|rgb)': 'spinel_preprocess_batch() takes one image, too',
    'spinel_(tensor|image)_init': 'zeroed structs need their size alone',
    'spinel_tensor_bytes': 'numpy tells',
}
# Memory would be asked for with the GIL held, by every thread of the engine. One logger serves all engines.
left_out_options = {'allocate', 'deallocate', 'allocate_user', 'log_user', 'parallel_for_user', 'progress_user'}


def covers():
    """Every function and every option of the header is used, or left out on purpose."""
    text = sources('python/spinel/*.py')
    check_functions(text, left_out, r'\b_?lib\.{}\b')
    check_fields(text, 'spinel_engine_options', r'\b(?:out|self\.struct)\.{}\b', left_out_options)
    check_fields(text, 'spinel_preprocess_options', r'\b(?:out|self\._struct)\.{}\b')
    for struct in ('loader', 'simplify', 'convert'):
        check_fields(text, f'spinel_{struct}_options', r'\boptions\.{}\b')
    check_fields(text, 'spinel_check_options', r'\bout\.{}\b')


generated()
covers()
shutil.rmtree(scratch, ignore_errors=True)
scratch.mkdir(parents=True)
# numpy and Pillow are those of the system.
run(sys.executable, '-m', 'venv', '--system-site-packages', scratch / 'venv')
python = scratch / 'venv/bin/python'
run(python, '-m', 'pip', 'install', '-q', '--no-index', '--no-deps', '--disable-pip-version-check', '--config-settings',
    f'build-dir={build}', binding)

environment = {key: value for key, value in os.environ.items() if key != 'PYTHONPATH'}
environment['PYTHONPATH'] = str(binding / 'tests')
run(python, '-B', '-m', 'unittest', 'discover', '-s', binding / 'tests', '-b', env=environment, cwd=scratch)

carried = run('ldd', *scratch.glob('venv/lib/*/site-packages/spinel/lib/libspinel.so.0'), capture_output=True)
check(not (shutil.which('patchelf') and 'libjpeg.so' in carried), 'the wheel needs libjpeg of the system')
mypy = shutil.which('mypy')
if mypy:
    run(mypy, '--config-file', binding / 'pyproject.toml', '--cache-dir', scratch / 'mypy', '-p', 'spinel', cwd=binding)
else:
    print('SKIPPED: type check of the Python binding (no mypy)')
run(python, '-B', source / 'tests/bindings/python_samples.py', env={**environment, 'PYTHONPATH': str(source / 'samples/python')})
