// Runs on the host, beside the agent: connects to ports on the loopback address of a container's network, and hands
// the connections to the agent. Their bytes then pass neither the container's guest nor this program.
//
// Speaks Node's own language between processes (lib/internal/child_process.js), of which it needs three lines:
//   to it     "ID PROCESS FAMILY PORT CONTAINER"   in JSON, of which a process of the container is a part
//   from it   "ID ERRNO"                           in JSON: no connection
//             {"cmd":"NODE_HANDLE","type":"net.Native","msg":"ID"}   twice, each with a descriptor of the connection
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { DIALS_MAX = 256, DIAL_MS = 10000 };
enum { LINE_MAX_BYTES = 512, SEND_BYTES = 32 << 10, CONTAINER_BYTES = 64, CGROUP_MAX_BYTES = 16 << 10 };

struct dial {
  unsigned id;
  int fd;
  int64_t until;
};

static int agent, home;
static struct stat home_facts;
static struct dial dials[DIALS_MAX];
static size_t dial_count;

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// Whoever does not read a line any more has ended, and so do we.
static void say(const char *line, int fd) {
  char room[CMSG_SPACE(sizeof fd)] = {0};
  size_t length = strlen(line), sent = 0;
  while (sent < length) {
    struct iovec part = {.iov_base = (void *)(line + sent), .iov_len = length - sent};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd >= 0 && sent == 0) {
      message.msg_control = room;
      message.msg_controllen = sizeof room;
      struct cmsghdr *handle = CMSG_FIRSTHDR(&message);
      *handle = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
      memcpy(CMSG_DATA(handle), &fd, sizeof fd);
    }
    ssize_t count = sendmsg(agent, &message, MSG_NOSIGNAL);
    if (count < 0 && errno == EAGAIN) poll(&(struct pollfd){.fd = agent, .events = POLLOUT}, 1, -1);
    else if (count < 0 && errno != EINTR) exit(0);
    else if (count > 0) sent += count;
  }
}

static void fail(unsigned id, int error) {
  char line[LINE_MAX_BYTES];
  snprintf(line, sizeof line, "\"%u %s\"\n", id, strerrorname_np(error));
  say(line, -1);
}

// One to read and one to write.
static void hand_over(unsigned id, int fd) {
  char line[LINE_MAX_BYTES];
  snprintf(line, sizeof line, "{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Native\",\"msg\":\"%u\"}\n", id);
  say(line, fd);
  say(line, fd);
  close(fd);
}

// The name of a control group holds the identifier of its container, whoever has made it.
static bool is_of(int process, const char *container) {
  static char groups[CGROUP_MAX_BYTES];
  int fd = openat(process, "cgroup", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  size_t length = 0;
  ssize_t count;
  while ((count = read(fd, groups + length, sizeof groups - 1 - length)) > 0) length += count;
  close(fd);
  groups[length] = 0;
  return strlen(container) == CONTAINER_BYTES && strstr(groups, container);
}

// Everything by the same directory, which stays that of one process however its number is used again.
static int open_network(int number, const char *container) {
  char path[32];
  snprintf(path, sizeof path, "/proc/%d", number);
  int process = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (process < 0) return -1;
  struct stat facts;
  int network = openat(process, "ns/net", O_RDONLY | O_CLOEXEC), error = errno;
  if (network >= 0 && (!is_of(process, container) || fstat(network, &facts) < 0)) error = ESRCH;
  // The loopback address of the host is nobody's.
  else if (network >= 0 && facts.st_ino == home_facts.st_ino && facts.st_dev == home_facts.st_dev) error = EPERM;
  else error = network < 0 ? error : 0;
  close(process);
  if (!error) return network;
  if (network >= 0) close(network);
  return errno = error, -1;
}

// A socket stays in the network in which it was made.
static int make_socket(int number, const char *container, int family) {
  int network = open_network(number, container);
  if (network < 0) return -1;
  int fd = -1, error = 0;
  if (setns(network, CLONE_NEWNET) == 0) {
    fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    error = errno;
    // To stay would keep it alive.
    if (setns(home, CLONE_NEWNET) < 0) exit(1);
  } else {
    error = errno;
  }
  close(network);
  return errno = error, fd;
}

static int begin(int fd, int family, uint16_t port) {
  struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_loopback};
  int failed = family == AF_INET6 ? connect(fd, (void *)&v6, sizeof v6) : connect(fd, (void *)&v4, sizeof v4);
  return failed && errno != EINPROGRESS ? -1 : 0;
}

