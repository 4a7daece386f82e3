/* Looks for a marker in the files of a folder. Plain C with POSIX's folders: it knows nothing of Airtight. */
#ifndef FIND_H
#define FIND_H

#include <stddef.h>
#include <stdint.h>

/* What was looked at and found. */
struct totals {
  uint32_t files;
  uint64_t bytes;
  uint32_t findings;
};

/* A search, and what is told of each line that has the marker. */
struct search {
  const char *marker;
  size_t marker_length;
  void (*found)(struct search *search, const char *path, uint32_t line);
  struct totals totals;
};

/*
 * Searches every regular file below the folder `path`, in the order in which folders list them; symbolic links are passed over.
 * Returns NULL, or the path of what cannot be read, which is the caller's to free.
 */
char *find_below(struct search *search, const char *path);

#endif
