/* thread.h - starting a thread of the store or of a lane. Internal to store/. */
#ifndef USHER_STORE_THREAD_H
#define USHER_STORE_THREAD_H

#include <pthread.h>

/* Named for top and gdb (15 bytes at most). It takes no signals: they belong to the main thread. `nice_level` 0 leaves the priority as it is.
 * A machine that cannot start a thread ends the process. */
pthread_t thread_start(const char *name, int nice_level, void *(*run)(void *arg), void *arg);

#endif
