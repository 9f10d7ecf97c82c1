#!/usr/bin/python3
"""Runs the Rust binding's tests, documentation, lints and example against an installed library, with the default Rust and
with Debian's; with SPINEL_RUST_MEMORY=1 its tests under valgrind instead. Nothing comes from a network."""
import json
import os
import pathlib
import re
import shutil
import subprocess

from support import (build, check, check_classify, check_fields, check_functions, generate, generated, header, install,
                     library_paths, run, skip, source, sources)

binding = source / 'bindings/rust'
scratch = build / 'tests/bindings/rust'
prefix = scratch / 'prefix'
oldest = (1, 63)

# What the binding has no use for, and why.
left_out = {
    'spinel_engine_find_(input|output)': 'inputs() and outputs() have the names',
    'spinel_preprocess_(file|encoded|rgb)': 'spinel_preprocess_batch() takes one image, too',
    'spinel_(tensor|image|loader_options|engine_options|custom_op)_init': 'Default of spinel-sys does it',
}
# Memory that the host lends cannot be made safe.
left_out_options = {'allocate', 'deallocate', 'allocate_user'}


def toolchains():
    """{(1, minor): folder of cargo}, the default first; each version once, and none that is too old."""
    found = {}
    for cargo in filter(None, [shutil.which('cargo'), '/usr/bin/cargo']):
        rustc = pathlib.Path(cargo).with_name('rustc')
        if os.access(cargo, os.X_OK) and os.access(rustc, os.X_OK):
            version = re.match(r'rustc (\d+)\.(\d+)', subprocess.run([rustc, '--version'], capture_output=True, text=True).stdout)
            if version and (int(version[1]), int(version[2])) >= oldest:
                found.setdefault((int(version[1]), int(version[2])), pathlib.Path(cargo).parent)
    return found


def environment(version, folder):
    out = {key: value for key, value in os.environ.items() if not key.startswith(('CARGO_', 'RUST', 'PKG_CONFIG'))
           or key in ('CARGO_HOME', 'RUSTUP_HOME')}
    plugin = next(iter(build.rglob('libcustom_add.so')), None)
    return {**out, 'PATH': f'{folder}:{os.environ["PATH"]}', 'CARGO_NET_OFFLINE': 'true',
            'CARGO_TARGET_DIR': str(scratch / f'target-{version[0]}.{version[1]}'),
            **library_paths(prefix),
            'RUSTDOCFLAGS': '-D warnings', 'SPINEL_TEST_MODELS': str(build / 'tests/capi/models'),
            **({'SPINEL_TEST_CUSTOM_OPS': str(plugin)} if plugin else {})}


def covers():
    """Every function and every option of the header is used, or left out on purpose."""
    text = sources('rust/spinel/src/**/*.rs')
    check_functions(text, left_out, r'\bsys::{}\b')
    for struct in ('spinel_engine_options', 'spinel_preprocess_options', 'spinel_limits', 'spinel_loader_options',
                   'spinel_simplify_options', 'spinel_convert_options', 'spinel_check_options'):
        check_fields(text, struct, r'\b{0}:|\.{0} =|\(self\.options\.{0}|options\.{0}\)', left_out_options)


def layout(env):
    """The structs lie in memory as in C."""
    fields = {name: [generate.rust_name(field) for _, field in fields] for name, fields in header().structs.items()}
    c, rust = ['#include <stdio.h>', '#include <spinel.h>', 'int main(void) {'], []
    for name, names in fields.items():
        c.append(f'printf("{name} %zu\\n", sizeof({name}));')
        rust.append(f'println!("{name} {{}}", std::mem::size_of::<abi::{name}>());')
        for field in names:
            c.append(f'printf("{field} %zu\\n", offsetof({name}, {field.removeprefix("r#")}));')
            rust.append(f'let it = abi::{name}::default(); println!("{field} {{}}", '
                        f'std::ptr::addr_of!(it.{field}) as usize - std::ptr::addr_of!(it) as usize);')
    (scratch / 'layout.c').write_text('\n'.join([*c, 'return 0; }', '']))
    (scratch / 'layout.rs').write_text('\n'.join(['#![allow(dead_code, non_camel_case_types)]',
        f'#[path = "{binding / "spinel-sys/src/abi.rs"}"] mod abi;', 'fn main() {', *rust, '}', '']))
    run('cc', f'-I{prefix / "include"}', 'layout.c', '-o', 'layout_c', cwd=scratch)
    run('rustc', '--edition', '2021', 'layout.rs', '-o', 'layout_rust', cwd=scratch, env=env)
    ours, theirs = (run(scratch / name, capture_output=True) for name in ('layout_rust', 'layout_c'))
    check(ours == theirs, 'a struct of spinel-sys does not lie in memory as in C')


