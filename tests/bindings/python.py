#!/usr/bin/python3
"""Builds the wheel of bindings/python, installs it into a fresh virtual environment, and runs the binding's tests, its
type check and the Python samples there. Nothing comes from a network."""
import os
import pathlib
import shutil
import subprocess
import sys

source = pathlib.Path(os.environ['SPINEL_SOURCE_DIR'])
build = pathlib.Path(os.environ['SPINEL_BINARY_DIR'])
binding = source / 'bindings/python'
scratch = build / 'tests/bindings/python'


def run(*command, **options):
    command = [str(part) for part in command]
    print('$', *command, flush=True)
    done = subprocess.run(command, **options)
    if done.returncode != 0:
        sys.exit(f'FAILED with {done.returncode}')


run('/usr/bin/env', sys.executable, '-B', source / 'bindings/generate.py', '--check')
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

carried = subprocess.run(['ldd', *scratch.glob('venv/lib/*/site-packages/spinel/lib/libspinel.so.0')],
                         capture_output=True, text=True, check=True).stdout
if shutil.which('patchelf') and 'libjpeg.so' in carried:
    sys.exit('FAILED: the wheel needs libjpeg of the system')
mypy = shutil.which('mypy')
if mypy:
    run(mypy, '--config-file', binding / 'pyproject.toml', '--cache-dir', scratch / 'mypy', '-p', 'spinel', cwd=binding)
else:
    print('SKIPPED: type check of the Python binding (no mypy)')
run(python, '-B', source / 'tests/bindings/python_samples.py', env={**environment, 'PYTHONPATH': str(source / 'samples/python')})
