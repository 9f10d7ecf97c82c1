#!/usr/bin/python3
"""Builds the Node binding against an installed library, and runs its tests, its type check and its example, with every
Node there is: the default, and Debian's. Nothing comes from a network."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

source = pathlib.Path(os.environ['SPINEL_SOURCE_DIR'])
build = pathlib.Path(os.environ['SPINEL_BINARY_DIR'])
scratch = build / 'tests/bindings/node'
prefix = scratch / 'prefix'
binding = scratch / 'host/node_modules/spinel'

# What the binding leaves to C and C++: folders of images in batches, metrics, operators and loops written in the host's
# language (which would have to run on JavaScript's one thread), values between layers, memory of the host's; and what
# JavaScript does itself.
left_out = re.compile(r'spinel_(dataset|loader|batch|accuracy|custom_op|op_set_add|engine_find|preprocess_(file|encoded|rgb)|'
                      r'tensor_difference|layer_values|engine_layer_values|engine_inspect|'
                      r'value_|engine_(run_values|replace)|(check|simplify|convert)_options_init|(simplify|convert)_model|'
                      r'simplify_steps|float16_keep_list|tool_report|cancel_token_is_cancelled)')
left_out_options = {'allocate', 'deallocate', 'allocate_user', 'inspectable', 'parallel_for', 'parallel_for_user'}


def run(*command, **options):
    command = [str(part) for part in command]
    print('$', *command, flush=True)
    done = subprocess.run(command, text=True, **options)
    if done.returncode != 0:
        print(done.stdout or '', done.stderr or '')
        sys.exit(f'FAILED with {done.returncode}')
    return done.stdout


def check(good, saying):
    if not good:
        sys.exit(f'FAILED: {saying}')


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
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(source / 'bindings'))
    import generate
    header = generate.parse((source / 'capi/spinel.h').read_text())
    text = '\n'.join(path.read_text() for path in (source / 'bindings/node/src').glob('*.?pp'))
    missing = [name for name in header.functions if not re.search(rf'\b{name}\b', text) and not left_out.match(name)]
    check(not missing, f'the binding uses none of {missing}: add them to it, or to left_out here')
    for struct, ways in (('spinel_engine_options', r'\boptions_\.{}\b'), ('spinel_preprocess_options', r'\boptions\.{}\b'),
                         ('spinel_limits', r'limits_?\.{}\b')):
        fields = [name for _, name in header.structs[struct] if name not in {'struct_size', *left_out_options}]
        missing = [name for name in fields if not re.search(ways.format(name), text)]
        check(not missing, f'the binding sets none of {missing} of {struct}: add them to it, or to left_out_options here')
    declared = (source / 'bindings/node/index.d.ts').read_text()
    names = [key.removeprefix('SPINEL_').lower() for key, value in
             header.enums['spinel_code'] + header.enums['spinel_dtype'] if value != 0]
    check(all(f"'{name}'" in declared for name in names), f'index.d.ts misses one of {names}')


def stage():
    shutil.rmtree(scratch, ignore_errors=True)
    for component in ('runtime', 'dev'):
        run('cmake', '--install', build, '--prefix', prefix, '--component', component, capture_output=True)
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
    cat, boot = source / 'samples/photos/cat.png', source / 'samples/resnet/images/09_ankle_boot.png'
    lines = run(node, program, source / 'samples/resnet/resnet_fashion.onnx', source / 'samples/resnet/synset.txt', boot,
                capture_output=True).splitlines()
    check(len(lines) == 6 and lines[0] == str(boot) and re.fullmatch(r'  0\.9\d\d Ankle boot', lines[1]), lines)
    photos = [source / 'samples/photos/efficientnet_lite0.onnx', source / 'samples/photos/synset.txt']
    ours = run(node, program, '--preset', 'efficientnet-lite', *photos, cat, capture_output=True)
    check(ours.splitlines()[1].endswith(' tiger cat'), ours)
    if (build / 'bin/classify_c').exists():
        theirs = run(build / 'bin/classify_c', '--preset', 'efficientnet-lite', *photos, cat, capture_output=True)
        check(ours == theirs, f'{ours}\nis not what classify_c prints:\n{theirs}')
    for arguments, status, saying in ((photos, 2, 'usage:'), ([*photos, cat, '/none.png'], 1, '/none.png'),
                                      (['/none.onnx', photos[1], cat], 1, '/none.onnx')):
        done = subprocess.run([node, program, *arguments], capture_output=True, text=True)
        check(done.returncode == status and saying in done.stderr, f'{arguments}: {done}')


found = toolchains()
if not found:
    print('SKIPPED: the Node binding (no Node 18 or newer)')
    sys.exit(77)
nodes = list(found.values())
covers()
stage()
environment = {**os.environ, 'SPINEL_PREFIX': str(prefix), 'HOME': str(scratch), 'npm_config_offline': 'true',
               'npm_config_update_notifier': 'false', 'NODE_OPTIONS': ''}
npm = shutil.which('npm')
has_headers = any((folder / 'node_api.h').exists() for folder in (
    nodes[0].parent.parent / 'include/node', pathlib.Path('/usr/include/node'), pathlib.Path('/usr/include/nodejs/src')))
if not has_headers:
    print('SKIPPED: the Node binding (no node_api.h; Debian has it in libnode-dev)')
    sys.exit(77)
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
