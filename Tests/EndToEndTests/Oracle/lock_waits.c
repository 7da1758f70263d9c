// Measures, in a process that it is loaded into (LD_PRELOAD), how long each mutex was waited for: each call of pthread_mutex_lock, by a
// clock of its own. At the end it writes a line for each mutex that was locked so: calls and nanoseconds; to the file LOCK_WAITS with
// the process's number behind it.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { PLACES = 4096 };
static struct {
    _Atomic(pthread_mutex_t *) mutex;
    _Atomic uint64_t calls, nanoseconds;
} places[PLACES];
static int (*_Atomic next)(pthread_mutex_t *);

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

int pthread_mutex_lock(pthread_mutex_t *mutex) {
    if (!next) next = (int (*)(pthread_mutex_t *))dlsym(RTLD_NEXT, "pthread_mutex_lock");
    uint64_t begin = now();
    int result = next(mutex);
    uint64_t time = now() - begin;
    for (size_t step = 0, place = (uintptr_t)mutex / 16; step < PLACES; step++, place++) {
        pthread_mutex_t *expected = NULL;
        if (places[place % PLACES].mutex == mutex
            || atomic_compare_exchange_strong(&places[place % PLACES].mutex, &expected, mutex)
            || expected == mutex) {
            places[place % PLACES].calls++;
            places[place % PLACES].nanoseconds += time;
            break;
        }
    }
    return result;
}

__attribute__((destructor)) static void finish(void) {
    const char *prefix = getenv("LOCK_WAITS");
    char path[4096];
    if (!prefix || snprintf(path, sizeof path, "%s.%d", prefix, (int)getpid()) >= (int)sizeof path) return;
    FILE *file = fopen(path, "w");
    if (!file) return;
    for (size_t place = 0; place < PLACES; place++)
        if (places[place].mutex)
            fprintf(file, "%llu %llu\n", (unsigned long long)places[place].calls, (unsigned long long)places[place].nanoseconds);
    fclose(file);
}
