// Exchanges two entries of the working folder again and again, as a hostile tenant might.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXCHANGE 2

int main(int count, char **names) {
	if (count != 3) return 2;
	for (;;) syscall(SYS_renameat2, AT_FDCWD, names[1], AT_FDCWD, names[2], EXCHANGE);
}
