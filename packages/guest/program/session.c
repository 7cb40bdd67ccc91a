// Sessions: programs, and dialled ports of the container. What happens here only changes a session's state; speech.c
// tells the agent.
#include "session.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  // How long output is awaited after the program's exit, while something in the background holds its pipes.
  LINGER_MS = 500,
  READS_AT_ONCE = 2,
};

enum watched { WATCH_OUT = OUT, WATCH_ERR = ERR, WATCH_INPUT, WATCH_SUPERVISOR };

static struct table {
  struct session sessions[SESSION_MAX];
  size_t top;  // no session in use at or above it
  struct {
    struct session *session;
    enum watched what;
  } watched[SESSION_MAX * SESSION_WATCHES];
  size_t watched_count;
} *table;

void sessions_init(void) { table = private_pages(sizeof *table); }

size_t sessions_top(void) { return table->top; }

struct session *session_at(size_t index) { return &table->sessions[index]; }

// Iterates over those in use, from NULL to NULL.
struct session *next_session(struct session *after) {
  for (struct session *s = after ? after + 1 : table->sessions; s < table->sessions + table->top; s++) {
    if (s->used) return s;
  }
  return NULL;
}

struct session *find_session(const uint8_t *id) {
  struct session *s = NULL;
  while ((s = next_session(s))) {
    if (!s->dialled && !s->forgotten && memcmp(s->id, id, SESSION_ID_BYTES) == 0) break;
  }
  return s;
}

struct session *find_stream(uint32_t stream) {
  struct session *s = NULL;
  while ((s = next_session(s)) && (s->stream != stream || stream == 0)) continue;
  return s;
}

// The end of what is cut would pass for the end of what was sent.
static void reset_dialled(const struct session *s) {
  int fd = s->ends.input >= 0 ? s->ends.input : s->ends.output[OUT];
  struct linger at_once = {.l_onoff = 1, .l_linger = 0};
  if (s->dialled && fd >= 0) setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void remove_session(struct session *s) {
  reset_dialled(s);
  fifo_clear(&s->output);
  fifo_clear(&s->input);
  close_ends(&s->ends);
  s->used = false;
  while (table->top > 0 && !table->sessions[table->top - 1].used) table->top--;
}

// An ended session that nobody has asked for makes room for a new one.
static struct session *evict_session(void) {
  struct session *oldest = NULL, *s = NULL;
  while ((s = next_session(s))) {
    bool idle = s->ended && !s->stream && s->ends.supervisor < 0;
    if (idle && (!oldest || s->started < oldest->started)) oldest = s;
  }
  if (oldest) remove_session(oldest);
  return oldest;
}

struct session *add_session(void) {
  struct session *s = table->sessions;
  while (s < table->sessions + SESSION_MAX && s->used) s++;
  if (s == table->sessions + SESSION_MAX && !(s = evict_session())) return NULL;
  *s = (struct session){.used = true, .started = now_ms(), .quota = {SIZE_MAX, SIZE_MAX}};
  s->ends = (struct ends){-1, {-1, -1}, -1};
  fifo_init(&s->input, FIFO_MIN_BLOCKS);
  fifo_init(&s->output, FIFO_MIN_BLOCKS);
  size_t index = s - table->sessions;
  if (table->top <= index) table->top = index + 1;
  return s;
}

void attach_session(struct session *s, uint32_t stream, uint64_t offset, uint32_t credit, uint32_t patience_ms) {
  if (s->stream) send_error(s->stream, ESTALE);
  s->stream = stream;
  s->opened = s->told_output_end = false;
  s->patience_ms = patience_ms;
  s->patient_until = 0;
  s->sent = s->taken = offset;
  s->credit = credit;
  if (patience_ms) fifo_release(&s->output, offset);
}

void detach_session(struct session *s) {
  s->stream = 0;
  s->patience_ms = 0;
  if (s->dialled) remove_session(s);
}

void sessions_disconnected(void) {
  struct session *s = NULL;
  while ((s = next_session(s))) {
    if (s->stream && s->patience_ms) s->patient_until = now_ms() + s->patience_ms;
    s->stream = s->kill_stream = 0;
    if (s->dialled) remove_session(s);
  }
}

// The program is gone or has closed its input, or a dialled port takes no more.
static void lose_input(struct session *s) {
  close_end(&s->ends.input);
  fifo_clear(&s->input);
}

static void finish_input(struct session *s) {
  if (s->dialled) shutdown(s->ends.input, SHUT_WR);
  if (!s->terminal) close_end(&s->ends.input);
}

void write_input(struct session *s) {
  while (s->ends.input >= 0 && !s->connecting && s->input.first < s->input.end) {
    unsigned tag;
    struct iovec pieces[FIFO_PIECES];
    ssize_t count = writev(s->ends.input, pieces, fifo_pieces(&s->input, s->input.first, SIZE_MAX, &tag, pieces));
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count < 0) return lose_input(s);
    fifo_release(&s->input, s->input.first + count);
  }
  if (s->ends.input >= 0 && !s->connecting && s->input_ended) finish_input(s);
}

