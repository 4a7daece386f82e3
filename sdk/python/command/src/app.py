"""The step: a program with arguments, standard output and standard error, which it ends by returning or by `sys.exit`.

Files are opened as anywhere, below the step's mounts. Import at the top of a file only: modules are loaded when the step is built, and there
are none to load when it runs.
"""

import json
import os
import sys
from typing import NoReturn

from find import lines_with
from wit_world import exports

OUT = "/out/findings.txt"


class Run(exports.Run):
    def run(self) -> None:
        main(sys.argv[1:])
        sys.stdout.flush()


def main(arguments: list[str]) -> None:
    if not 1 <= len(arguments) <= 2:
        fail("usage: {{name}} PATH [MARKER]")
    search = Search(arguments[1] if len(arguments) == 2 else "TODO")
    if not search.marker:
        fail("error: the marker is empty")
    search.folder(arguments[0])
    try:
        with open(OUT, "w", encoding="utf-8", newline="\n") as out:
            out.writelines(search.lines)
    except OSError:
        fail(f"error: cannot write {OUT}")
    total = {"files": search.files, "bytes": search.bytes, "findings": len(search.lines)}
    print(json.dumps(total, separators=(",", ":")))


def fail(text: str) -> NoReturn:
    sys.stdout.flush()
    print(text, file=sys.stderr, flush=True)
    sys.exit(1)


class Search:
    """A walk through folders, depth first, by name: the same on every machine."""

    def __init__(self, marker: str) -> None:
        self.marker = marker
        self.files = 0
        self.bytes = 0
        self.lines: list[str] = []

    def folder(self, path: str) -> None:
        try:
            with os.scandir(path) as entries:
                found = sorted(entries, key=lambda entry: os.fsencode(entry.name))
        except OSError:
            fail(f"error: cannot read {path}")
        for entry in found:
            inside = f"{path}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                self.folder(inside)
            elif entry.is_file(follow_symlinks=False):
                self.file(inside)

    def file(self, path: str) -> None:
        try:
            with open(path, "rb") as file:
                content = file.read()
        except OSError:
            fail(f"error: cannot read {path}")
        self.files += 1
        self.bytes += len(content)
        for line in lines_with(content, self.marker.encode()):
            self.lines.append(f"{path}:{line}\n")
            print(f"{path}:{line}: found {self.marker}")
