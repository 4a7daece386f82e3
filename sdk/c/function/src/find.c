#define _GNU_SOURCE /* memmem, asprintf */
#include "find.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Looks at each line of a file. Returns whether it could be read. */
static bool search_file(struct search *search, const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    return false;
  }
  setvbuf(file, NULL, _IOFBF, 64 * 1024);
  char *line = NULL;
  size_t capacity = 0;
  ssize_t length;
  for (uint32_t number = 1; (length = getline(&line, &capacity, file)) > 0; number++) {
    search->totals.bytes += (uint64_t)length;
    if (line[length - 1] == '\n') {
      length--;
    }
    if (memmem(line, (size_t)length, search->marker, search->marker_length) != NULL) {
      search->totals.findings++;
      search->found(search, path, number);
    }
  }
  bool whole = feof(file);
  free(line);
  fclose(file);
  search->totals.files++;
  return whole;
}

char *find_below(struct search *search, const char *path) {
  DIR *folder = opendir(path);
  if (folder == NULL) {
    return strdup(path);
  }
  char *unreadable = NULL;
  const struct dirent *entry;
  while (unreadable == NULL && (errno = 0, entry = readdir(folder)) != NULL) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
      continue;
    }
    char *inside;
    if (asprintf(&inside, "%s/%s", path, entry->d_name) < 0) {
      abort(); /* out of memory */
    }
    if (entry->d_type == DT_DIR) {
      unreadable = find_below(search, inside);
    } else if (entry->d_type == DT_REG && !search_file(search, inside)) {
      unreadable = strdup(inside);
    }
    free(inside);
  }
  if (unreadable == NULL && errno != 0) {
    unreadable = strdup(path);
  }
  closedir(folder);
  return unreadable;
}
