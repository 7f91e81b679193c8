/* Preloaded into Redis: a disk whose sync takes two milliseconds longer, as many a network volume's does. */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int fdatasync(int descriptor) {
  const struct timespec longer = {.tv_sec = 0, .tv_nsec = 2000000};
  nanosleep(&longer, NULL);
  return (int)syscall(SYS_fdatasync, descriptor);
}
