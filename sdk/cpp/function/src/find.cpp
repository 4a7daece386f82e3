#include "find.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <dirent.h>
#include <memory>

namespace {

// The C++ library for WASI has neither <filesystem> nor <fstream>: folders and files are C's, and closed by their owners.
struct Close {
  void operator()(DIR *folder) const { closedir(folder); }
  void operator()(FILE *file) const { fclose(file); }
  void operator()(char *text) const { free(text); }
};

} // namespace

std::optional<std::string> Search::folder(const std::string &path) {
  const std::unique_ptr<DIR, Close> entries(opendir(path.c_str()));
  if (!entries) {
    return path;
  }
  while (errno = 0, true) {
    const dirent *entry = readdir(entries.get());
    if (entry == nullptr) {
      return errno == 0 ? std::nullopt : std::optional(path);
    }
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") {
      continue;
    }
    const std::string inside = path + "/" + std::string(name);
    if (entry->d_type == DT_DIR) {
      if (auto unreadable = folder(inside)) {
        return unreadable;
      }
    } else if (entry->d_type == DT_REG && !file(inside)) {
      return inside;
    }
  }
}

// Looks at each line of a file. Returns whether it could be read.
bool Search::file(const std::string &path) {
  const std::unique_ptr<FILE, Close> file(fopen(path.c_str(), "rb"));
  if (!file) {
    return false;
  }
  setvbuf(file.get(), nullptr, _IOFBF, 64 * 1024);
  totals.files++;
  char *buffer = nullptr;
  std::size_t capacity = 0;
  ssize_t length;
  for (std::uint32_t number = 1; (length = getline(&buffer, &capacity, file.get())) > 0; number++) {
    std::string_view line(buffer, static_cast<std::size_t>(length));
    totals.bytes += line.size();
    if (line.back() == '\n') {
      line.remove_suffix(1);
    }
    if (line.find(marker) != std::string_view::npos) {
      totals.findings++;
      found(path, number);
    }
  }
  const std::unique_ptr<char, Close> owner(buffer);
  return feof(file.get());
}

bool write_findings(const std::string &text) {
  std::unique_ptr<FILE, Close> out(fopen("/out/findings.txt", "wb"));
  return out && fwrite(text.data(), 1, text.size(), out.get()) == text.size() && fclose(out.release()) == 0;
}
