// Ends all descendants of this process, also those that fork as fast as they can: they are stopped first, since a
// process with a signal pending can't finish a fork, and killed once none of them runs any more.
#include "guest.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FREEZE_PASSES = 25 };

struct process {
  pid_t id, parent;
  char state;
  bool ours;
};

struct listing {
  struct process *processes;
  size_t count, room;
};

static bool read_process(int proc, const char *name, struct process *process) {
  char path[300], text[512];
  snprintf(path, sizeof path, "%s/stat", name);
  int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t length = read(fd, text, sizeof text - 1);
  close(fd);
  if (length <= 0) return false;
  text[length] = 0;
  // The name in brackets may hold any bytes, brackets too.
  const char *end = strrchr(text, ')');
  process->id = atoi(name);
  process->ours = false;
  return end && sscanf(end, ") %c %d", &process->state, &process->parent) == 2;
}

static bool add_process(struct listing *listing, const struct process *process) {
  if (listing->count == listing->room) {
    size_t room = listing->room ? 2 * listing->room : 256;
    struct process *grown = realloc(listing->processes, room * sizeof *grown);
    if (!grown) return false;
    listing->processes = grown;
    listing->room = room;
  }
  listing->processes[listing->count++] = *process;
  return true;
}

static struct listing list_processes(void) {
  struct listing listing = {0};
  DIR *proc = opendir("/proc");
  if (!proc) return listing;
  struct process process;
  for (struct dirent *entry; (entry = readdir(proc));) {
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
    if (read_process(dirfd(proc), entry->d_name, &process) && !add_process(&listing, &process)) break;
  }
  closedir(proc);
  return listing;
}

static int by_id(const void *a, const void *b) {
  return ((const struct process *)a)->id - ((const struct process *)b)->id;
}

static bool belongs(const struct listing *listing, pid_t parent) {
  if (parent == getpid()) return true;
  struct process key = {.id = parent};
  struct process *found = bsearch(&key, listing->processes, listing->count, sizeof key, by_id);
  return found && found->ours;
}

// /proc lists by id, and most parents have lower ids than their children, so this takes few rounds.
static void mark_ours(struct listing *listing) {
  bool found;
  do {
    found = false;
    for (size_t i = 0; i < listing->count; i++) {
      struct process *process = &listing->processes[i];
      if (!process->ours && belongs(listing, process->parent)) process->ours = found = true;
    }
  } while (found);
}

static bool runs(const struct process *process) { return process->state == 'R' || process->state == 'S'; }

// Gives how many of ours were still running. Each pass reads /proc anew: an id is reused only after all others.
static size_t signal_ours(int signal) {
  struct listing listing = list_processes();
  mark_ours(&listing);
  size_t running = 0;
  for (size_t i = 0; i < listing.count; i++) {
    const struct process *process = &listing.processes[i];
    if (!process->ours) continue;
    if (runs(process)) running++;
    if (signal == SIGKILL || runs(process)) kill(process->id, signal);
  }
  free(listing.processes);
  return running;
}

// One attempt; the caller repeats it until no child is left.
void kill_tree(void) {
  for (int pass = 0; pass < FREEZE_PASSES && signal_ours(SIGSTOP) > 0; pass++) continue;
  signal_ours(SIGKILL);
}
