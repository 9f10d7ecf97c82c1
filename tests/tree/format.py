"""Every C and C++ file is as clang-format leaves it; every script that names its interpreter can be executed."""

import os
import pathlib
import shutil
import subprocess
import sys

root = pathlib.Path(os.environ["SPINEL_SOURCE_DIR"])
scripts = [path for folder in ("bindings", "cmake", "docs", "samples", "tests") for path in (root / folder).rglob("*")
           if path.suffix in (".py", ".sh") and "node_modules" not in path.parts]
for path in scripts:
    with path.open("rb") as file:
        if file.read(2) == b"#!" and not os.access(path, os.X_OK):
            sys.exit(f"FAILED: {path.relative_to(root)} begins with #!, but is not executable: chmod +x")
tool = shutil.which("clang-format")
if tool is None:
    print("SKIPPED: format (no clang-format)")
    sys.exit(77)
files = [str(path) for folder in ("include", "src", "capi", "samples", "tests", "bindings/node")
         for path in sorted((root / folder).rglob("*")) if path.suffix in (".c", ".h", ".cpp", ".hpp")]
done = subprocess.run([tool, "--dry-run", "-Werror", *files], cwd=root)
print(len(files), "files looked at; to mend one: clang-format -i FILE")
sys.exit(done.returncode)
