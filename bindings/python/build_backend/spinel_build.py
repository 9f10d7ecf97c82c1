"""The build backend (PEP 517) of the Python binding: builds libspinel and the command with CMake and packs them.

Settings, as in `pip install --config-settings build-dir=... `:
  build-dir   a build folder of CMake to use and keep; without it a temporary one is used.

JPEG and PNG decoders: the wheel carries copies of the libraries under names of its own where patchelf is there, so
that they meet no other copy in the process; without patchelf the wheel needs those of the system.
"""
import base64
import hashlib
import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
import zipfile

here = pathlib.Path(__file__).resolve().parent.parent
sources = here / 'cpp' if (here / 'cpp').exists() else here.parent.parent
source_parts = ('CMakeLists.txt', 'CMakePresets.json', 'LICENSE', 'cmake', 'include', 'src', 'capi')
codecs = ('libjpeg', 'libpng')


def _version():
    text = (sources / 'CMakeLists.txt').read_text()
    return re.search(r'^project\(spinel VERSION ([\d.]+)', text, re.M)[1]


def _run(*command):
    sys.stdout.flush()
    subprocess.run([str(part) for part in command], check=True)


def _configure_and_build(settings):
    """(build folder, whether it is ours to remove)."""
    given = (settings or {}).get('build-dir')
    build = pathlib.Path(given).resolve() if given else pathlib.Path(tempfile.mkdtemp(prefix='spinel-build-'))
    if not (build / 'CMakeCache.txt').exists():
        generator = ['-G', 'Ninja'] if shutil.which('ninja') else []
        _run('cmake', '-S', sources, '-B', build, *generator, '-DCMAKE_BUILD_TYPE=Release', '-DSPINEL_BUILD_TESTS=OFF',
             '-DSPINEL_BUILD_SAMPLES=OFF', '-DSPINEL_STATIC_ARCHIVE=OFF')
    _run('cmake', '--build', build, '--parallel', str(os.cpu_count() or 1))
    return build, not given


def _stage(build, package):
    """Puts library and command into the package, stripped."""
    (package / 'lib').mkdir()
    (package / 'bin').mkdir()
    library, command = package / 'lib' / 'libspinel.so.0', package / 'bin' / 'spinel'
    shutil.copy(build / 'lib' / 'libspinel.so.0', library)
    shutil.copy(build / 'bin' / 'spinel', command)
    for file in (library, command):
        _run('strip', '--strip-unneeded', file)
    if shutil.which('patchelf'):
        _carry_codecs(package, (library, command))
    else:
        print('spinel: no patchelf; the wheel needs the JPEG and PNG libraries of the system')


def _needed(file):
    return dict(re.findall(r'^\s*(\S+) => (/\S+)', subprocess.run(
        ['ldd', str(file)], capture_output=True, text=True, check=True).stdout, re.M))


def _carry_codecs(package, files):
    renamed = {}
    for file in files:
        for name, path in _needed(file).items():
            if not name.startswith(codecs):
                continue
            own = name.replace('.so', '-spinel.so', 1)
            if name not in renamed:
                shutil.copy(path, package / 'lib' / own)
                (package / 'lib' / own).chmod(0o755)
                _run('patchelf', '--set-soname', own, package / 'lib' / own)
                renamed[name] = own
            _run('patchelf', '--replace-needed', name, renamed[name], file)
        _run('patchelf', '--set-rpath', '$ORIGIN' if file.parent.name == 'lib' else '$ORIGIN/../lib', file)


def _metadata():
    return (f'Metadata-Version: 2.1\nName: spinel\nVersion: {_version()}\n'
            'Summary: Embeddable ONNX inference: the Python binding of libspinel\nLicense: Apache-2.0\n'
            'Requires-Python: >=3.9\nRequires-Dist: numpy>=1.21\nDescription-Content-Type: text/markdown\n\n'
            + (here / 'README.md').read_text())


def _tag():
    machine = os.uname().machine
    library, version = os.confstr('CS_GNU_LIBC_VERSION').split()
    major, minor = version.split('.')[:2]
    return f'py3-none-manylinux_{major}_{minor}_{machine}' if library == 'glibc' else f'py3-none-linux_{machine}'


def _dist_info():
    return f'spinel-{_version()}.dist-info'


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    folder = pathlib.Path(metadata_directory) / _dist_info()
    folder.mkdir()
    (folder / 'METADATA').write_text(_metadata())
    (folder / 'WHEEL').write_text(_wheel_text())
    return folder.name


def _wheel_text():
    return f'Wheel-Version: 1.0\nGenerator: spinel_build\nRoot-Is-Purelib: false\nTag: {_tag()}\n'


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = f'spinel-{_version()}-{_tag()}.whl'
    build, temporary = _configure_and_build(config_settings)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            stage = pathlib.Path(scratch)
            shutil.copytree(here / 'spinel', stage / 'spinel', ignore=shutil.ignore_patterns('__pycache__', 'lib', 'bin'))
            _stage(build, stage / 'spinel')
            info = stage / _dist_info()
            info.mkdir()
            (info / 'METADATA').write_text(_metadata())
            (info / 'WHEEL').write_text(_wheel_text())
            (info / 'entry_points.txt').write_text('[console_scripts]\nspinel = spinel.__main__:main\n')
            shutil.copy(sources / 'LICENSE', info / 'LICENSE')
            _write_wheel(stage, info, pathlib.Path(wheel_directory) / name)
    finally:
        if temporary:
            shutil.rmtree(build, ignore_errors=True)
    return name


def _write_wheel(stage, info, target):
    record = []
    with zipfile.ZipFile(target, 'w', zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(path for path in stage.rglob('*') if path.is_file()):
            name = str(file.relative_to(stage))
            data = file.read_bytes()
            entry = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (stat.S_IFREG | (0o755 if os.access(file, os.X_OK) else 0o644)) << 16
            archive.writestr(entry, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()
            record.append(f'{name},sha256={digest},{len(data)}')
        name = f'{info.name}/RECORD'
        archive.writestr(name, '\n'.join([*record, f'{name},,', '']))


def build_sdist(sdist_directory, config_settings=None):
    name = f'spinel-{_version()}'
    with tarfile.open(pathlib.Path(sdist_directory) / f'{name}.tar.gz', 'w:gz') as archive:
        skip = lambda info: None if '__pycache__' in info.name else info
        for part in ('pyproject.toml', 'README.md', 'build_backend', 'spinel'):
            archive.add(here / part, f'{name}/{part}', filter=skip)
        for part in source_parts:
            archive.add(sources / part, f'{name}/cpp/{part}', filter=skip)
        with tempfile.NamedTemporaryFile('w') as metadata:
            metadata.write(_metadata())
            metadata.flush()
            archive.add(metadata.name, f'{name}/PKG-INFO')
    return f'{name}.tar.gz'
