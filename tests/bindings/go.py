#!/usr/bin/python3
"""Runs the Go binding's own tests, with the race detector too, its format and its vet, and the example in a module of its
own, against an installed library and with every Go toolchain there is: the default, and Debian's. Nothing comes from a
network."""
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys

source = pathlib.Path(os.environ['SPINEL_SOURCE_DIR'])
build = pathlib.Path(os.environ['SPINEL_BINARY_DIR'])
binding = source / 'bindings/go'
scratch = build / 'tests/bindings/go'
prefix = scratch / 'prefix'

# What the binding leaves to C and C++: folders of images in batches, metrics, operators written in the host's language,
# values between layers, memory of the host's (Go's garbage collector cannot lend any); and what Go does itself.
left_out = re.compile(r'spinel_(dataset|loader|batch|accuracy|custom_op|op_set_add|engine_find|preprocess_(file|encoded|rgb)|'
                      r'tensor_(difference|init)|image_init|layer_values|engine_layer_values|engine_inspect|'
                      r'value_|engine_(run_values|replace)|(check|simplify|convert)_options_init|(simplify|convert)_model|'
                      r'simplify_steps|float16_keep_list|tool_report|cancel_token_is_cancelled)')
left_out_options = {'allocate', 'deallocate', 'allocate_user', 'inspectable'}


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
    """(version, path of go), each version once."""
    found = {}
    for go in filter(None, [shutil.which('go'), '/usr/bin/go', *map(str, sorted(pathlib.Path('/usr/lib').glob('go-*/bin/go')))]):
        if os.access(go, os.X_OK):
            text = subprocess.run([go, 'version'], capture_output=True, text=True, cwd='/',
                                  env={**os.environ, 'GOTOOLCHAIN': 'local'}).stdout
            version = re.search(r'go1\.(\d+)', text)
            if version and int(version[1]) >= 19:
                found.setdefault(text, (int(version[1]), pathlib.Path(go).resolve()))
    return found.values()


def environment(go):
    header = hashlib.sha256((prefix / 'include/spinel.h').read_bytes()).hexdigest()[:16]
    out = {key: value for key, value in os.environ.items() if not key.startswith(('GO', 'CGO_'))}
    out.update({
        'PATH': f'{go.parent}:{os.environ["PATH"]}', 'HOME': str(scratch), 'GOCACHE': str(scratch / 'cache'),
        'GOENV': 'off', 'GOFLAGS': '-buildvcs=false', 'GOPROXY': 'off', 'GOTOOLCHAIN': 'local', 'GOWORK': 'off',
        'CGO_ENABLED': '1',
        # Go's build cache does not see that a C header has changed; a flag it does see.
        'CGO_CFLAGS': f'-O2 -g -Wall -Werror -DSPINEL_HEADER_{header}',
        'PKG_CONFIG_PATH': ':'.join(map(str, prefix.rglob('pkgconfig'))),
        'LD_LIBRARY_PATH': ':'.join(str(path.parent) for path in prefix.rglob('libspinel.so')),
    })
    return out


def test(minor, go):
    env = environment(go)
    run(go, 'version', env=env, cwd=binding)
    unformatted = run(go.parent / 'gofmt', '-l', '.', capture_output=True, cwd=binding)
    check(not unformatted, f'gofmt would change {unformatted}')
    run(go, 'vet', './...', env=env, cwd=binding)
    # Half of the binding's cgo rules are checked at run time: Go pointers that reach C's memory unpinned.
    run(go, 'test', '-count=1', '-timeout=300s', './...', cwd=binding, env={**env, 'GODEBUG': 'cgocheck=2'} if minor < 21 else env)
    runtime = pathlib.Path(run(go, 'env', 'GOROOT', env=env, capture_output=True).strip()) / 'src/runtime/race'
    if not any(runtime.rglob('*.syso')):
        print(f'SKIPPED: race detector of Go 1.{minor} (no *.syso in its runtime/race)')
        return
    checked = {**env, 'GODEBUG': 'cgocheck=2'} if minor < 21 else {**env, 'GOEXPERIMENT': 'cgocheck2'}
    run(go, 'test', '-race', '-count=1', '-timeout=300s', './...', env=checked, cwd=binding)


