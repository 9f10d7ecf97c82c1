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

from support import (build, check, check_classify, check_fields, check_functions, header, install, library_paths, run, skip,
                     source, sources)

binding = source / 'bindings/go'
scratch = build / 'tests/bindings/go'
prefix = scratch / 'prefix'

# What the binding has no use for, and why.
left_out = {
    'spinel_cancel_token_is_cancelled': 'contexts say it',
    'spinel_engine_find_(input|output)': 'Inputs() and Outputs() have the names',
    'spinel_preprocess_(file|encoded|rgb)': 'spinel_preprocess_batch() takes one image, too',
    'spinel_(tensor|image)_init': 'zeroed structs need their size alone',
}
# Go's garbage collector cannot lend memory.
left_out_options = {'allocate', 'deallocate', 'allocate_user'}


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
    digest = hashlib.sha256((prefix / 'include/spinel.h').read_bytes()).hexdigest()[:16]
    out = {key: value for key, value in os.environ.items() if not key.startswith(('GO', 'CGO_'))}
    out.update({
        'PATH': f'{go.parent}:{os.environ["PATH"]}', 'HOME': str(scratch), 'GOCACHE': str(scratch / 'cache'),
        'GOENV': 'off', 'GOFLAGS': '-buildvcs=false', 'GOPROXY': 'off', 'GOTOOLCHAIN': 'local', 'GOWORK': 'off',
        'CGO_ENABLED': '1',
        # Go's build cache does not see that a C header has changed; a flag it does see.
        'CGO_CFLAGS': f'-O2 -g -Wall -Werror -DSPINEL_HEADER_{digest}',
        **library_paths(prefix),
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
    check_classify(host / 'classify', env=env)


def covers():
    """Every function and every option of the header is used, or left out on purpose."""
    text = sources('go/*.go', 'go/*.c')
    check_functions(text, left_out)
    check_fields(text, 'spinel_engine_options', r'(?:\bc\.|options->){}\b', left_out_options)
    check_fields(text, 'spinel_preprocess_options', r'\bc\.{}\b')
    for struct in ('limits', 'simplify_options', 'convert_options', 'check_options'):
        check_fields(text, f'spinel_{struct}', r'\bc\.{}\b')
    codes = [key for key, _ in header().enums['spinel_code'] + header().enums['spinel_dtype']]
    check(all(re.search(rf'\bC\.{key}\b', text) for key in codes), 'a code or dtype is missing')


found = list(toolchains())
if not found:
    skip('the Go binding (no Go 1.19 or newer)')
covers()
install(prefix)
for minor, go in found:
    test(minor, go)
example(found[0][1])
print('tested with', ', '.join(f'Go 1.{minor}' for minor, _ in found))
