"""`python -m spinel` is the spinel command."""
import os
import pathlib
import shutil
import sys


def main() -> None:
    own = pathlib.Path(__file__).parent / 'bin' / 'spinel'
    command = str(own) if own.exists() else shutil.which('spinel')
    if command is None:
        sys.exit(f'spinel: the command is neither at {own} nor on PATH; this package was built without it')
    os.execv(command, ['spinel', *sys.argv[1:]])


if __name__ == '__main__':
    main()
