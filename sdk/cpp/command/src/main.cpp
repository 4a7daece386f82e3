// The step: a program with arguments, files, standard output and standard error.
#include <cstdlib>
#include <iostream>
#include <string>

#include "find.hpp"

int main(int argc, char **argv) {
  if (argc < 2 || argc > 3) {
    std::cerr << "usage: {{name}} PATH [MARKER]\n";
    return 2;
  }
  const std::string marker = argc == 3 ? argv[2] : "TODO";
  if (marker.empty()) {
    std::cerr << "error: the marker is empty\n";
    return EXIT_FAILURE;
  }

  std::string lines;
  Search search(marker, [&](const std::string &path, std::uint32_t line) {
    const std::string place = path + ":" + std::to_string(line);
    lines += place + "\n";
    std::cout << place << ": found " << marker << '\n';
  });
  if (auto unreadable = search.folder(argv[1])) {
    std::cerr << "error: cannot read " << *unreadable << '\n';
    return EXIT_FAILURE;
  }
  if (!write_findings(lines)) {
    std::cerr << "error: cannot write /out/findings.txt\n";
    return EXIT_FAILURE;
  }

  const Totals &totals = search.totals;
  std::cout << "{\"files\":" << totals.files << ",\"bytes\":" << totals.bytes << ",\"findings\":" << totals.findings << "}\n";
  return EXIT_SUCCESS;
}
