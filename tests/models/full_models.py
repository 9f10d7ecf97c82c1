"""tests/models/run.py over every network: with `tests/run.sh --full`."""
import os
import sys

import run

if __name__ == "__main__":
    os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    sys.argv[1:] = ["--all", "--rounds", "1", "--slice", "0.1"]
    sys.exit(run.main())
