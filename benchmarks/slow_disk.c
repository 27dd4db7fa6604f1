/* A disk that takes 5 ms longer to sync: loaded into a server by LD_PRELOAD, in front of the C library's calls. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>

enum { DELAY_MICROSECONDS = 5000 };

int fsync(int file) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    usleep(DELAY_MICROSECONDS);
    return real(file);
}

int fdatasync(int file) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    usleep(DELAY_MICROSECONDS);
    return real(file);
}
