"""Doxygen's filter for the C headers, whose comments are plain ones: before a declaration they become documentation of
it, after a member of that member. Functions in a row share the comment before the first; one without is an error."""
import re
import sys

path = sys.argv[1]
text = open(path, encoding='utf-8').read()
text = re.sub(r'(?m)^/\* ----.*?\*/', '', text, flags=re.S)  # Headings of sections.
text = re.sub(r'([;,{]|= \d+) */\*(?!\*) ', r'\1 /**< ', text)  # Behind a member.
text = re.sub(r'(?m)^(\s*)/\*(?!\*) ', r'\1/** ', text)
first = text.index('/** ')
text = text[:first] + '/** @file\n * ' + text[first + 4:]

out, comment = [], ''
for block in re.split(r'(/\*\*(?!<).*?\*/\n|SPINEL_API [^;]*;\n|\n\n)', text, flags=re.S):
    if block.startswith('/**'):
        comment = block
    elif block.startswith('SPINEL_API '):
        if not comment:
            sys.exit(f'{path}: no comment before {block}')
        if not out[-1].startswith('/**'):
            out.append(comment)
    elif block.strip() or '\n\n' in block:
        comment = ''
    if block:
        out.append(block)
sys.stdout.write(''.join(out))
