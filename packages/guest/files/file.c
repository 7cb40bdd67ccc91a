// Work on files, each piece a process of its own that the agent runs as a session: a hung volume stops nothing else,
// and bytes, back-pressure and kill are those of any session. Says the errno's name on standard error and exits with 1.
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_BYTES = 256 << 10 };

static uint8_t copy[COPY_BYTES];

// The file's folder, opened so that nobody can exchange it, and its name in there.
struct place {
  int folder;
  char *name;
  int follow;  // O_NOFOLLOW, or 0 where links may be followed
};

static int find_place(char *path, const char *links, struct place *place) {
  place->follow = strcmp(links, "follow") == 0 ? 0 : O_NOFOLLOW;
  place->folder = open(*path == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  char *rest;
  place->name = strtok_r(path, "/", &rest);
  for (char *next; place->folder >= 0 && (next = strtok_r(NULL, "/", &rest)); place->name = next) {
    int folder = openat(place->folder, place->name, O_PATH | O_DIRECTORY | O_CLOEXEC | place->follow);
    close(place->folder);
    place->folder = folder;
  }
  if (!place->name) place->name = ".";
  return place->folder;
}

static const char *to_type(mode_t mode) {
  return S_ISREG(mode) ? "file" : S_ISDIR(mode) ? "directory" : S_ISLNK(mode) ? "link" : "other";
}

static int print_facts(const struct stat *facts) {
  return printf("%s %o %lld %lld.%09ld\n", to_type(facts->st_mode), facts->st_mode & 07777, (long long)facts->st_size,
                (long long)facts->st_mtim.tv_sec, facts->st_mtim.tv_nsec);
}

static int not_regular(const struct stat *facts) {
  errno = S_ISDIR(facts->st_mode) ? EISDIR : S_ISLNK(facts->st_mode) ? ELOOP : EINVAL;
  return -1;
}

// Looks before it opens: opening a FIFO or a device would block, or do something.
static int open_regular(const struct place *place, int flags, struct stat *facts) {
  int handle = openat(place->folder, place->name, O_PATH | O_CLOEXEC | place->follow);
  if (handle < 0 || fstat(handle, facts) < 0) return -1;
  if (!S_ISREG(facts->st_mode)) return not_regular(facts);
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", handle);
  return open(path, flags | O_CLOEXEC);
}

static int put_all(int fd, const uint8_t *bytes, size_t length) {
  while (length > 0) {
    ssize_t count = write(fd, bytes, length);
    if (count < 0) return -1;
    bytes += count;
    length -= count;
  }
  return 0;
}

static int do_stat(const struct place *place, char **args) {
  (void)args;
  struct stat facts;
  int flags = place->follow ? AT_SYMLINK_NOFOLLOW : 0;
  if (fstatat(place->folder, place->name, &facts, flags) < 0) return -1;
  return print_facts(&facts);
}

// The facts in a line, then the bytes of the range.
static int do_read(const struct place *place, char **args) {
  struct stat facts;
  int fd = open_regular(place, O_RDONLY, &facts);
  off_t offset = atoll(args[0]), left = atoll(args[1]);
  if (fd < 0 || print_facts(&facts) < 0 || fflush(stdout) < 0 || lseek(fd, offset, SEEK_SET) < 0) return -1;
  while (left > 0) {
    ssize_t count = read(fd, copy, left < COPY_BYTES ? (size_t)left : COPY_BYTES);
    if (count <= 0) return count;
    if (put_all(STDOUT_FILENO, copy, count) < 0) return -1;
    left -= count;
  }
  return 0;
}

// Adds up to `left` bytes of `from` to the hash and, unless it is negative, to the file `to`. Gives how many were missing.
static off_t copy_bytes(int from, int to, struct sha256 *hash, off_t left) {
  while (left > 0) {
    ssize_t count = read(from, copy, left < COPY_BYTES ? (size_t)left : COPY_BYTES);
    if (count < 0) return -1;
    if (count == 0) break;
    sha256_add(hash, copy, count);
    if (to >= 0 && put_all(to, copy, count) < 0) return -1;
    left -= count;
  }
  return left;
}

static int print_hash(struct sha256 *hash) {
  uint64_t length = hash->length;
  char hex[65];
  sha256_finish(hash, hex);
  return printf("%llu %s\n", (unsigned long long)length, hex);
}

// Of what has come so far; more may follow.
static int print_hash_so_far(const struct sha256 *hash) {
  struct sha256 ended = *hash;
  return print_hash(&ended) < 0 || fflush(stdout) < 0 ? -1 : 0;
}

static int do_sha256(const struct place *place, char **args) {
  struct stat facts;
  struct sha256 hash;
  sha256_init(&hash);
  int fd = open_regular(place, O_RDONLY, &facts);
  if (fd < 0 || copy_bytes(fd, -1, &hash, atoll(args[0])) < 0) return -1;
  return print_hash(&hash);
}

// Facts, the hash of what is before the offset, the rest of the content, the hash of the whole, facts again: who
// compares these knows that the file was not written to meanwhile.
static int do_send(const struct place *place, char **args) {
  struct stat facts;
  struct sha256 hash;
  sha256_init(&hash);
  int fd = open_regular(place, O_RDONLY, &facts);
  off_t offset = atoll(args[0]);
  if (fd < 0 || fstat(fd, &facts) < 0) return -1;
  if (facts.st_size < offset) return errno = ERANGE, -1;
  off_t missing = copy_bytes(fd, -1, &hash, offset);
  if (missing == 0) {
    if (print_facts(&facts) < 0 || print_hash_so_far(&hash) < 0) return -1;
    missing = copy_bytes(fd, STDOUT_FILENO, &hash, facts.st_size - offset);
  }
  if (missing != 0) return missing > 0 ? (errno = ESTALE) : 0, -1;
  // Files of /proc and the like say that they are empty.
  char more;
  if (facts.st_size == 0 && read(fd, &more, 1) > 0) return errno = EOPNOTSUPP, -1;
  return fstat(fd, &facts) < 0 || print_hash(&hash) < 0 ? -1 : print_facts(&facts);
}

// Standard input becomes the file's content from an offset on; gives length and hash of what is before, then of all.
static int do_write(const struct place *place, char **args) {
  off_t offset = atoll(args[0]);
  struct stat facts;
  int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  int fd = openat(place->folder, place->name, flags, 0600);
  if (fd < 0 || fstat(fd, &facts) < 0) return -1;
  if (!S_ISREG(facts.st_mode)) return not_regular(&facts);
  // A second name would be written through as a link would; a second writer would mix its bytes with ours.
  if (facts.st_nlink != 1) return errno = EMLINK, -1;
  if (flock(fd, LOCK_EX | LOCK_NB) < 0) return errno = EBUSY, -1;
  if (facts.st_size < offset) return errno = ERANGE, -1;
  if (ftruncate(fd, offset) < 0) return -1;
  struct sha256 hash;
  sha256_init(&hash);
  if (copy_bytes(fd, -1, &hash, offset) < 0 || print_hash_so_far(&hash) < 0) return -1;
  if (copy_bytes(STDIN_FILENO, fd, &hash, INT64_MAX) < 0 || fsync(fd) < 0) return -1;
  return print_hash(&hash);
}

static bool set_time(int fd, const char *text) {
  if (strcmp(text, "-") == 0) return true;
  char *fraction;
  struct timespec modified = {.tv_sec = strtoll(text, &fraction, 10)};
  if (*fraction == '.') modified.tv_nsec = atol(fraction + 1);
  struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, modified};
  return futimens(fd, times) == 0;
}

