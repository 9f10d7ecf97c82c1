#!/usr/bin/env bash
# Rewrites passing.txt from the report of the last run of spinel_conformance_test. Read the diff before committing it.
#   tests/conformance/update_passing.sh [BUILD FOLDER]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
build=${1:-../../build}
{
  echo "# Cases of the ONNX test data that must pass; made by update_passing.sh."
  awk '$1 == "pass" {print $2}' "$build/conformance.txt"
} >passing.txt