// What was granted always fits.
static void queue_input(struct session *s, const uint8_t *bytes, size_t length) {
  size_t room;
  for (uint8_t *at; length > 0 && (at = fifo_reserve(&s->input, 0, &room)); bytes += room, length -= room) {
    if (room > length) room = length;
    memcpy(at, bytes, room);
    fifo_commit(&s->input, room);
  }
}

// What the program takes at once need not be kept.
void take_input(struct session *s, const uint8_t *bytes, size_t length) {
  bool direct = s->ends.input >= 0 && !s->connecting && s->input.first == s->input.end;
  ssize_t count = direct ? write(s->ends.input, bytes, length) : 0;
  if (count < 0 && errno != EAGAIN && errno != EINTR) return lose_input(s);
  if (count > 0) fifo_pass(&s->input, count), bytes += count, length -= count;
  queue_input(s, bytes, length);
}

static void fail_dial(struct session *s, int error) {
  s->ending = (struct ending){.failure = FAILED_DIAL, .error = error};
  s->connecting = false;
  close_end(&s->ends.output[OUT]);
  lose_input(s);
}

static void finish_dial(struct session *s) {
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(s->ends.input, SOL_SOCKET, SO_ERROR, &error, &length);
  if (error) return fail_dial(s, error);
  s->connecting = false;
  write_input(s);
}

static bool may_read(const struct session *s, int i) {
  return s->quota[i] == 0 || !s->patience_ms || !fifo_full(&s->output);
}

// What comes after the session's end is read too, so that what stays in the background is neither blocked nor killed.
static ssize_t read_unheard(int fd, size_t *room) {
  uint8_t unheard[4096];
  *room = sizeof unheard;
  return read(fd, unheard, *room);
}

static ssize_t read_some(struct session *s, int i, size_t *room) {
  uint8_t *at = fifo_reserve(&s->output, i, room);
  if (*room > s->quota[i]) *room = s->quota[i];
  ssize_t count = read(s->ends.output[i], at, *room);
  if (count > 0) fifo_commit(&s->output, count);
  return count;
}

static ssize_t read_much(struct session *s, int i, size_t *room) {
  struct iovec pieces[FIFO_PIECES];
  int reserved = fifo_reserve_many(&s->output, i, pieces);
  *room = 0;
  for (int piece = 0; piece < reserved; piece++) *room += pieces[piece].iov_len;
  ssize_t count = readv(s->ends.output[i], pieces, reserved);
  fifo_fill(&s->output, pieces, count > 0 ? count : 0);
  return count;
}

static ssize_t read_once(struct session *s, int i, bool is_much, size_t *room) {
  if (s->quota[i] == 0) return read_unheard(s->ends.output[i], room);
  while (fifo_full(&s->output) && !s->patience_ms && fifo_drop_oldest(&s->output)) continue;
  is_much = is_much && s->quota[i] >= FIFO_PIECES * BLOCK_BYTES;
  ssize_t count = is_much ? read_much(s, i, room) : read_some(s, i, room);
  if (count > 0) s->quota[i] -= count;
  return count;
}

// As much as there may be, where a first block was not enough.
static void read_output(struct session *s, int i) {
  for (int turn = 0; turn < READS_AT_ONCE && may_read(s, i); turn++) {
    size_t room;
    ssize_t count = read_once(s, i, turn > 0, &room);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count < 0 && s->dialled) return fail_dial(s, errno);
    // A terminal says EIO when the last of its programs has closed it.
    if (count <= 0) return close_end(&s->ends.output[i]);
    if ((size_t)count < room) return;
  }
}

