#!/usr/bin/python3
"""Checks what libspinel.so and libspinel.a export and need: check_symbols.py HEADERS MAP SHARED [ARCHIVE], HEADERS with commas."""
import re
import subprocess
import sys


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def global_symbols(*nm):
    lines = [line.split() for line in output('nm', '--defined-only', *nm).splitlines() if line.strip()]
    return {fields[2].split('@')[0]: fields[1] for fields in lines if len(fields) == 3 and fields[1] != 'A'}


failures = []


def check_equal(what, found, expected):
    found, expected = set(found), set(expected)
    if found != expected:
        failures.append(f'{what}: too many {sorted(found - expected)}, missing {sorted(expected - found)}')


headers, version_script, shared = sys.argv[1:4]
named = re.findall(r'^ +(spinel_\w+);$', open(version_script).read(), re.M)
text = ''.join(open(header).read() for header in headers.split(','))
declared = re.findall(r'^SPINEL_API [^;]*?\b(spinel_\w+)\(', text, re.M)
check_equal('functions of the headers against spinel.map', declared, named)
check_equal('exports of libspinel.so against spinel.map', global_symbols('-D', shared), named)
if len(sys.argv) > 4:
    check_equal('global symbols of libspinel.a against spinel.map', global_symbols('-g', sys.argv[4]), named)

dynamic = output('readelf', '-d', shared)
if 'Library soname: [libspinel.so.0]' not in dynamic:
    failures.append('the SONAME is not libspinel.so.0')
allowed = r'lib(stdc\+\+|gcc_s|c|m|jpeg|png16|pthread|dl|asan|ubsan|tsan)\.so\.\d+|ld-linux.*'
needed = re.findall(r'\(NEEDED\).*\[(.*)\]', dynamic)
failures += [f'libspinel.so needs {name}' for name in needed if not re.fullmatch(allowed, name)]
if '(TEXTREL)' in dynamic:
    failures.append('libspinel.so has text relocations')

print(f'{len(named)} symbols; needs {", ".join(needed)}')
for failure in failures:
    print('FAILED:', failure)
sys.exit(bool(failures))
