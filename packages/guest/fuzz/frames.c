// Feeds mutated frames, in chunks of any size, to everything of the guest but its real programs and its real network,
// while pretended programs write, close and die. The sanitizers judge. Usage: frames SECONDS SEED
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PROGRAMS = 512, REPLY_ROOM = 32 << 10 };

static struct {
  int input, output[2], supervisor;
} programs[PROGRAMS];
static size_t program_count;
static uint64_t random_state;
static int64_t clock_ms;

static uint32_t pick(uint32_t below) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return (random_state >> 16) % below;
}

int64_t now_ms(void) { return clock_ms; }

int connect(int fd, const struct sockaddr *address, socklen_t length) {
  (void)fd, (void)address, (void)length;
  errno = pick(2) ? ECONNREFUSED : EINPROGRESS;
  return -1;
}

void close_end(int *end) {
  if (*end >= 0) close(*end);
  *end = -1;
}

void close_ends(struct ends *ends) {
  close_end(&ends->input);
  close_end(&ends->output[0]);
  close_end(&ends->output[1]);
  close_end(&ends->supervisor);
}

static void make_pair(int type, int *guest, int *program) {
  int pair[2];
  if (socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0) abort();
  *guest = pair[0];
  *program = pair[1];
}

int launch_program(const struct launch *launch, struct ends *ends) {
  size_t length = strlen(launch->cwd);
  for (char **part = launch->argv; *part; part++) length += strlen(*part);
  for (char **part = launch->env; *part; part++) length += strlen(*part);
  if (program_count == PROGRAMS || length % 7 == 1) return EAGAIN;
  ends->input = -1;
  ends->output[1] = -1;
  programs[program_count].input = programs[program_count].output[1] = -1;
  if (launch->input) make_pair(SOCK_STREAM, &ends->input, &programs[program_count].input);
  make_pair(SOCK_STREAM, &ends->output[0], &programs[program_count].output[0]);
  if (!launch->terminal) make_pair(SOCK_STREAM, &ends->output[1], &programs[program_count].output[1]);
  make_pair(SOCK_SEQPACKET, &ends->supervisor, &programs[program_count].supervisor);
  program_count++;
  return 0;
}

static void act_as_program(void) {
  static uint8_t bytes[100000];
  if (program_count == 0) return;
  size_t index = pick(program_count);
  int end = pick(2);
  struct ending ending = {.failure = pick(6), .code = pick(256)};
  switch (pick(8)) {
    case 0: close_end(&programs[index].output[end]); break;
    case 1: send(programs[index].supervisor, &ending, sizeof ending, MSG_NOSIGNAL); break;
    case 2: close_end(&programs[index].supervisor); break;
    case 3: close_end(&programs[index].input); break;
    case 4: recv(programs[index].input, bytes, pick(sizeof bytes) + 1, 0); break;
    default: send(programs[index].output[end], bytes, pick(pick(10) ? 50 : sizeof bytes), MSG_NOSIGNAL);
  }
  if (programs[index].supervisor >= 0 || programs[index].output[0] >= 0 || programs[index].output[1] >= 0) return;
  close_end(&programs[index].input);
  programs[index] = programs[--program_count];
}

static uint8_t *put_id(uint8_t *at) {
  memset(at, 0, SESSION_ID_BYTES);
  *at = pick(300) % (pick(4) ? 4 : 255);
  return at + SESSION_ID_BYTES;
}

static size_t make_payload(uint8_t type, uint8_t *payload) {
  uint8_t *at = payload;
  switch (type) {
    case RUN:
      at = put_number(put_id(at), pick(8), 1);
      at = put_number(at, 80 << 16 | 24, 4);
      at = put_number(at, 0, 4);
      at = put_number(at, pick(2) * 60000, 4);
      at = put_number(at, pick(300000), 4);
      at = put_number(at, pick(10) ? pick(400000) : pick(UINT32_MAX), 4);
      memcpy(at, "/tmp\0\0\2true\0x\0\0\1A=B", 20);
      at += 20;
      *at++ = 0;
      break;
    case ATTACH: at = put_number(put_number(put_number(put_id(at), pick(3000), 8), pick(300000), 4), pick(2), 4); break;
    case DIAL: at = put_number(put_number(put_number(at, pick(2) ? 4 : 6, 1), pick(65536), 2), pick(99999), 4); break;
    case INPUT: at += pick(pick(5) ? 100 : INPUT_MAX_BYTES); break;
    case TAKEN: at = put_number(at, pick(20000), 4); break;
    case SIGNAL: at = put_number(put_id(at), pick(70), 1); break;
    case RESIZE: at = put_number(put_id(at), pick(UINT32_MAX), 4); break;
    case KILL: case FORGET: at = put_id(at); break;
    default: break;
  }
  return at - payload;
}

static void feed_frame(void) {
  static uint8_t frame[FRAME_HEADER_BYTES + INPUT_MAX_BYTES];
  uint8_t type = pick(30) ? pick(LIST) + 1 : pick(256);
  size_t length = make_payload(type, frame + FRAME_HEADER_BYTES);
  put_number(put_number(put_number(frame, type, 1), pick(20), 4), length, 4);
  if (pick(20) == 0) frame[pick(FRAME_HEADER_BYTES + length)] = pick(256);
  if (pick(30) == 0) length = pick(length + 1);
  for (size_t at = 0; at < FRAME_HEADER_BYTES + length;) {
    size_t count = pick(FRAME_HEADER_BYTES + length - at) + 1;
    wire_feed(frame + at, count);
    at += count;
  }
}

static bool serve_frames(void) {
  struct frame frame;
  enum inbox_state state = INBOX_EMPTY;
  while (wire_room() >= REPLY_ROOM && (state = wire_next(&frame)) == INBOX_FRAME) {
    if (!serve_request(&frame)) return false;
  }
  return state != INBOX_BROKEN;
}

static void hear_guest(int agent) {
  static uint8_t heard[1 << 20];
  static uint32_t deaf_for;
  if (deaf_for == 0 && pick(500) == 0) deaf_for = pick(3000);
  if (deaf_for > 0) deaf_for--;
  else while (recv(agent, heard, sizeof heard, 0) > 0) continue;
}

static void step(int guest, int agent) {
  static struct pollfd watches[SESSION_MAX * SESSION_WATCHES];
  bool kept = true;
  if (pick(2)) feed_frame();
  if (pick(2)) act_as_program();
  kept = serve_frames();
  sessions_settle(clock_ms += pick(50) ? 1 : 70000);
  sessions_speak();
  wire_write(guest);
  hear_guest(agent);
  if (poll(watches, sessions_watch(watches), 0) > 0) sessions_ready(watches);
  if (kept && pick(2000)) return;
  wire_reset();
  sessions_disconnected();
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  signal(SIGPIPE, SIG_IGN);
  random_state = strtoull(argv[2], NULL, 10) * 2 + 1;
  int guest, agent;
  make_pair(SOCK_STREAM, &guest, &agent);
  wire_init();
  memory_init(2 * SESSION_MAX);
  sessions_init();
  time_t end = time(NULL) + atoi(argv[1]);
  size_t steps = 0;
  for (; time(NULL) < end; steps++) step(guest, agent);
  printf("%zu steps\n", steps);
  return 0;
}
