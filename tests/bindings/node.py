#!/usr/bin/python3
"""Builds the Node binding against an installed library, and runs its tests, its type check and its example, with every
Node there is: the default, and Debian's. Nothing comes from a network."""
import os
import pathlib
import re
import shutil
import subprocess

from support import build, check, check_classify, check_fields, check_functions, header, install, run, skip, source, sources

scratch = build / 'tests/bindings/node'
prefix = scratch / 'prefix'
binding = scratch / 'host/node_modules/spinel'

# What the binding has no use for, and why.
left_out = {
    'spinel_cancel_token_is_cancelled': 'signals say it',
    'spinel_engine_find_(input|output)': 'engine.inputs and engine.outputs have the names',
    'spinel_preprocess_(file|encoded|rgb)': 'spinel_preprocess_batch() takes one image, too',
}
# Memory of V8's cannot be lent to other threads, and its one thread cannot run their loops.
left_out_options = {'allocate', 'deallocate', 'allocate_user', 'parallel_for', 'parallel_for_user'}


def toolchains():
    """{version: path of node}, the default first."""
    found = {}
    for node in filter(None, [shutil.which('node'), '/usr/bin/node', '/usr/bin/nodejs']):
        if os.access(node, os.X_OK):
            version = subprocess.run([node, '--version'], capture_output=True, text=True).stdout.strip()
            if re.match(r'v(1[89]|[2-9]\d)\.', version):
                found.setdefault(version, pathlib.Path(node).resolve())
    return found


def covers():
    """Every function and every option of the header is used, or left out on purpose."""
    text = sources('node/src/*.?pp')
    check_functions(text, left_out)
    check_fields(text, 'spinel_engine_options', r'\boptions_\.{}\b', left_out_options)
    check_fields(text, 'spinel_preprocess_options', r'\boptions\.{}\b')
    check_fields(text, 'spinel_limits', r'limits(?:_\.|->){}\b')
    for struct in ('simplify_options', 'convert_options', 'check_options'):
        check_fields(text, f'spinel_{struct}', r'(?:options_\.|options->|check_\.){}\b')
    declared = (source / 'bindings/node/index.d.ts').read_text()
    names = [key.removeprefix('SPINEL_').lower() for key, value in
             header().enums['spinel_code'] + header().enums['spinel_dtype'] if value != 0]
    check(all(f"'{name}'" in declared for name in names), f'index.d.ts misses one of {names}')


def stage():
    shutil.rmtree(scratch, ignore_errors=True)
    install(prefix)
    shutil.copytree(source / 'bindings/node', binding, ignore=shutil.ignore_patterns('build', 'node_modules'))


def check_types():
    tsc = shutil.which('tsc')
    if tsc is None:
        print('SKIPPED: type check of the Node binding (no tsc)')
        return
    run(tsc, '--noEmit', '--strict', '--lib', 'es2022,dom', '--target', 'es2022', '--module', 'commonjs', 'test/types/use.ts',
        cwd=binding)


def check_example(node):
    """The example as a program of somebody else's, who has the package."""
    program = scratch / 'host/classify.js'
    shutil.copy(source / 'bindings/node/examples/classify.js', program)
    check_classify(node, program)


found = toolchains()
if not found:
    skip('the Node binding (no Node 18 or newer)')
nodes = list(found.values())
covers()
stage()
environment = {**os.environ, 'SPINEL_PREFIX': str(prefix), 'HOME': str(scratch), 'npm_config_offline': 'true',
               'npm_config_update_notifier': 'false', 'NODE_OPTIONS': ''}
npm = shutil.which('npm')
has_headers = any((folder / 'node_api.h').exists() for folder in (
    nodes[0].parent.parent / 'include/node', pathlib.Path('/usr/include/node'), pathlib.Path('/usr/include/nodejs/src')))
if not has_headers:
    skip('the Node binding (no node_api.h; Debian has it in libnode-dev)')
run(nodes[0], 'build.js', '--strict', env=environment, cwd=binding)
exported = run('nm', '-D', '--defined-only', binding / 'build/spinel.node', capture_output=True).split('\n')
check({line.split()[-1] for line in exported if line} <= {'napi_register_module_v1', 'node_api_module_get_api_version_v1'},
      f'the addon exports {exported}')
# One build serves them all: Node-API is stable.
tests = sorted(path.relative_to(binding) for path in binding.glob('test/*.test.js'))
for version, node in found.items():
    if npm is not None and node == nodes[0]:
        run(npm, 'test', env=environment, cwd=binding)
    else:
        run(node, '--test', *tests, env=environment, cwd=binding)
check_types()
check_example(nodes[0])
print('tested with Node', ', '.join(found))