static void dial(const char *line) {
  unsigned id, port;
  int number, family;
  char container[CONTAINER_BYTES + 1];
  int count = sscanf(line, "\"%u %d %d %u %64[0-9a-f]\"", &id, &number, &family, &port, container);
  // Anything else is Node's own, as that it has taken a connection.
  if (count < 1) return;
  if (count < 5) return fail(id, EINVAL);
  if (dial_count == DIALS_MAX) return fail(id, EAGAIN);
  family = family == 6 ? AF_INET6 : AF_INET;
  int fd = make_socket(number, container, family);
  if (fd < 0) return fail(id, errno);
  if (begin(fd, family, port) < 0) {
    fail(id, errno);
    close(fd);
    return;
  }
  dials[dial_count++] = (struct dial){.id = id, .fd = fd, .until = now_ms() + DIAL_MS};
}

static void finish(const struct dial *each, bool is_late) {
  int error = ETIMEDOUT;
  socklen_t size = sizeof error;
  if (!is_late) getsockopt(each->fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (!error) return hand_over(each->id, each->fd);
  fail(each->id, error);
  close(each->fd);
}

static void finish_ready(const struct pollfd *watches, size_t count) {
  size_t kept = 0;
  int64_t now = now_ms();
  for (size_t i = 0; i < count; i++) {
    bool is_late = now >= dials[i].until;
    if (watches[i].revents || is_late) finish(&dials[i], !watches[i].revents);
    else dials[kept++] = dials[i];
  }
  dial_count = kept;
}

static void listen_to_agent(void) {
  static char lines[64 * LINE_MAX_BYTES];
  static size_t length;
  ssize_t count = recv(agent, lines + length, sizeof lines - 1 - length, MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) exit(0);
  length += count;
  lines[length] = 0;
  char *line = lines, *end;
  for (; (end = strchr(line, '\n')); line = end + 1) {
    *end = 0;
    dial(line);
  }
  length -= line - lines;
  if (length >= LINE_MAX_BYTES) exit(1);
  memmove(lines, line, length);
}

static void turn(void) {
  static struct pollfd watches[1 + DIALS_MAX];
  watches[0] = (struct pollfd){.fd = agent, .events = POLLIN};
  int64_t due = INT64_MAX, now = now_ms();
  for (size_t i = 0; i < dial_count; i++) {
    watches[1 + i] = (struct pollfd){.fd = dials[i].fd, .events = POLLOUT};
    if (dials[i].until < due) due = dials[i].until;
  }
  int wait = dial_count == 0 ? -1 : due > now ? (int)(due - now) : 0;
  if (poll(watches, 1 + dial_count, wait) < 0) return;
  finish_ready(watches + 1, dial_count);
  if (watches[0].revents) listen_to_agent();
}

int main(void) {
  const char *channel = getenv("NODE_CHANNEL_FD");
  home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  if (!channel || home < 0 || fstat(home, &home_facts) < 0) {
    fprintf(stderr, "gpulab-dialer: started by the agent only\n");
    return 2;
  }
  agent = atoi(channel);
  // Node takes what it reads at once for the lines of one descriptor, and reads no more than 64 KiB.
  setsockopt(agent, SOL_SOCKET, SO_SNDBUF, &(int){SEND_BYTES}, sizeof(int));
  signal(SIGPIPE, SIG_IGN);
  for (;;) turn();
}
