// A program's pipes or terminal, and the fork of its supervisor.
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

// For kernels and seccomp filters without close_range; the guest never has more open.
enum { GUEST_FDS_MAX = 2048, PIPE_BYTES = 256 << 10 };

// Both ends of everything, the guest's and the program's.
struct plumbing {
  struct ends ends;
  int program[3], control;
};

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

static void close_program_ends(struct plumbing *p) {
  for (int i = 0; i < 3; i++) close_end(&p->program[i]);
  close_end(&p->control);
}

// Not blocking for the guest only: the program's end is an open file of its own.
static bool open_pipe(int *read_end, int *write_end, int guest_end) {
  int pair[2];
  if (pipe2(pair, O_CLOEXEC) < 0) return false;
  *read_end = pair[0];
  *write_end = pair[1];
  // A user may have only so many large ones; the others do with 64 KiB.
  fcntl(pair[1], F_SETPIPE_SZ, PIPE_BYTES);
  return fcntl(pair[guest_end], F_SETFL, O_NONBLOCK) == 0;
}

static bool open_pipes(struct plumbing *p, bool input) {
  if (input) {
    if (!open_pipe(&p->program[0], &p->ends.input, 1)) return false;
  } else {
    p->program[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (p->program[0] < 0) return false;
  }
  return open_pipe(&p->ends.output[0], &p->program[1], 0) && open_pipe(&p->ends.output[1], &p->program[2], 0);
}

static bool open_terminal(struct plumbing *p, const struct launch *launch) {
  int unlocked = 0;
  int terminal = p->ends.output[0] = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  if (terminal < 0 || ioctl(terminal, TIOCSPTLCK, &unlocked) < 0) return false;
  struct winsize size = {.ws_col = launch->columns, .ws_row = launch->rows};
  struct termios settings;
  for (int i = 0; i < 3; i++) {
    p->program[i] = ioctl(terminal, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (p->program[i] < 0) return false;
  }
  if (tcgetattr(p->program[0], &settings) < 0) return false;
  settings.c_iflag |= IUTF8;
  if (tcsetattr(p->program[0], TCSANOW, &settings) < 0) return false;
  p->ends.input = fcntl(terminal, F_DUPFD_CLOEXEC, 0);
  return p->ends.input >= 0 && ioctl(terminal, TIOCSWINSZ, &size) == 0;
}

static bool open_control(struct plumbing *p) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) return false;
  p->ends.supervisor = pair[0];
  p->control = pair[1];
  return fcntl(pair[0], F_SETFL, O_NONBLOCK) == 0;
}

static _Noreturn void become_supervisor(const struct plumbing *p, const struct launch *launch) {
  for (int i = 0; i < 3; i++) dup2(p->program[i], i);
  if (p->control != CONTROL_FD) dup3(p->control, CONTROL_FD, O_CLOEXEC);
  if (close_range(CONTROL_FD + 1, ~0U, 0) < 0) {
    for (int fd = CONTROL_FD + 1; fd < GUEST_FDS_MAX; fd++) close(fd);
  }
  supervise(launch);
}

// Gives an errno; EAGAIN is the limit of processes.
int launch_program(const struct launch *launch, struct ends *ends) {
  struct plumbing p = {.ends = {-1, {-1, -1}, -1}, .program = {-1, -1, -1}, .control = -1};
  bool open = open_control(&p) && (launch->terminal ? open_terminal(&p, launch) : open_pipes(&p, launch->input));
  pid_t child = open ? fork() : -1;
  if (child == 0) become_supervisor(&p, launch);
  int error = child < 0 ? errno : 0;
  close_program_ends(&p);
  if (error) close_ends(&p.ends);
  *ends = p.ends;
  return error;
}

static void exit_failed(enum failure failure, int error) {
  uint8_t code = failure == FAILED_EXEC && error == ENOENT ? 127 : 126;
  struct ending ending = {.failure = failure, .error = error, .code = code};
  send(CONTROL_FD, &ending, sizeof ending, MSG_NOSIGNAL);
  _exit(code);
}

// In the program's own process.
_Noreturn void start_program(const struct launch *launch) {
  // Nobody could end it after its supervisor.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  setsid();
  if (launch->terminal) ioctl(0, TIOCSCTTY, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  signal(SIGPIPE, SIG_DFL);
  signal(SIGHUP, SIG_DFL);
  for (char **entry = launch->env; *entry; entry++) putenv(*entry);
  if (*launch->cwd && chdir(launch->cwd) < 0) exit_failed(FAILED_CWD, errno);
  execvp(launch->argv[0], launch->argv);
  exit_failed(FAILED_EXEC, errno);
  __builtin_unreachable();
}
