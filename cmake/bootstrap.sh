#!/usr/bin/env bash
# Installs the Debian packages that are missing, and nothing when all are there.
#   cmake/bootstrap.sh [build|test|full]
# The sets are those of apt-packages.txt; each contains the ones before it. The default is build.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
set_name=${1:-build}
case $set_name in
  build) sets='build' ;;
  test) sets='build|test' ;;
  full) sets='build|test|full' ;;
  *) echo "usage: cmake/bootstrap.sh [build|test|full]" >&2; exit 2 ;;
esac
# For those who have installed the equivalents by hand.
[ -z "${SPINEL_SKIP_BOOTSTRAP:-}" ] || exit 0
mapfile -t named < <(awk -v sets="^($sets)\$" '$1 ~ sets {print $2}' "$here/apt-packages.txt")
wanted=()
for package in "${named[@]}"; do
  # PACKAGE=FILE: where the file is, another package has it.
  case $package in *=*) [ ! -e "${package#*=}" ] || continue ;; esac
  wanted+=("${package%%=*}")
done

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  {
    echo "bootstrap: this system has no apt. Install the equivalents of these Debian packages by hand,"
    echo "bootstrap: then run again with SPINEL_SKIP_BOOTSTRAP=1:"
    awk -v sets="^($sets)\$" '$1 ~ sets {name = $2; $1 = $2 = ""; printf "  %-22s%s\n", name, $0}' \
      "$here/apt-packages.txt"
  } >&2
  exit 1
fi

installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null |
  awk '$1 == "installed" {print $2}' || true)
missing=()
for package in "${wanted[@]}"; do
  grep -qxF "$package" <<<"$installed" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "bootstrap: neither root nor sudo; let an administrator run: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi

echo "bootstrap: installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
    -o Dpkg::Use-Pty=0 "${missing[@]}" >"$log" 2>&1
}
# The package lists of a fresh machine are empty or old: then install fails, or does after an update.
if ! install; then
  if ! "${as_root[@]}" apt-get update -qq >"$log" 2>&1 || ! install; then
    cat "$log" >&2
    echo "bootstrap: apt-get could not install: ${missing[*]}" >&2
    exit 1
  fi
fi
