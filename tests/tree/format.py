"""Every C and C++ file is as clang-format leaves it."""

import os
import pathlib
import shutil
import subprocess
import sys

root = pathlib.Path(os.environ["SPINEL_SOURCE_DIR"])
tool = shutil.which("clang-format")
if tool is None:
    print("SKIPPED: format (no clang-format)")
    sys.exit(77)
files = [str(path) for folder in ("include", "src", "capi", "samples", "tests", "bindings/node")
         for path in sorted((root / folder).rglob("*")) if path.suffix in (".c", ".h", ".cpp", ".hpp")]
done = subprocess.run([tool, "--dry-run", "-Werror", *files], cwd=root)
print(len(files), "files looked at; to mend one: clang-format -i FILE")
sys.exit(done.returncode)
