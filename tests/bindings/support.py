"""What the tests of the bindings share: commands, the installed library, the coverage of the header, the example."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

source = pathlib.Path(os.environ['SPINEL_SOURCE_DIR'])
build = pathlib.Path(os.environ['SPINEL_BINARY_DIR'])

sys.dont_write_bytecode = True
sys.path.insert(0, str(source / 'bindings'))
import generate  # noqa: E402


def run(*command, **options):
    """Runs a command, which must succeed; its output where capture_output asks for it."""
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


def skip(saying):
    """Ends the test as skipped."""
    print(f'SKIPPED: {saying}')
    sys.exit(77)


def install(prefix):
    """The library as others install it."""
    shutil.rmtree(prefix, ignore_errors=True)
    for component in ('runtime', 'dev'):
        run('cmake', '--install', build, '--prefix', prefix, '--component', component, capture_output=True)


def library_paths(prefix):
    """The variables with which the prefix is found."""
    return {'PKG_CONFIG_PATH': ':'.join(map(str, prefix.rglob('pkgconfig'))),
            'LD_LIBRARY_PATH': ':'.join(str(path.parent) for path in prefix.rglob('libspinel.so'))}


def generated():
    """What generate.py writes is up to date."""
    run(sys.executable, '-B', source / 'bindings/generate.py', '--check')


def header():
    return generate.parse((source / 'capi/spinel.h').read_text())


def sources(*globs):
    """The text of the files beneath bindings/ that match, without tests."""
    return '\n'.join(path.read_text() for glob in globs for path in sorted((source / 'bindings').glob(glob))
                     if '_test' not in path.name)


def check_functions(text, left_out, use=r'\b{}\b'):
    """Every function of the header is used in the text, or left out: {pattern of names: why}."""
    unused = [name for name in header().functions if not re.search(use.format(name), text)]
    missing = [name for name in unused if not any(re.fullmatch(pattern, name) for pattern in left_out)]
    check(not missing, f'the binding uses none of {missing}: add them to it, or to what is left out')
    stale = [pattern for pattern in left_out if not any(re.fullmatch(pattern, name) for name in unused)]
    check(not stale, f'nothing is left out any more by {stale}')


def check_fields(text, struct, use, left_out=()):
    """Every field of a struct is set in the text, or left out."""
    fields = [name for _, name in header().structs[struct] if name not in {'struct_size', 'reserved', *left_out}]
    missing = [name for name in fields if not re.search(use.format(name), text)]
    check(not missing, f'the binding sets none of {missing} of {struct}: add them to it, or to what is left out')


def check_classify(*command, **options):
    """The example `classify` says what samples/c/classify.c does."""
    photos = [source / 'samples/photos/efficientnet_lite0.onnx', source / 'samples/photos/synset.txt']
    cat, boot = source / 'samples/photos/cat.png', source / 'samples/resnet/images/09_ankle_boot.png'
    lines = run(*command, source / 'samples/resnet/resnet_fashion.onnx', source / 'samples/resnet/synset.txt', boot,
                capture_output=True, **options).splitlines()
    check(len(lines) == 6 and lines[0] == str(boot) and re.fullmatch(r'  0\.9\d\d Ankle boot', lines[1]), lines)
    ours = run(*command, '--preset', 'efficientnet-lite', *photos, cat, capture_output=True, **options)
    check(ours.splitlines()[1].endswith(' tiger cat'), ours)
    if (build / 'bin/classify_c').exists():
        theirs = run(build / 'bin/classify_c', '--preset', 'efficientnet-lite', *photos, cat, capture_output=True)
        check(ours == theirs, f'{ours}\nis not what classify_c prints:\n{theirs}')
    for arguments, status, saying in ((photos, 2, 'usage:'), ([*photos, cat, '/none.png'], 1, '/none.png'),
                                      (['/none.onnx', photos[1], cat], 1, '/none.onnx')):
        done = subprocess.run([*map(str, command), *map(str, arguments)], capture_output=True, text=True, **options)
        check(done.returncode == status and saying in done.stderr, f'{arguments}: {done}')
