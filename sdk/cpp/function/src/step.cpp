// The step: `run` of wit/step.wit. `airtight build` writes its C side, step.h, to build/gen.
#include "step.h"

#include <string>
#include <string_view>

#include "find.hpp"

namespace {

std::string_view view(const step_string_t &text) {
  return {reinterpret_cast<const char *>(text.ptr), text.len};
}

// A string for the host, which only reads it: the text must live for as long as the call.
step_string_t lend(std::string_view text) {
  return {reinterpret_cast<uint8_t *>(const_cast<char *>(text.data())), text.size()};
}

void report(const std::string &path, uint32_t line, std::string_view marker) {
  const std::string message = "found " + std::string(marker);
  airtight_step_report_finding_t finding{};
  finding.rule = lend("marker");
  finding.severity = AIRTIGHT_STEP_REPORT_SEVERITY_WARNING;
  finding.message = lend(message);
  finding.location.is_some = true;
  finding.location.val.path = lend(path);
  finding.location.val.line = {true, line};
  airtight_step_report_add_finding(&finding);
}

void log_info(std::string_view text) {
  step_string_t message = lend(text);
  airtight_step_log_list_field_t no_fields{};
  airtight_step_log_log(AIRTIGHT_STEP_LOG_LEVEL_INFO, &message, &no_fields);
}

// The text of the error, or none.
std::string run(std::string_view path, std::string_view marker, step_summary_t &summary) {
  if (marker.empty()) {
    return "the marker is empty";
  }
  std::string lines;
  Search search(marker, [&](const std::string &file, uint32_t line) {
    lines += file + ":" + std::to_string(line) + "\n";
    report(file, line, marker);
  });
  if (auto unreadable = search.folder(std::string(path))) {
    return "cannot read " + *unreadable;
  }
  if (!write_findings(lines)) {
    return "cannot write /out/findings.txt";
  }
  const Totals &totals = search.totals;
  log_info(std::to_string(totals.findings) + " findings in " + std::to_string(totals.files) + " files");
  summary = {totals.files, totals.bytes, totals.findings};
  return {};
}

} // namespace

// run: func(path: string, marker: option<string>) -> result<summary, string>
//
// What is returned says which of the two was set: true is `ok`, false is `err`.
bool exports_step_run(step_string_t *path, step_string_t *maybe_marker, step_summary_t *ok, step_string_t *err) {
  const std::string_view marker = maybe_marker != nullptr ? view(*maybe_marker) : "TODO";
  const std::string error = run(view(*path), marker, *ok);
  if (!error.empty()) {
    // A copy, because the C side frees what is returned.
    step_string_dup_n(err, error.data(), error.size());
  }
  return error.empty();
}
