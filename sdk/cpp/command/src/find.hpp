// Looks for a marker in the files of a folder. Plain C++: it knows nothing of Airtight.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

// What was looked at and found.
struct Totals {
  std::uint32_t files = 0;
  std::uint64_t bytes = 0;
  std::uint32_t findings = 0;
};

class Search {
public:
  // Is called for each line that has the marker.
  using Found = std::function<void(const std::string &path, std::uint32_t line)>;

  Search(std::string_view marker, Found found) : marker(marker), found(std::move(found)) {}

  // Searches every regular file below a folder, in the order in which folders list them; symbolic links are passed over.
  // Returns the path of what cannot be read, if there is such.
  std::optional<std::string> folder(const std::string &path);

  Totals totals;

private:
  bool file(const std::string &path);

  std::string marker;
  Found found;
};

// Writes the lines of the findings to `/out/findings.txt`. Returns whether that could be done.
bool write_findings(const std::string &text);
