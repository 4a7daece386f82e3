"""The part of the step that needs no host: `python3 -m unittest discover test` runs it in any Python."""


def lines_with(content: bytes, marker: bytes) -> list[int]:
    """The numbers, from 1, of the lines that contain the bytes `marker`. A line ends with a line feed, or where the bytes end."""
    return [number for number, line in enumerate(content.split(b"\n"), start=1) if marker in line]