def example(go):
    """The example as a program of somebody else's, as docs/go.md says."""
    env = environment(go)
    host = scratch / 'host'
    shutil.rmtree(host, ignore_errors=True)
    shutil.copytree(binding / 'examples/classify', host)
    run(go, 'mod', 'init', 'host', env=env, cwd=host, capture_output=True)
    run(go, 'mod', 'edit', '-require=spinel@v0.1.0', f'-replace=spinel={binding}', env=env, cwd=host)
    run(go, 'build', '-o', 'classify', '.', env=env, cwd=host)
    cat, boot = source / 'samples/photos/cat.png', source / 'samples/resnet/images/09_ankle_boot.png'
    lines = run(host / 'classify', source / 'samples/resnet/resnet_fashion.onnx', source / 'samples/resnet/synset.txt', boot,
                env=env, capture_output=True).splitlines()
    check(len(lines) == 6 and lines[0] == str(boot) and re.fullmatch(r'  0\.9\d\d Ankle boot', lines[1]), lines)
    photos = [source / 'samples/photos/efficientnet_lite0.onnx', source / 'samples/photos/synset.txt']
    ours = run(host / 'classify', '--preset', 'efficientnet-lite', *photos, cat, env=env, capture_output=True)
    check(ours.splitlines()[1].endswith(' tiger cat'), ours)
    if (build / 'bin/classify_c').exists():
        theirs = run(build / 'bin/classify_c', '--preset', 'efficientnet-lite', *photos, cat, capture_output=True)
        check(ours == theirs, f'{ours}\nis not what classify_c prints:\n{theirs}')
    for arguments, status, saying in ((photos, 2, 'usage:'), ([*photos, cat, '/none.png'], 1, '/none.png'),
                                      (['/none.onnx', photos[1], cat], 1, '/none.onnx')):
        done = subprocess.run([host / 'classify', *arguments], env=env, capture_output=True, text=True)
        check(done.returncode == status and saying in done.stderr, f'{arguments}: {done}')


def covers():
    """Every function and every option of the header is used, or left out on purpose."""
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(source / 'bindings'))
    import generate
    header = generate.parse((source / 'capi/spinel.h').read_text())
    text = '\n'.join(path.read_text() for path in [*binding.glob('*.go'), *binding.glob('*.c')] if '_test' not in path.name)
    missing = [name for name in header.functions if not re.search(rf'\b{name}\b', text) and not left_out.match(name)]
    check(not missing, f'the binding uses none of {missing}: add them to it, or to left_out here')
    for struct, ways in (('spinel_engine_options', r'(?:\bc\.|options->){}\b'), ('spinel_preprocess_options', r'\bc\.{}\b'),
                         ('spinel_limits', r'\bc\.{}\b')):
        fields = [name for _, name in header.structs[struct] if name not in {'struct_size', *left_out_options}]
        missing = [name for name in fields if not re.search(ways.format(name), text)]
        check(not missing, f'the binding sets none of {missing} of {struct}: add them to it, or to left_out_options here')
    codes = [key for key, _ in header.enums['spinel_code'] + header.enums['spinel_dtype']]
    check(all(re.search(rf'\bC\.{key}\b', text) for key in codes), 'a code or dtype is missing')


found = list(toolchains())
if not found:
    print('SKIPPED: the Go binding (no Go 1.19 or newer)')
    sys.exit(77)
covers()
shutil.rmtree(prefix, ignore_errors=True)
for component in ('runtime', 'dev'):
    run('cmake', '--install', build, '--prefix', prefix, '--component', component, capture_output=True)
for minor, go in found:
    test(minor, go)
example(found[0][1])
print('tested with', ', '.join(f'Go 1.{minor}' for minor, _ in found))
