import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "src"))

from find import lines_with


class LinesWith(unittest.TestCase):
    def test_a_line_is_found_once_however_often_it_has_the_marker(self):
        self.assertEqual(lines_with(b"first\nTODO TODO\r\n\nthe TODO", b"TODO"), [2, 4])

    def test_a_marker_is_not_found_across_lines_nor_beyond_the_end(self):
        self.assertEqual(lines_with(b"TO\nDO\nTOD", b"TODO"), [])
        self.assertEqual(lines_with(b"", b"TODO"), [])

    def test_bytes_are_compared_not_characters(self):
        self.assertEqual(lines_with("ä\n\u00c3".encode(), "ä".encode()), [1])


if __name__ == "__main__":
    unittest.main()