static int open_written(const struct place *place) {
  struct stat facts;
  struct place temporary = {.folder = place->folder, .name = place->name, .follow = O_NOFOLLOW};
  int fd = open_regular(&temporary, O_RDONLY, &facts);
  return fd < 0 && errno == EISDIR ? open_folder(place->folder, place->name) : fd;
}

// Gives the written file or folder its mode, its time and its real name in the same folder, for good.
static int do_commit(const struct place *place, char **args) {
  int fd = open_written(place);
  if (fd < 0 || fchmod(fd, strtoul(args[1], NULL, 8)) < 0 || !set_time(fd, args[2]) || fsync(fd) < 0) return -1;
  if (strchr(args[0], '/')) return errno = EINVAL, -1;
  if (renameat(place->folder, place->name, place->folder, args[0]) < 0) return -1;
  int folder = openat(place->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return folder < 0 ? 0 : fsync(folder);
}

static int do_mkdir(const struct place *place, char **args) {
  return mkdirat(place->folder, place->name, strtoul(args[0], NULL, 8));
}

static int do_merge(const struct place *place, char **args) {
  (void)args;
  return merge_folder(place->folder, place->name);
}

static int do_remove(const struct place *place, char **args) {
  (void)args;
  return unlinkat(place->folder, place->name, 0);
}

static const struct {
  const char *name;
  int arguments;
  int (*run)(const struct place *place, char **args);
} programs[] = {
    {"stat", 0, do_stat},     {"read", 2, do_read},   {"send", 1, do_send},     {"write", 1, do_write}, {"commit", 3, do_commit},
    {"sha256", 1, do_sha256}, {"mkdir", 1, do_mkdir}, {"remove", 0, do_remove}, {"merge", 0, do_merge},
};

// NAME follow|nofollow PATH ARGUMENTS...
int run_file_program(int argc, char **argv) {
  for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
    if (strcmp(argv[0], programs[i].name) != 0 || argc != 3 + programs[i].arguments) continue;
    struct place place;
    if (find_place(argv[2], argv[1], &place) >= 0 && programs[i].run(&place, argv + 3) >= 0 && fflush(stdout) == 0) {
      return 0;
    }
    fprintf(stderr, "%s\n", strerrorname_np(errno));
    return 1;
  }
  fprintf(stderr, "EINVAL\n");
  return 1;
}
