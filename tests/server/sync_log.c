/* Preloaded (LD_PRELOAD) by test_power.py: writes a line to $SYNC_LOG for every fsync and fdatasync that has returned. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int logged(const char *name, int fd)
{
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
	int result = real(fd);
	const char *path = getenv("SYNC_LOG");
	char link[64], file[512], line[640];
	ssize_t length;
	int log;

	if (path == NULL)
		return result;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	length = readlink(link, file, sizeof file - 1);
	file[length < 0 ? 0 : length] = 0;
	log = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
	if (log >= 0) {
		length = snprintf(line, sizeof line, "%s %s\n", name, file);
		if (write(log, line, length) != length)
			abort();
		close(log);
	}
	return result;
}

int fsync(int fd) { return logged("fsync", fd); }
int fdatasync(int fd) { return logged("fdatasync", fd); }
