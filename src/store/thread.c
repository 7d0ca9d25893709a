#include "store/thread.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"

struct start {
    void *(*run)(void *arg);
    void *arg;
    int nice_level;
    char name[16];
};

static void *thread_main(void *arg)
{
    struct start start = *(struct start *)arg;

    free(arg);
    pthread_setname_np(pthread_self(), start.name);
    /* In Linux a nice level belongs to the thread, whatever POSIX says. */
    if (start.nice_level && setpriority(PRIO_PROCESS, (id_t)gettid(), start.nice_level) != 0)
        log_warn("the thread %s runs at the usual priority", start.name);
    return start.run(start.arg);
}

pthread_t thread_start(const char *name, int nice_level, void *(*run)(void *arg), void *arg)
{
    struct start *start = calloc(1, sizeof *start);
    sigset_t all, before;
    pthread_t thread;

    if (!start)
        log_die("out of memory");
    start->run = run;
    start->arg = arg;
    start->nice_level = nice_level;
    for (size_t i = 0; i + 1 < sizeof start->name && name[i]; i++)
        start->name[i] = name[i];
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&thread, NULL, thread_main, start) != 0)
        log_die("the thread %s cannot be started", name);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return thread;
}
