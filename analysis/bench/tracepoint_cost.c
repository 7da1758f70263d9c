// What one tracepoint of Exeunt's provider costs in a loop that does nothing else.
//
//   tracepoint_cost EVENTS             emits EVENTS events, vcpu_run_exit and vcpu_run_enter in turn
//   tracepoint_cost EVENTS recorded    waits until a session has enabled them, then does the same
//
// Prints nanoseconds per event: of a disabled tracepoint or of a recorded one. Emits in bursts; recorded ones with a
// pause after each, so that the consumer keeps up and nothing is lost. Only the bursts are timed.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "CTracepoints.h"

enum { pairs_a_burst = 50000, microseconds_between_bursts = 20000, seconds_to_give_up = 20 };

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

// The compiler must take `value` for something it has not seen.
static uint32_t unknown(uint32_t value) {
    __asm__ volatile("" : "+r"(value));
    return value;
}

static __attribute__((noinline)) double emitting(uint32_t pairs) {
    double start = seconds();
    for (uint32_t seq = 0; seq < pairs; seq++) {
        uint32_t port = unknown(0x80);
        exeunt_trace_vcpu_run_exit(0, seq, 2, port, 1, 2, 1);
        exeunt_trace_vcpu_run_enter(0, seq);
    }
    return seconds() - start;
}

static __attribute__((noinline)) double idling(uint32_t pairs) {
    double start = seconds();
    for (uint32_t seq = 0; seq < pairs; seq++) {
        unknown(0x80);
        unknown(seq);
    }
    return seconds() - start;
}

int main(int argc, char **argv) {
    uint64_t pairs = argc > 1 ? strtoull(argv[1], NULL, 10) / 2 : 0;
    if (pairs == 0) {
        fprintf(stderr, "usage: tracepoint_cost EVENTS [recorded]\n");
        return 2;
    }
    int recorded = argc > 2;
    for (int waited = 0; recorded && !lttng_ust_tracepoint_enabled(exeunt, vcpu_run_enter); waited++) {
        if (waited == seconds_to_give_up * 1000) {
            fprintf(stderr, "no session has enabled the tracepoints\n");
            return 1;
        }
        usleep(1000);
    }
    double spent = 0, empty = 0;
    for (uint64_t done = 0; done < pairs; done += pairs_a_burst) {
        uint32_t now = pairs - done < pairs_a_burst ? (uint32_t)(pairs - done) : pairs_a_burst;
        spent += emitting(now);
        empty += idling(now);
        if (recorded) usleep(microseconds_between_bursts);
    }
    printf("%s %.3f\n", recorded ? "recorded" : "disabled", (spent - empty) * 1e9 / (2.0 * (double)pairs));
    return 0;
}
