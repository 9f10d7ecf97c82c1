#!/usr/bin/python3
"""Writes what the bindings declare of the C ABI from the header itself.

  bindings/generate.py           writes every generated file
  bindings/generate.py --check   fails if one of them is not what the header says
"""
import dataclasses
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent


@dataclasses.dataclass
class Header:
    """What spinel.h declares, in its order. A declaration is (type, name), with the array length in the type."""
    version: str
    enums: dict[str, list[tuple[str, int]]]
    opaque: list[str]
    structs: dict[str, list[tuple[str, str]]]
    callbacks: dict[str, tuple[str, list[str]]]
    functions: dict[str, tuple[str, list[tuple[str, str]]]]
    constants: dict[str, int]  # Macros that are numbers.
    comments: dict[str, str]  # What stands right before a declaration, by its name.


def declaration(text):
    """'const char* const* names' as ('const char* const*', 'names')."""
    text = ' '.join(text.split())
    array = re.fullmatch(r'(.*?)(\w+)\[(\d+)\]', text)
    if array:
        return f'{array[1].strip()}[{array[3]}]', array[2]
    kind, name = re.fullmatch(r'(.*?[\s*])(\w+)', text).groups()
    return kind.strip(), name


def parse_comments(text):
    """The comment before each declaration; it also counts for those that follow without an empty line."""
    out = {}
    declared = re.compile(r'^(?:enum (\w+) \{|typedef struct (\w+)\b|typedef [\w*\s]+\(\*(\w+)\)|SPINEL_API [\w*\s]+?\b(\w+)\()', re.M)
    for match in declared.finditer(text):
        before = text[:match.start()]
        paragraph = before[before.rfind('\n\n') + 2:]
        comments = re.findall(r'^/\*(.*?)\*/', paragraph, re.S | re.M)
        if comments:
            out[next(filter(None, match.groups()))] = comments[-1].strip()
    return out


def parse(text):
    comments = parse_comments(text)
    text = re.sub(r'/\*.*?\*/', ' ', text, flags=re.S)
    version = '.'.join(re.findall(r'#define SPINEL_VERSION_\w+ (\d+)', text))
    constants = {name: int(value) for name, value in re.findall(r'^#define (SPINEL_\w+) \(?(-?\d+)\)?$', text, re.M)
                 if 'VERSION_' not in name}
    text = re.sub(r'^#.*$', '', text, flags=re.M)
    header = Header(version, {}, [], {}, {}, {}, constants, comments)
    for name, body in re.findall(r'enum (\w+) \{(.*?)\};', text, re.S):
        header.enums[name] = [(key, int(value)) for key, value in re.findall(r'(\w+) = (\d+)', body)]
    for name in re.findall(r'typedef struct (\w+) \1;', text):
        header.opaque.append(name)
    members = {}  # Functions that structs point to.
    for before, body, after in re.findall(r'struct (\w+) \{([^}]*)\}\s*(\w*);', text):
        name = after or before
        fields = []
        for line in filter(None, (line.strip() for line in body.split(';'))):
            pointer = re.fullmatch(r'(.+?) \(\*(\w+)\)\((.*)\)', ' '.join(line.split()))
            if pointer:
                callback = f'{name}_{pointer[2]}_function'
                parameters = [] if pointer[3] == 'void' else [declaration(each)[0] for each in pointer[3].split(',')]
                members[callback] = (pointer[1], parameters)
                fields.append((callback, pointer[2]))
            else:
                fields.append(declaration(line))
        header.structs[name] = fields
    header.opaque = [name for name in header.opaque if name not in header.structs]
    for result, name, parameters in re.findall(r'typedef ([\w*\s]+?)\(\*(\w+)\)\(([^;]*)\);', text):
        kinds = [] if parameters.strip() == 'void' else [declaration(each)[0] for each in parameters.split(',')]
        header.callbacks[name] = (result.strip(), kinds)
    header.callbacks.update(members)
    for result, name, parameters in re.findall(r'SPINEL_API ([\w*\s]+?)\s*\b(\w+)\(([^;]*)\);', text):
        kinds = [] if parameters.strip() == 'void' else [declaration(each) for each in parameters.split(',')]
        header.functions[name] = (' '.join(result.split()), kinds)
    return header


# ---- Python ---------------------------------------------------------------------------------------------------

scalars = {'size_t': 'c_size_t', 'uint64_t': 'c_uint64', 'int64_t': 'c_int64', 'int32_t': 'c_int32',
           'uint32_t': 'c_uint32', 'uint8_t': 'c_uint8', 'float': 'c_float', 'double': 'c_double'}


def python_type(header, kind):
    """The ctypes expression of a C type. Pointers to data are void pointers: their targets differ from call to call."""
    kind = re.sub(r'\b(const|struct)\b', ' ', kind)
    kind = ' '.join(kind.split()).replace(' *', '*')
    array = re.fullmatch(r'(.*)\[(\d+)\]', kind)
    if array:
        return f'{python_type(header, array[1])} * {array[2]}'
    if kind in scalars:
        return f'ctypes.{scalars[kind]}'
    if kind == 'char*':
        return 'ctypes.c_char_p'
    if kind in header.callbacks or kind in header.structs:
        return kind
    assert kind.endswith('*'), kind
    return 'ctypes.c_void_p'


