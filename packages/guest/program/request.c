// The agent's requests. Each gives an errno, 0 for done, or ANSWERED where it has an answer of its own.
#include "session.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWERED = -1, DIAL_BOUND = 256 << 10, ROW_BYTES = 58 };
enum { RUN_TERMINAL = 1, RUN_INPUT = 2 };

struct run_request {
  const uint8_t *id;
  uint32_t patience_ms, credit, bound;
  struct launch launch;
};

// A NULL-terminated list of strings that stay in the frame.
static char **take_strings(struct reader *reader) {
  size_t count = take_number(reader, 2);
  char **strings = calloc(count + 1, sizeof *strings);
  for (size_t i = 0; strings && i < count; i++) strings[i] = (char *)take_string(reader);
  return strings;
}

static void free_run(struct run_request *request) {
  free(request->launch.argv);
  free(request->launch.env);
}

// Only after 0 there is something to free.
static int read_run(const struct frame *frame, struct run_request *request) {
  struct reader reader = {.at = frame->payload, .left = frame->length};
  struct launch *launch = &request->launch;
  request->id = take_bytes(&reader, SESSION_ID_BYTES);
  uint8_t flags = take_number(&reader, 1);
  launch->terminal = flags & RUN_TERMINAL;
  launch->input = flags & RUN_INPUT;
  launch->columns = take_number(&reader, 2);
  launch->rows = take_number(&reader, 2);
  launch->timeout_ms = take_number(&reader, 4);
  request->patience_ms = take_number(&reader, 4);
  request->credit = take_number(&reader, 4);
  request->bound = take_number(&reader, 4);
  launch->cwd = take_string(&reader);
  launch->argv = take_strings(&reader);
  launch->env = take_strings(&reader);
  bool allocated = launch->argv && launch->env;
  if (allocated && !reader.failed && launch->argv[0]) return 0;
  free_run(request);
  return allocated ? EINVAL : ENOMEM;
}

static int start_session(const struct run_request *request, uint32_t stream) {
  if (find_session(request->id)) return EEXIST;
  struct session *s = add_session();
  if (!s) return EUSERS;
  int error = launch_program(&request->launch, &s->ends);
  if (error) {
    remove_session(s);
    return error;
  }
  memcpy(s->id, request->id, SESSION_ID_BYTES);
  s->terminal = request->launch.terminal;
  fifo_init(&s->output, request->bound / BLOCK_BYTES);
  attach_session(s, stream, 0, request->credit, request->patience_ms);
  return ANSWERED;
}

static int run(const struct frame *frame) {
  struct run_request request;
  int error = read_run(frame, &request);
  if (error) return error;
  error = start_session(&request, frame->stream);
  free_run(&request);
  return error;
}

static int attach(const struct frame *frame) {
  struct reader reader = {.at = frame->payload, .left = frame->length};
  const uint8_t *id = take_bytes(&reader, SESSION_ID_BYTES);
  uint64_t offset = take_number(&reader, 8);
  uint32_t credit = take_number(&reader, 4);
  uint32_t patience_ms = take_number(&reader, 4);
  if (reader.failed) return EINVAL;
  struct session *s = find_session(id);
  if (!s) return ENOENT;
  if (offset > s->output.end) return ERANGE;
  attach_session(s, frame->stream, offset, credit, patience_ms);
  return ANSWERED;
}

static int open_socket(bool v6, uint16_t port) {
  struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_loopback};
  struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
  four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const struct sockaddr *address = v6 ? (void *)&six : (void *)&four;
  int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 || connect(fd, address, v6 ? sizeof six : sizeof four) == 0 || errno == EINPROGRESS) return fd;
  int error = errno;
  close_end(&fd);
  errno = error;
  return fd;
}

static int dial(const struct frame *frame) {
  struct reader reader = {.at = frame->payload, .left = frame->length};
  bool v6 = take_number(&reader, 1) == 6;
  uint16_t port = take_number(&reader, 2);
  uint32_t credit = take_number(&reader, 4);
  if (reader.failed) return EINVAL;
  struct session *s = add_session();
  if (!s) return EUSERS;
  s->dialled = s->connecting = true;
  s->ends.output[OUT] = open_socket(v6, port);
  s->ends.input = s->ends.output[OUT] < 0 ? -1 : fcntl(s->ends.output[OUT], F_DUPFD_CLOEXEC, 0);
  if (s->ends.input < 0) {
    int error = errno;
    remove_session(s);
    return error;
  }
  fifo_init(&s->output, DIAL_BOUND / BLOCK_BYTES);
  attach_session(s, frame->stream, 0, credit, 1);
  return ANSWERED;
}

// Gives false when the agent sends more than it was granted.
static bool input(const struct frame *frame) {
  struct session *s = find_stream(frame->stream);
  if (!s || s->input_ended) return true;
  if (frame->length > s->granted) return false;
  s->granted -= frame->length;
  if (s->ends.input < 0) return true;
  take_input(s, frame->payload, frame->length);
  return true;
}