def lints(env):
    for arguments, what in ((['fmt', '--check'], 'format'), (['clippy', '--all-targets', '--', '-D', 'warnings'], 'clippy')):
        if subprocess.run(['cargo', arguments[0], '--version'], env=env, capture_output=True, cwd=binding).returncode == 0:
            run('cargo', *arguments, env=env, cwd=binding)
        else:
            print(f'SKIPPED: {what} of the Rust binding (no cargo {arguments[0]})')
    run('cargo', 'doc', '--no-deps', '--quiet', env=env, cwd=binding)


def example(env):
    run('cargo', 'build', '--quiet', '--example', 'classify', env=env, cwd=binding)
    classify = pathlib.Path(env['CARGO_TARGET_DIR']) / 'debug/examples/classify'
    check_classify(classify, env=env)


def static(env):
    """The library inside the program: it runs without libspinel.so."""
    if not any(prefix.rglob('libspinel.a')):
        print('SKIPPED: the Rust binding with libspinel.a (it was not built)')
        return
    run('cargo', 'build', '--quiet', '--example', 'classify', '--features', 'static', env={**env,
        'CARGO_TARGET_DIR': env['CARGO_TARGET_DIR'] + '-static'}, cwd=binding / 'spinel')
    classify = pathlib.Path(env['CARGO_TARGET_DIR'] + '-static') / 'debug/examples/classify'
    images = source / 'samples/resnet/images/09_ankle_boot.png'
    alone = {key: value for key, value in env.items() if key != 'LD_LIBRARY_PATH'}
    said = run(classify, source / 'samples/resnet/resnet_fashion.onnx', source / 'samples/resnet/synset.txt', images,
               env=alone, capture_output=True)
    check('Ankle boot' in said, said)


def memory(env):
    if not shutil.which('valgrind'):
        print('SKIPPED: memory of the Rust binding (no valgrind)')
        return
    messages = run('cargo', 'test', '--quiet', '--no-run', '--tests', '--message-format=json', env=env, cwd=binding / 'spinel',
                   capture_output=True)
    programs = [made['executable'] for made in map(json.loads, messages.splitlines())
                if made.get('executable') and made.get('profile', {}).get('test')]
    check(len(programs) >= 5, programs)
    for program in programs:
        # One test leaks on purpose, and one is long. "Possibly lost" is what Rust's own test harness leaves.
        # Fair: else a test that cancels an endless run may wait for its turn for ever.
        run('valgrind', '-q', '--fair-sched=yes', '--leak-check=full', '--show-leak-kinds=definite,indirect', '--error-exitcode=9',
            '--errors-for-leak-kinds=definite,indirect', program, '--test-threads=1', '--skip', 'a_forgotten_request', '--skip', 'options', env={**env, 'SPINEL_TEST_VALGRIND': '1'},
            capture_output=True, cwd=binding / 'spinel')


found = toolchains()
if not found:
    skip('the Rust binding (no Rust 1.63 or newer)')
generated()
covers()
install(prefix)
for number, (version, folder) in enumerate(found.items()):
    env = environment(version, folder)
    if os.environ.get('SPINEL_RUST_MEMORY') == '1':
        memory(env)
        break
    run('cargo', 'test', '--quiet', env=env, cwd=binding)
    if number == 0:
        layout(env)
        lints(env)
        example(env)
        static(env)
print('tested with', ', '.join(f'Rust {major}.{minor}' for major, minor in found))
