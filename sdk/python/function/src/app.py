"""The step: what wit/step.wit exports is a method of `WitWorld` here, in snake case.

WebAssembly's strings, lists and records are Python's; to fail, raise `Err` with the text. Files are opened as anywhere, below the step's
mounts. Import at the top of a file only: modules are loaded when the step is built, and there are none to load when it runs.
"""

import os

import wit_world
from componentize_py_types import Err
from find import lines_with
from wit_world.imports import log, report

OUT = "/out/findings.txt"


class WitWorld(wit_world.WitWorld):
    def run(self, path: str, marker: str | None) -> wit_world.Summary:
        search = Search("TODO" if marker is None else marker)
        if not search.marker:
            raise Err("the marker is empty")
        search.folder(path)
        try:
            with open(OUT, "w", encoding="utf-8", newline="\n") as out:
                out.writelines(search.lines)
        except OSError:
            raise Err(f"cannot write {OUT}")
        log.log(log.Level.INFO, f"{len(search.lines)} findings in {search.files} files", [])
        return wit_world.Summary(search.files, search.bytes, len(search.lines))


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
            raise Err(f"cannot read {path}")
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
            raise Err(f"cannot read {path}")
        self.files += 1
        self.bytes += len(content)
        for line in lines_with(content, self.marker.encode()):
            self.lines.append(f"{path}:{line}\n")
            location = report.Location(path, line, None)
            report.add_finding(report.Finding("marker", report.Severity.WARNING, f"found {self.marker}", location, None))
