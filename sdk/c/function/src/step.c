/* The step: `run` of wit/step.wit. `airtight build` writes its C side, step.h, to build/gen. */
#define _GNU_SOURCE /* vasprintf */
#include "step.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "find.h"

/* Formats a text as a string of the component model, which is not terminated and has its length. */
__attribute__((format(printf, 1, 2))) static step_string_t text(const char *format, ...) {
  char *bytes;
  va_list arguments;
  va_start(arguments, format);
  int length = vasprintf(&bytes, format, arguments);
  va_end(arguments);
  if (length < 0) {
    abort(); /* out of memory */
  }
  return (step_string_t){(uint8_t *)bytes, (size_t)length};
}

/* What `report_finding` needs beside the search, which comes first: a pointer to it is a pointer to this. */
struct reported_search {
  struct search search;
  FILE *out;
};

static void report_finding(struct search *search, const char *path, uint32_t line) {
  FILE *out = ((struct reported_search *)search)->out;
  if (out != NULL) {
    fprintf(out, "%s:%u\n", path, line);
  }
  airtight_step_report_finding_t finding = {
    .rule = text("marker"),
    .severity = AIRTIGHT_STEP_REPORT_SEVERITY_WARNING,
    .message = text("found %.*s", (int)search->marker_length, search->marker),
    .location = {true, {.path = text("%s", path), .line = {true, line}, .column = {false, 0}}},
    .fingerprint = {false, {NULL, 0}},
  };
  airtight_step_report_add_finding(&finding);
  airtight_step_report_finding_free(&finding);
}

static void log_info(step_string_t message) {
  airtight_step_log_list_field_t no_fields = {NULL, 0};
  airtight_step_log_log(AIRTIGHT_STEP_LOG_LEVEL_INFO, &message, &no_fields);
  step_string_free(&message);
}

/*
 * run: func(path: string, marker: option<string>) -> result<summary, string>
 *
 * What is returned says which of the two was set: true is `ok`, false is `err`.
 */
bool exports_step_run(step_string_t *path, step_string_t *maybe_marker, step_summary_t *ok, step_string_t *err) {
  step_string_t marker = maybe_marker != NULL ? *maybe_marker : text("TODO");
  if (marker.len == 0) {
    *err = text("the marker is empty");
    return false;
  }
  char *folder = strndup((char *)path->ptr, path->len);
  if (folder == NULL) {
    abort(); /* out of memory */
  }

  struct reported_search search = {
    .search = {.marker = (char *)marker.ptr, .marker_length = marker.len, .found = report_finding},
    .out = fopen("/out/findings.txt", "wb"),
  };
  char *unreadable = find_below(&search.search, folder);
  bool written = search.out != NULL && !ferror(search.out) && fclose(search.out) == 0;
  free(folder);
  step_string_free(&marker);
  step_string_free(path);
  if (unreadable != NULL) {
    *err = text("cannot read %s", unreadable);
    free(unreadable);
    return false;
  }
  if (!written) {
    *err = text("cannot write /out/findings.txt");
    return false;
  }

  struct totals totals = search.search.totals;
  log_info(text("%u findings in %u files", totals.findings, totals.files));
  *ok = (step_summary_t){.files = totals.files, .bytes = totals.bytes, .findings = totals.findings};
  return true;
}
