// Emits the events of a loop of port-I/O exits as fast as it can. Arguments: exits for each thread, threads.
// With SLOW in the environment each thread pauses now and then, so that nothing is lost.
#define LTTNG_UST_TRACEPOINT_DEFINE
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#include "exeunt_catalogue.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static long exits;

static void *run(void *argument)
{
    uint16_t vcpu = (uint16_t)(long)argument;
    int slow = getenv("SLOW") != NULL;

    for (uint32_t i = 0; i < exits; i++) {
        lttng_ust_tracepoint(exeunt, vcpu_run_enter, vcpu, i);
        lttng_ust_tracepoint(exeunt, vcpu_run_exit, vcpu, i, 2, 0x3f8, 1, 2, 1);
        lttng_ust_tracepoint(exeunt, dispatch_begin, 0, vcpu, i, 3, 0);
        lttng_ust_tracepoint(exeunt, dispatch_end, 0, vcpu, i, 3);
        if (slow && i % 64 == 0)
            usleep(50);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[8];
    struct exeunt_statistics statistics = {0};
    int count = argc > 2 ? atoi(argv[2]) : 1;

    exits = argc > 1 ? atol(argv[1]) : 1;
    lttng_ust_tracepoint(exeunt, vm_info, "1.0", "loop", "pvm", "6.18", "{\"a\": 1}", getpid(), 64 << 20,
                         2596000, count, 1);
    lttng_ust_tracepoint(exeunt, clock_sync, 1, 2, 3, 4);
    for (long i = 0; i < count && i < 8; i++)
        pthread_create(&threads[i], NULL, run, (void *)i);
    for (int i = 0; i < count && i < 8; i++)
        pthread_join(threads[i], NULL);
    lttng_ust_tracepoint(exeunt, kvm_stats, 0, 0, 2, &statistics);
    return 0;
}
