#include "CTracepoints.h"

__thread uint64_t exeunt_emitted_by_thread;

const uint64_t *exeunt_emitted_counter(void) { return &exeunt_emitted_by_thread; }

uint64_t exeunt_emitted(const uint64_t *counter) { return __atomic_load_n(counter, __ATOMIC_RELAXED); }
