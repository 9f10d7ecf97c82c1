"""Every path of the tree that a page names is there."""

import os
import pathlib
import re
import sys

root = pathlib.Path(os.environ["SPINEL_SOURCE_DIR"])
pages = [page for page in [root / "README.md", *root.glob("docs/*.md"), *root.glob("samples/**/*.md")]]
named = re.compile(r"`(?:\./)?([A-Za-z0-9_.-]+/[A-Za-z0-9_./-]*[A-Za-z0-9_/])`|\]\(([^)#:]+)\)")
missing = []
count = 0
for page in pages:
    for match in named.finditer(page.read_text()):
        path = match[1] or match[2]
        if path.startswith(("build", "/", "include/spinel/*")) or "*" in path or "<" in path:
            continue
        count += 1
        if not (root / path).exists() and not (page.parent / path).exists():
            missing.append(f"{page.relative_to(root)} names {path}")
print(f"{len(pages)} pages, {count} paths")
print("\n".join(missing))
sys.exit(1 if missing or count == 0 else 0)
