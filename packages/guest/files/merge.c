// Moves what is in a staged folder into the folder that it lies in: each file and each new folder in one step, folders
// that are there already entry by entry. Nothing is moved where a folder would have to take a file's place, or the reverse.
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct pair {
  int from, to;
};

typedef int visitor(struct pair folders, const char *name, const struct stat *entry, const struct stat *old);

int open_folder(int folder, const char *name) {
  return openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

// `old` is what has the name in the other folder, or NULL. Ends with the first visit that fails.
static int visit_entries(struct pair folders, visitor *visit) {
  // A descriptor of its own, since closing the listing closes it.
  int fd = open_folder(folders.from, ".");
  DIR *listing = fd < 0 ? NULL : fdopendir(fd);
  if (!listing) return -1;
  int result = 0;
  for (struct dirent *each; result >= 0 && (errno = 0, each = readdir(listing));) {
    if (strcmp(each->d_name, ".") == 0 || strcmp(each->d_name, "..") == 0) continue;
    struct stat entry, old;
    if (fstatat(folders.from, each->d_name, &entry, AT_SYMLINK_NOFOLLOW) < 0) result = -1;
    else if (fstatat(folders.to, each->d_name, &old, AT_SYMLINK_NOFOLLOW) == 0) result = visit(folders, each->d_name, &entry, &old);
    else result = errno == ENOENT ? visit(folders, each->d_name, &entry, NULL) : -1;
  }
  int error = errno;
  closedir(listing);
  return result < 0 || error ? (errno = error, -1) : 0;
}

static int visit_both(struct pair folders, const char *name, visitor *visit) {
  struct pair inner = {.from = open_folder(folders.from, name), .to = open_folder(folders.to, name)};
  int result = inner.from < 0 || inner.to < 0 ? -1 : visit_entries(inner, visit), error = errno;
  close(inner.from);
  close(inner.to);
  return errno = error, result;
}

static int check(struct pair folders, const char *name, const struct stat *entry, const struct stat *old) {
  if (!old) return 0;
  if (S_ISDIR(entry->st_mode) != S_ISDIR(old->st_mode)) return errno = S_ISDIR(old->st_mode) ? EISDIR : ENOTDIR, -1;
  return S_ISDIR(entry->st_mode) ? visit_both(folders, name, check) : 0;
}

// A folder that may not be written to can neither be emptied nor change its parent.
static int move(struct pair folders, const char *name, const struct stat *entry, const struct stat *old) {
  if (!S_ISDIR(entry->st_mode)) return renameat(folders.from, name, folders.to, name);
  if (fchmodat(folders.from, name, (entry->st_mode & 07777) | S_IRWXU, 0) < 0) return -1;
  if (!old && renameat(folders.from, name, folders.to, name) < 0) return -1;
  if (old && (visit_both(folders, name, move) < 0 || unlinkat(folders.from, name, AT_REMOVEDIR) < 0)) return -1;
  struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, entry->st_mtim};
  if (utimensat(folders.to, name, times, AT_SYMLINK_NOFOLLOW) < 0) return -1;
  return fchmodat(folders.to, name, entry->st_mode & 07777, 0);
}

int merge_folder(int folder, const char *name) {
  struct pair folders = {.from = open_folder(folder, name), .to = folder};
  if (folders.from < 0) return -1;
  if (visit_entries(folders, check) < 0 || visit_entries(folders, move) < 0) return -1;
  return unlinkat(folder, name, AT_REMOVEDIR);
}
