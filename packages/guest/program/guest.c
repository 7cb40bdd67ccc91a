// Started once in a container: owns its sessions and serves them to the agent, whose socket it dials again and again.
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { DIAL_AGAIN_MS = 20, DIAL_AGAIN_MAX_MS = 1000, REPLY_ROOM = 32 << 10, HELLO_STREAM = 0 };

static struct {
  struct sockaddr_un address;
  int fd;
  bool greeted, unserved;
  int64_t dial_at, dial_again_ms;
  uint64_t incarnation;
} agent = {.fd = -1, .dial_again_ms = DIAL_AGAIN_MS};

int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void hang_up(void) {
  close_end(&agent.fd);
  agent.greeted = agent.unserved = false;
  agent.dial_at = now_ms() + agent.dial_again_ms;
  agent.dial_again_ms = agent.dial_again_ms * 2 < DIAL_AGAIN_MAX_MS ? agent.dial_again_ms * 2 : DIAL_AGAIN_MAX_MS;
  sessions_disconnected();
}

static void say_hello(void) {
  uint8_t payload[24], *at = put_number(payload, PROTOCOL_OLDEST, 2);
  at = put_number(at, PROTOCOL_VERSION, 2);
  at = put_number(at, getpid(), 4);
  at = put_number(at, getuid(), 4);
  at = put_number(at, getgid(), 4);
  put_number(at, agent.incarnation, 8);
  wire_reset();
  send_frame(HELLO, HELLO_STREAM, payload, sizeof payload);
}

static void dial_agent(void) {
  agent.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (agent.fd >= 0 && connect(agent.fd, (void *)&agent.address, sizeof agent.address) == 0) say_hello();
  else hang_up();
}

static bool greet(const struct frame *frame) {
  struct reader reader = {.at = frame->payload, .left = frame->length};
  uint16_t oldest = take_number(&reader, 2);
  uint16_t newest = take_number(&reader, 2);
  if (frame->type != HELLO || reader.failed) return false;
  if (oldest > PROTOCOL_VERSION || newest < PROTOCOL_OLDEST) return false;
  agent.greeted = true;
  agent.dial_again_ms = DIAL_AGAIN_MS;
  return true;
}

// Frames wait in the inbox while there is no room for answers.
static void serve_agent(void) {
  struct frame frame;
  enum inbox_state state = INBOX_EMPTY;
  bool kept = true;
  while (kept && wire_room() >= REPLY_ROOM && (state = wire_next(&frame)) == INBOX_FRAME) {
    kept = agent.greeted ? serve_request(&frame) : greet(&frame);
  }
  agent.unserved = state == INBOX_FRAME;
  if (!kept || state == INBOX_BROKEN) hang_up();
}

static int waiting_time(int64_t due) {
  if (agent.unserved && wire_room() >= REPLY_ROOM) return 0;
  if (agent.fd < 0 && agent.dial_at < due) due = agent.dial_at;
  int64_t wait = due - now_ms();
  return due == INT64_MAX ? -1 : wait < 0 ? 0 : wait > 60000 ? 60000 : (int)wait;
}

static struct pollfd watch_agent(void) {
  // An end of the connection is read only when all that came before it is served.
  bool reads = !agent.unserved && wire_room() >= REPLY_ROOM;
  return (struct pollfd){.fd = agent.fd, .events = (reads ? POLLIN : 0) | (wire_wants_write() ? POLLOUT : 0)};
}

// Only what is left unwritten wakes the loop again, so nothing may be left unsaid when everything is written.
static void speak(void) {
  bool more;
  do {
    more = agent.greeted && sessions_speak();
    wire_write(agent.fd);
  } while (more && !wire_wants_write());
}

static void turn(void) {
  static struct pollfd watches[1 + SESSION_MAX * SESSION_WATCHES];
  if (agent.fd < 0 && now_ms() >= agent.dial_at) dial_agent();
  int64_t due = sessions_settle(now_ms());
  if (agent.fd >= 0) speak();
  watches[0] = watch_agent();
  size_t count = sessions_watch(watches + 1);
  if (poll(watches, 1 + count, waiting_time(due)) < 0) return;
  sessions_ready(watches + 1);
  if (watches[0].events & POLLIN && watches[0].revents && agent.fd >= 0 && !wire_read(agent.fd)) hang_up();
  if (agent.fd >= 0) serve_agent();
}

static int serve(const char *path) {
  if (strlen(path) >= sizeof agent.address.sun_path) {
    fprintf(stderr, "gpulab-guest: the path of the agent's socket is too long\n");
    return 2;
  }
  agent.address.sun_family = AF_UNIX;
  strcpy(agent.address.sun_path, path);
  if (getrandom(&agent.incarnation, sizeof agent.incarnation, GRND_NONBLOCK) < 0) agent.incarnation = getpid();
  wire_init();
  memory_init(2 * SESSION_MAX);
  sessions_init();
  for (;;) turn();
}

int main(int argc, char **argv) {
  // Nothing that is opened later may take the place of a standard stream.
  while (open("/dev/null", O_RDWR) >= 0 && fcntl(3, F_GETFD) < 0) continue;
  signal(SIGPIPE, SIG_IGN);
  if (argc > 2) return run_file_program(argc - 1, argv + 1);
  if (argc == 2) return signal(SIGHUP, SIG_IGN), signal(SIGCHLD, SIG_IGN), serve(argv[1]);
  fprintf(stderr, "usage: gpulab-guest SOCKET\n");
  return 2;
}
