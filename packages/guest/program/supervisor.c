// One process per session, the subreaper of all that the session starts: whatever forks twice or calls setsid comes
// to it, so a kill finds everything. It keeps the time-out too, which therefore holds while the agent is away.
#include "guest.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KILL_AGAIN_MS = 10, KILL_AGAIN_MAX_MS = 1000, KILL_PATIENCE_MS = 5000 };

struct supervisor {
  pid_t program;
  int children_signals;
  int64_t deadline, kill_since;  // 0 for none
  int kill_again_ms;
  bool exited, reported, childless, hunting;
  struct ending ending;
};

static int block_child_signals(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_BLOCK, &set, NULL);
  return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void note_exit(struct supervisor *s, int status) {
  s->exited = true;
  s->ending.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  s->ending.code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void reap(struct supervisor *s) {
  struct signalfd_siginfo drained;
  while (read(s->children_signals, &drained, sizeof drained) > 0) continue;
  int status;
  pid_t child;
  while ((child = waitpid(-1, &status, WNOHANG)) > 0) {
    if (child == s->program) note_exit(s, status);
  }
  s->childless = child < 0 && errno == ECHILD;
}

// Until it is reaped here, its id and that of its group can't be anybody else's. It makes the group first thing.
static void signal_program(const struct supervisor *s, int signal) {
  if (kill(-s->program, signal) < 0) kill(s->program, signal);
}

// Most sessions are no more than their program's process group; only what is left after it must be looked for.
static void kill_everything(struct supervisor *s, uint8_t flag) {
  s->kill_since = now_ms();
  s->kill_again_ms = KILL_AGAIN_MS;
  if (!s->exited) signal_program(s, SIGKILL);
  if (s->exited) return;
  s->ending.flags |= flag;
  s->ending.signal = SIGKILL;
  s->ending.code = 128 + SIGKILL;
}

static void obey(struct supervisor *s) {
  struct order order;
  ssize_t count = recv(CONTROL_FD, &order, sizeof order, MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  // Without the guest nobody hears the program any more.
  if (count != sizeof order || order.kind == ORDER_KILL) kill_everything(s, FLAG_KILLED);
  else if (!s->exited) signal_program(s, order.signal);
}

// A killed session has ended when nothing of it is left: at once, but for what hangs in the kernel or belongs to
// another user. Of a session that ends by itself, what its program left in the background stays.
static void report(struct supervisor *s) {
  if (s->reported) return;
  if (s->kill_since && !s->childless) {
    if (now_ms() - s->kill_since < KILL_PATIENCE_MS) return;
    s->ending.flags |= FLAG_SURVIVORS;
  } else if (!s->exited) {
    return;
  }
  s->reported = true;
  send(CONTROL_FD, &s->ending, sizeof s->ending, MSG_NOSIGNAL);
}

static int waiting_time(const struct supervisor *s) {
  if (s->kill_since) return s->kill_again_ms;
  if (s->deadline == 0 || s->exited) return -1;
  int64_t left = s->deadline - now_ms();
  return left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left;
}

static void watch(struct supervisor *s) {
  struct pollfd watches[] = {{.fd = s->children_signals, .events = POLLIN}, {.fd = CONTROL_FD, .events = POLLIN}};
  if (s->kill_since) watches[1].fd = -1;
  bool killing = s->kill_since;
  int ready = poll(watches, 2, waiting_time(s));
  if (ready > 0 && watches[1].revents) obey(s);
  if (ready == 0 && s->kill_again_ms < KILL_AGAIN_MAX_MS) s->kill_again_ms *= 2;
  if (s->deadline && !s->exited && !s->kill_since && now_ms() >= s->deadline) kill_everything(s, FLAG_TIMED_OUT);
  s->hunting = killing;
}

_Noreturn void supervise(const struct launch *launch) {
  prctl(PR_SET_NAME, "gpulab-session");
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  signal(SIGCHLD, SIG_DFL);
  struct supervisor s = {.children_signals = block_child_signals()};
  if (launch->timeout_ms) s.deadline = now_ms() + launch->timeout_ms;
  s.program = fork();
  if (s.program == 0) start_program(launch);
  if (s.program < 0) {
    s.exited = true;
    s.ending = (struct ending){.failure = FAILED_FORK, .error = errno, .code = 125};
  }
  // Its copies would keep the program's pipes open.
  for (int fd = 0; fd < CONTROL_FD; fd++) close(fd);
  wire_forget_inbox();
  for (;;) {
    reap(&s);
    report(&s);
    if (s.childless) _exit(0);
    if (s.hunting) kill_tree();
    watch(&s);
  }
}
