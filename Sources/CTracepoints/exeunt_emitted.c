#include "CTracepoints.h"

#include <linux/membarrier.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

__thread struct exeunt_emission exeunt_emission_of_thread;
__thread uint8_t exeunt_emits_last;
uint8_t exeunt_emission_closed;
static uint64_t left_out;

_Static_assert(offsetof(struct exeunt_emission, emitted) == 0, "a thread's counter is where its emission is");

const uint64_t *exeunt_emitted_counter(void) { return &exeunt_emission_of_thread.emitted; }

uint64_t exeunt_emitted(const uint64_t *counter) { return __atomic_load_n(counter, __ATOMIC_RELAXED); }

void exeunt_close_emission(void) {
    __atomic_store_n(&exeunt_emission_closed, 1, __ATOMIC_SEQ_CST);
    // Each thread that began an event without seeing it is seen to have begun it. Kernels since 4.14 have both; without, threads
    // are given time.
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0) != 0 ||
        syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0) != 0)
        usleep(100000);
}

int exeunt_emission_is_quiet(const uint64_t *counter) {
    const struct exeunt_emission *emission = (const struct exeunt_emission *)counter;
    // What has ended is read before what has begun: if they are as many, none was under way when the latter was read.
    uint64_t ended = __atomic_load_n(&emission->emitted, __ATOMIC_ACQUIRE) + __atomic_load_n(&emission->left_out, __ATOMIC_ACQUIRE);
    return __atomic_load_n(&emission->begun, __ATOMIC_ACQUIRE) == ended;
}

uint64_t exeunt_events_left_out(void) { return __atomic_load_n(&left_out, __ATOMIC_RELAXED); }

void exeunt_leave_out(void) {
    __atomic_fetch_add(&left_out, 1, __ATOMIC_RELAXED);
    exeunt_count(&exeunt_emission_of_thread.left_out);
}