static void end_input(const struct frame *frame) {
  struct session *s = find_stream(frame->stream);
  if (!s || s->input_ended) return;
  const uint8_t end_of_file = 4;
  if (s->terminal && s->ends.input >= 0) take_input(s, &end_of_file, 1);
  s->input_ended = true;
  write_input(s);
}

static void taken(const struct frame *frame) {
  struct reader reader = {.at = frame->payload, .left = frame->length};
  uint32_t count = take_number(&reader, 4);
  struct session *s = find_stream(frame->stream);
  if (!s || count > s->sent - s->taken) return;
  s->credit += count;
  s->taken += count;
  if (s->patience_ms) fifo_release(&s->output, s->taken);
}

static int order(struct session *s, uint8_t kind, uint8_t signal) {
  struct order order = {.kind = kind, .signal = signal};
  if (s->ends.supervisor < 0) return ESRCH;
  if (send(s->ends.supervisor, &order, sizeof order, MSG_NOSIGNAL) > 0) return 0;
  return errno == EAGAIN ? EBUSY : ESRCH;
}

static int send_signal(struct session *s, uint8_t signal) {
  if (signal < 1 || signal > SIGRTMAX) return EINVAL;
  return s->exited ? ESRCH : order(s, ORDER_SIGNAL, signal);
}

// Answered when nothing of the session is left.
static int kill_session(struct session *s, uint32_t stream) {
  if (s->kill_stream) return EALREADY;
  int error = order(s, ORDER_KILL, 0);
  if (error) return error == ESRCH ? 0 : error;
  s->kill_stream = stream;
  return ANSWERED;
}

static int resize(struct session *s, uint16_t columns, uint16_t rows) {
  struct winsize size = {.ws_col = columns, .ws_row = rows};
  if (!s->terminal) return ENOTTY;
  return ioctl(s->ends.output[OUT], TIOCSWINSZ, &size) < 0 ? errno : 0;
}

// What it left in the background goes on, and its output is read and dropped.
static int forget(struct session *s) {
  if (!s->exited) return EBUSY;
  if (s->stream) send_error(s->stream, ESTALE);
  s->stream = 0;
  s->forgotten = true;
  s->quota[OUT] = s->quota[ERR] = 0;
  fifo_clear(&s->output);
  return 0;
}

static int control(const struct frame *frame) {
  struct reader reader = {.at = frame->payload, .left = frame->length};
  const uint8_t *id = take_bytes(&reader, SESSION_ID_BYTES);
  uint8_t signal = frame->type == SIGNAL ? take_number(&reader, 1) : 0;
  uint16_t columns = frame->type == RESIZE ? take_number(&reader, 2) : 0;
  uint16_t rows = frame->type == RESIZE ? take_number(&reader, 2) : 0;
  if (reader.failed) return EINVAL;
  struct session *s = find_session(id);
  if (!s) return ENOENT;
  switch (frame->type) {
    case SIGNAL: return send_signal(s, signal);
    case RESIZE: return resize(s, columns, rows);
    case KILL: return kill_session(s, frame->stream);
    default: return forget(s);
  }
}

static uint8_t *put_row(uint8_t *at, const struct session *s, int64_t now) {
  bool background = s->exited && s->ends.supervisor >= 0;
  memcpy(at, s->id, SESSION_ID_BYTES);
  at = put_number(at + SESSION_ID_BYTES, s->terminal | s->exited << 1 | s->ended << 2 | background << 3, 1);
  at = put_number(at, s->stream != 0, 1);
  at = put_ending(at, &s->ending);
  at = put_number(at, now - s->started, 8);
  at = put_number(at, s->output.first, 8);
  at = put_number(at, s->output.end, 8);
  return put_number(at, s->input.end, 8);
}

static int list(const struct frame *frame) {
  uint8_t rows[SESSION_MAX * ROW_BYTES], *at = rows;
  struct session *s = NULL;
  while ((s = next_session(s))) {
    if (!s->dialled && !s->forgotten) at = put_row(at, s, now_ms());
  }
  send_frame(RESULT, frame->stream, rows, at - rows);
  return ANSWERED;
}

// A stream that has ended by itself meanwhile has had its last frame.
static int detach(const struct frame *frame) {
  struct session *s = find_stream(frame->stream);
  if (!s) return ANSWERED;
  detach_session(s);
  return 0;
}

static int serve(const struct frame *frame) {
  switch (frame->type) {
    case RUN: return run(frame);
    case ATTACH: return attach(frame);
    case DIAL: return dial(frame);
    case DETACH: return detach(frame);
    case LIST: return list(frame);
    case SIGNAL: case RESIZE: case KILL: case FORGET: return control(frame);
    default: return EOPNOTSUPP;
  }
}

bool serve_request(const struct frame *frame) {
  switch (frame->type) {
    case INPUT: return input(frame);
    case END_INPUT: end_input(frame); return true;
    case TAKEN: taken(frame); return true;
    default: break;
  }
  int error = serve(frame);
  if (error > 0) send_error(frame->stream, error);
  if (error == 0) send_frame(RESULT, frame->stream, NULL, 0);
  return true;
}
