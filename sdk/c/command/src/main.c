/* The step: a program with arguments, files, standard output and standard error. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "find.h"

/* What `print_finding` needs beside the search, which comes first: a pointer to it is a pointer to this. */
struct printed_search {
  struct search search;
  FILE *out;
};

static void print_finding(struct search *search, const char *path, uint32_t line) {
  FILE *out = ((struct printed_search *)search)->out;
  if (out != NULL) {
    fprintf(out, "%s:%" PRIu32 "\n", path, line);
  }
  printf("%s:%" PRIu32 ": found %s\n", path, line, search->marker);
}

int main(int argc, char **argv) {
  if (argc < 2 || argc > 3) {
    fputs("usage: {{name}} PATH [MARKER]\n", stderr);
    return 2;
  }
  const char *marker = argc == 3 ? argv[2] : "TODO";
  if (marker[0] == '\0') {
    fputs("error: the marker is empty\n", stderr);
    return EXIT_FAILURE;
  }

  struct printed_search search = {
    .search = {.marker = marker, .marker_length = strlen(marker), .found = print_finding},
    .out = fopen("/out/findings.txt", "wb"),
  };
  char *unreadable = find_below(&search.search, argv[1]);
  if (unreadable != NULL) {
    fprintf(stderr, "error: cannot read %s\n", unreadable);
    free(unreadable);
    return EXIT_FAILURE;
  }
  if (search.out == NULL || ferror(search.out) || fclose(search.out) != 0) {
    fputs("error: cannot write /out/findings.txt\n", stderr);
    return EXIT_FAILURE;
  }

  struct totals totals = search.search.totals;
  printf("{\"files\":%" PRIu32 ",\"bytes\":%" PRIu64 ",\"findings\":%" PRIu32 "}\n", totals.files, totals.bytes, totals.findings);
  return EXIT_SUCCESS;
}