def python(header):
    out = ['"""The C ABI as ctypes sees it. Generated by bindings/generate.py from capi/spinel.h: do not edit."""',
           'import ctypes', 'import enum', '', f"VERSION = '{header.version}'", '']
    for name, values in header.enums.items():
        out += ['', f'class {name}(enum.IntEnum):']
        prefix = 'SPINEL_'
        out += [f'    {key.removeprefix(prefix)} = {value}' for key, value in values] + ['']
    for name, (result, parameters) in header.callbacks.items():
        kinds = ['None' if result == 'void' else python_type(header, result)]
        kinds += [python_type(header, each) for each in parameters]
        out += [f'{name} = ctypes.CFUNCTYPE({", ".join(kinds)})']
    for name, fields in header.structs.items():
        out += ['', '', f'class {name}(ctypes.Structure):', '    _fields_ = [']
        out += [f"        ('{field}', {python_type(header, kind)})," for kind, field in fields] + ['    ]']
    out += ['', '', '# Name: result and parameters.',
            'FUNCTIONS: dict[str, tuple[object, list[object]]] = {']
    for name, (result, parameters) in header.functions.items():
        kinds = ', '.join(python_type(header, kind) for kind, _ in parameters)
        returned = 'None' if result == 'void' else python_type(header, result)
        out += [f"    '{name}': ({returned}, [{kinds}]),"]
    return '\n'.join(out + ['}', ''])


# ---- Rust -----------------------------------------------------------------------------------------------------

rust_scalars = {'size_t': 'usize', 'uint64_t': 'u64', 'int64_t': 'i64', 'int32_t': 'i32', 'uint32_t': 'u32',
                'uint8_t': 'u8', 'float': 'f32', 'double': 'f64', 'char': 'c_char', 'void': 'c_void'}


def rust_type(header, kind):
    """The Rust type of a C type; pointers keep their targets and constness."""
    array = re.fullmatch(r'(.*)\[(\d+)\]', kind)
    if array:
        return f'[{rust_type(header, array[1])}; {array[2]}]'
    base, *stars = kind.split('*')
    name = re.sub(r'\b(const|struct)\b', ' ', base).strip()
    out = rust_scalars.get(name, name)
    assert name in {*rust_scalars, *header.callbacks, *header.structs, *header.opaque}, kind
    for pointee in [base, *stars[:-1]]:
        if stars:
            out = f'*{"const" if "const" in pointee.split() else "mut"} {out}'
    return out


def rust_docs(text, indent=''):
    """The comment that stands before a declaration, as a doc comment."""
    lines = [re.sub(r'^ ?\*? ?', '', line.strip()).strip() for line in text.split('\n')]
    text = re.sub(r'([\[\]<>*])', r'\\\1', '\n'.join(lines).strip())
    return [f'{indent}/// {line}'.rstrip() for line in text.split('\n')] if text else []


def rust(header):
    out = ['// The C ABI as Rust sees it. Generated by bindings/generate.py from capi/spinel.h: do not edit.',
           'use std::os::raw::{c_char, c_void};', '',
           '/// The version of the header that these declarations come from.',
           f'pub const VERSION: &str = "{header.version}";', '']
    out += [f'pub const {name}: i32 = {value};' for name, value in header.constants.items()] + ['']
    for name, values in header.enums.items():
        out += rust_docs(header.comments.get(name, '')) + [f'pub type {name} = i32;']
        out += [f'pub const {key}: {name} = {value};' for key, value in values] + ['']
    for name in header.opaque:
        out += rust_docs(header.comments.get(name, '')) + ['#[repr(C)]', '#[derive(Debug)]', f'pub struct {name} {{', '    _opaque: [u8; 0],',
                '    _not_send: std::marker::PhantomData<(*mut u8, std::marker::PhantomPinned)>,', '}', '']
    for name, (result, parameters) in header.callbacks.items():
        kinds = ', '.join(rust_type(header, each) for each in parameters)
        returned = '' if result == 'void' else f' -> {rust_type(header, result)}'
        out += rust_docs(header.comments.get(name, '')) + [
            f'pub type {name} = Option<unsafe extern "C" fn({kinds}){returned}>;', '']
    for name, fields in header.structs.items():
        out += rust_docs(header.comments.get(name, '')) + ['#[repr(C)]', '#[derive(Clone, Copy, Debug)]', f'pub struct {name} {{']
        out += [f'    pub {rust_name(field)}: {rust_type(header, kind)},' for kind, field in fields]
        sized = fields[0][1] == 'struct_size'
        zeros = '// SAFETY: every field may be zero.\n        unsafe { std::mem::zeroed() }'
        out += ['}', '', f'impl Default for {name} {{']
        out += [f'    /// Zeros{", but for struct_size" if sized else ""}.', '    fn default() -> Self {']
        if sized:
            out += [f'        // SAFETY: every field may be zero.',
                    '        Self { struct_size: std::mem::size_of::<Self>(), ..unsafe { std::mem::zeroed() } }']
        else:
            out += [f'        {zeros}']
        out += ['    }', '}', '']
    out += ['extern "C" {']
    for name, (result, parameters) in header.functions.items():
        kinds = ', '.join(f'{rust_name(parameter)}: {rust_type(header, kind)}' for kind, parameter in parameters)
        returned = '' if result == 'void' else f' -> {rust_type(header, result)}'
        out += rust_docs(header.comments.get(name, ''), '    ') + [f'    pub fn {name}({kinds}){returned};']
    return '\n'.join(out + ['}', ''])


def rust_name(name):
    return f'r#{name}' if name in {'type', 'in', 'ref', 'fn', 'loop', 'match', 'move'} else name


targets = {'bindings/python/spinel/_abi.py': python, 'bindings/rust/spinel-sys/src/abi.rs': rust}


def main():
    header = parse((root / 'capi/spinel.h').read_text())
    stale = []
    for path, write in targets.items():
        text = write(header)
        if sys.argv[1:] == ['--check']:
            if not (root / path).exists() or (root / path).read_text() != text:
                stale.append(path)
        else:
            (root / path).write_text(text)
    if stale:
        sys.exit(f'not what capi/spinel.h says: {", ".join(stale)}; run bindings/generate.py')


if __name__ == '__main__':
    main()
