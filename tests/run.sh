#!/usr/bin/env bash
# Sets up, builds preset release in build/ and runs the tests through ctest.
#   tests/run.sh [--full] [CTEST ARGUMENTS...]
# --full adds the suites labelled `full`: exports, big networks, all 10,000 test images, fuzzing, and what needs a
# package registry other than Debian's. What is skipped is named and counted; the last lines are ctest's own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

full=
if [ "${1:-}" = --full ]; then
  full=1
  shift
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
quietly() {
  if ! "$@" >"$log" 2>&1; then
    cat "$log" >&2
    echo "tests/run.sh: failed: $*" >&2
    exit 1
  fi
}

echo "tests/run.sh: packages"
if [ -n "$full" ]; then cmake/bootstrap.sh full; else cmake/bootstrap.sh test; fi
echo "tests/run.sh: build"
quietly cmake --preset release -DSPINEL_BUILD_TESTS=ON
if [ -t 1 ]; then cmake --build --preset release; else quietly cmake --build --preset release; fi

selection=(-LE '^full$')
[ -z "$full" ] || selection=()
echo "tests/run.sh: ctest"
status=0
# CTest lists what was skipped; a test that skips a part of itself prints a line `SKIPPED: what (why)`.
ctest --test-dir build --output-on-failure --no-tests=error -j "$(nproc)" "${selection[@]}" "$@" >"$log" 2>&1 ||
  status=$?
last=build/Testing/Temporary/LastTest.log
if [ -f $last ]; then
  skips=$(grep -a '^SKIPPED: ' $last | sort -u || true)
  echo "tests/run.sh: $(grep -c . <<<"$skips" || true) skipped"
  [ -z "$skips" ] || echo "$skips"
fi
cat "$log"
exit $status