static void note_exit(struct session *s, const struct ending *ending) {
  // The program's own report, that it could not be started, comes before its supervisor's.
  if (ending->failure) s->ending = *ending;
  if (s->exited || ending->failure == FAILED_EXEC || ending->failure == FAILED_CWD) return;
  if (!s->ending.failure) s->ending = *ending;
  s->exited = true;
  s->drain_until = now_ms() + LINGER_MS;
}

static void hear_supervisor(struct session *s) {
  struct ending ending;
  ssize_t count = recv(s->ends.supervisor, &ending, sizeof ending, MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count == sizeof ending) return note_exit(s, &ending);
  close_end(&s->ends.supervisor);
  if (!s->exited) note_exit(s, &(struct ending){.failure = FAILED_SUPERVISOR, .error = ECHILD, .code = 125});
}

static void watch(struct pollfd *watches, struct session *s, enum watched what, int fd, short events) {
  size_t index = table->watched_count++;
  table->watched[index].session = s;
  table->watched[index].what = what;
  watches[index] = (struct pollfd){.fd = fd, .events = events};
}

// Only what would be acted on: anything else, a hang-up included, would wake the loop again and again.
size_t sessions_watch(struct pollfd *watches) {
  table->watched_count = 0;
  struct session *s = NULL;
  while ((s = next_session(s))) {
    const struct ends *ends = &s->ends;
    bool writes = s->connecting || s->input.first < s->input.end;
    for (int i = OUT; i <= ERR; i++) {
      if (ends->output[i] >= 0 && !s->connecting && may_read(s, i)) watch(watches, s, i, ends->output[i], POLLIN);
    }
    if (ends->input >= 0 && writes) watch(watches, s, WATCH_INPUT, ends->input, POLLOUT);
    if (ends->supervisor >= 0) watch(watches, s, WATCH_SUPERVISOR, ends->supervisor, POLLIN);
  }
  return table->watched_count;
}

void sessions_ready(const struct pollfd *watches) {
  for (size_t i = 0; i < table->watched_count; i++) {
    struct session *s = table->watched[i].session;
    if (!watches[i].revents || !s->used) continue;
    switch (table->watched[i].what) {
      case WATCH_INPUT: s->connecting ? finish_dial(s) : write_input(s); break;
      case WATCH_SUPERVISOR: hear_supervisor(s); break;
      default: if (s->ends.output[table->watched[i].what] >= 0) read_output(s, table->watched[i].what);
    }
  }
}

bool output_complete(const struct session *s) {
  return (s->ends.output[OUT] < 0 || s->quota[OUT] == 0) && (s->ends.output[ERR] < 0 || s->quota[ERR] == 0);
}

// What the pipes hold now was written in time and still counts.
static void limit_output(struct session *s) {
  for (int i = OUT; i <= ERR; i++) {
    int waiting = 0;
    if (s->ends.output[i] >= 0) ioctl(s->ends.output[i], FIONREAD, &waiting);
    s->quota[i] = waiting;
  }
  s->drain_until = INT64_MAX;
}

static void end_session(struct session *s) {
  s->ended = true;
  s->quota[OUT] = s->quota[ERR] = 0;
  lose_input(s);
}

static int64_t earlier(int64_t a, int64_t b) { return a < b ? a : b; }

static int64_t settle(struct session *s, int64_t now) {
  if (s->dialled && s->ends.input < 0 && s->ends.output[OUT] < 0) s->exited = true;
  if (s->exited && !s->ended && now >= s->drain_until) limit_output(s);
  if (s->exited && !s->ended && output_complete(s)) end_session(s);
  if (s->patient_until && now >= s->patient_until) s->patience_ms = s->patient_until = 0;
  if (s->forgotten && s->ends.supervisor < 0 && !s->kill_stream) {
    remove_session(s);
    return INT64_MAX;
  }
  int64_t due = s->exited && !s->ended ? s->drain_until : INT64_MAX;
  return s->patient_until ? earlier(due, s->patient_until) : due;
}

// Does what time and the last events ask for; gives when to look again.
int64_t sessions_settle(int64_t now) {
  int64_t due = INT64_MAX;
  struct session *s = NULL;
  while ((s = next_session(s))) due = earlier(due, settle(s, now));
  return due;
}
