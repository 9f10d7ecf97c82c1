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
ctest --test-dir build --output-on-failure --no-tests=error -j "$(nproc)" "${selection[@]}" "$@" 2>&1 | tee "$log" ||
  status=${PIPESTATUS[0]}

# CTest names the tests that were skipped whole; one that leaves a part out prints "SKIPPED: what (why)".
parts=$(grep -a '^SKIPPED: ' build/Testing/Temporary/LastTest.log | sort -u || true)
whole=$(grep -acE '\*\*\*Skipped|\*\*\*Not Run' "$log" || true)
printf '\ntests/run.sh: %s tests skipped, %s skips reported inside tests\n' "$whole" "$(grep -c . <<<"$parts" || true)"
[ -z "$parts" ] || echo "$parts"
# CTest's verdict once more, so that it is the last line whatever was skipped.
grep -a '% tests passed' "$log" || true
exit "$status"
