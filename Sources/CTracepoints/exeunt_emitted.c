#include "CTracepoints.h"

__thread uint64_t exeunt_emitted_by_thread;

static uint64_t collected;

void exeunt_collect_emitted(void) {
    __atomic_fetch_add(&collected, exeunt_emitted_by_thread, __ATOMIC_RELAXED);
    exeunt_emitted_by_thread = 0;
}

uint64_t exeunt_emitted(void) { return __atomic_load_n(&collected, __ATOMIC_RELAXED); }
