# SPDX-License-Identifier: BSD-2-Clause
"""
The public API as the headers have it, for check-abi and check-docs: what
stands behind FS_API, and the comment above it.
"""
import glob
import re

COMMENT = re.compile(r"/\*.*?\*/", re.S)
PROTOTYPE = re.compile(r"^FS_API\s+([^;{]*?)\b(fs_\w+)\s*\(([^;{]*)\)\s*;", re.M)


class Call:
    def __init__(self, name, result, params, where, errors):
        self.name = name
        self.result = result
        self.params = params
        self.where = where      # "file:line"
        self.errors = errors    # of the comment, without the minus


def squeeze(text):
    """One spelling for one declaration: no space around *, single ones elsewhere."""
    text = re.sub(r"\s+", " ", text).strip()
    return re.sub(r"\s*\*\s*", "*", text)


def blank(match):
    return re.sub(r"[^\n]", " ", match.group())


def calls():
    """Every FS_API call; prototypes right below one another share a comment."""
    found = []
    for path in sorted(glob.glob("include/fastsock/*.h")):
        with open(path, encoding="utf-8") as header:
            text = header.read()
        comments = [(m.end(), m.group()) for m in COMMENT.finditer(text)]
        # Of the same length, so that positions stay what they are.
        code = COMMENT.sub(blank, text)
        for match in PROTOTYPE.finditer(code):
            above = [c for end, c in comments if end <= match.start()]
            errors = re.findall(r"-(E[A-Z0-9]+)\b", above[-1]) if above else []
            params = [squeeze(p) for p in match.group(3).split(",")]
            found.append(Call(match.group(2), squeeze(match.group(1)), params,
                              f"{path}:{text.count(chr(10), 0, match.start()) + 1}", errors))
    return found
