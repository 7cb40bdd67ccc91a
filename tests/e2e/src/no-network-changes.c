// For a browser beside engines whose networks come and go: whoever it asks for news of addresses is not there.
// Chromium then takes the machine for connected, always; else it breaks off what is under way (ERR_NETWORK_CHANGED).
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/netlink.h>
#include <sys/socket.h>

typedef int binder(int, const struct sockaddr *, socklen_t);

int bind(int socket, const struct sockaddr *address, socklen_t length) {
  if (address->sa_family == AF_NETLINK && ((const struct sockaddr_nl *)address)->nl_groups != 0) {
    errno = EACCES;
    return -1;
  }
  binder *const next = (binder *)dlsym(RTLD_NEXT, "bind");
  return next(socket, address, length);
}
