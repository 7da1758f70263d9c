// What Swift calls to emit an event: one inline function per tracepoint of exeunt_catalogue.h. They exist because
// Swift cannot expand LTTng's macros. Disabled, each costs the caller a call of seven instructions, one branch among them.
#ifndef CTRACEPOINTS_H
#define CTRACEPOINTS_H

#include "exeunt_catalogue.h"

// Loads liblttng-ust, which starts two threads and registers this process, and its events, with the session daemons that run: root's
// (/var/run/lttng) and the user's ($LTTNG_HOME or $HOME). Waits for them as LTTNG_UST_REGISTER_TIMEOUT says, 3 s each by default. Before it
// nobody can record this process. Once is enough; not from several threads at once.
//
// Returns NULL, or why it is not possible, until the next call.
const char *exeunt_load_tracing(void);
// Whether it is loaded.
int exeunt_tracing_is_loaded(void);

// Events that a thread has emitted while somebody was listening. LTTng counts what it lost but not what it kept:
// only this tells a trace that has them all from one that lacks some. Written by its thread alone, in single instructions
// that are never torn, so that others may read it meanwhile.
struct exeunt_emission {
    uint64_t emitted;
    // Events begun: as many as emitted and left out, but for one that is under way.
    uint64_t begun;
    // Events that nobody was given, as the trace was as large as it may be.
    uint64_t left_out;
};
extern __thread struct exeunt_emission exeunt_emission_of_thread;
// Whether this thread may emit though emission is closed.
extern __thread uint8_t exeunt_emits_last;
extern uint8_t exeunt_emission_closed;

// The calling thread's counter, which is there until the thread ends.
const uint64_t *exeunt_emitted_counter(void);
// What a counter stands at. From any thread.
uint64_t exeunt_emitted(const uint64_t *counter);

// Has all threads leave out what they would emit from now on, and counts it. Not to be undone. Events that are under way go on:
// exeunt_emission_is_quiet says when a thread's have ended.
void exeunt_close_emission(void);
// Whether a thread, by its counter, has no event under way. Once it is so after emission was closed, it stays so.
int exeunt_emission_is_quiet(const uint64_t *counter);
// Events that all threads have left out.
uint64_t exeunt_events_left_out(void);
// Lets the calling thread emit all the same, or no longer.
static inline void exeunt_emit_last(int may) { exeunt_emits_last = may != 0; }

static inline void exeunt_count(uint64_t *counter) {
    __atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
}

void exeunt_leave_out(void);

// Begins an event, or counts it as left out.
static inline int exeunt_begin_emission(void) {
    exeunt_count(&exeunt_emission_of_thread.begun);
    // The compiler may not exchange the two; the processor is seen to by exeunt_close_emission, by membarrier(2).
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (__builtin_expect(!__atomic_load_n(&exeunt_emission_closed, __ATOMIC_RELAXED), 1)) return 1;
    if (exeunt_emits_last) return 1;
    exeunt_leave_out();
    return 0;
}

// In this order: who has seen that it was emitted sees the event.
static inline void exeunt_end_emission(void) {
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    exeunt_count(&exeunt_emission_of_thread.emitted);
}

#define EXEUNT_ARGUMENTS(...) __VA_ARGS__

// Defines exeunt_trace_NAME for Swift. Only the test is in it: with LTTng's code behind it every call would save and restore
// its registers, 19 instructions for an event that nobody wants.
#define EXEUNT_EVENT(name, parameters, arguments)                                          \
    static __attribute__((noinline)) void exeunt_emit_##name parameters {                  \
        if (!exeunt_begin_emission()) return;                                              \
        lttng_ust_do_tracepoint(exeunt, name, EXEUNT_ARGUMENTS arguments);                 \
        exeunt_end_emission();                                                             \
    }                                                                                      \
    static inline __attribute__((always_inline)) void exeunt_trace_##name parameters {     \
        if (lttng_ust_tracepoint_enabled(exeunt, name)) exeunt_emit_##name arguments;      \
    }

EXEUNT_EVENT(vcpu_run_enter, (uint16_t vcpu, uint32_t seq), (vcpu, seq))

EXEUNT_EVENT(
    vcpu_run_exit,
    (uint16_t vcpu, uint32_t seq, uint8_t reason, uint64_t address, uint8_t size, uint8_t direction,
     uint16_t count),
    (vcpu, seq, reason, address, size, direction, count))

EXEUNT_EVENT(
    vcpu_run_exit_rip,
    (uint16_t vcpu, uint32_t seq, uint8_t reason, uint64_t address, uint8_t size, uint8_t direction,
     uint16_t count, uint64_t rip),
    (vcpu, seq, reason, address, size, direction, count, rip))

EXEUNT_EVENT(
    dispatch_begin,
    (uint8_t thread_kind, uint16_t thread, uint32_t seq, uint16_t device, uint32_t offset),
    (thread_kind, thread, seq, device, offset))

EXEUNT_EVENT(
    dispatch_end,
    (uint8_t thread_kind, uint16_t thread, uint32_t seq, uint16_t device),
    (thread_kind, thread, seq, device))

EXEUNT_EVENT(
    coalesced_begin,
    (uint16_t vcpu, uint32_t seq, uint16_t device, uint32_t offset, uint8_t space, uint64_t address,
     uint8_t size),
    (vcpu, seq, device, offset, space, address, size))

EXEUNT_EVENT(coalesced_end, (uint16_t vcpu, uint32_t seq, uint16_t device), (vcpu, seq, device))

EXEUNT_EVENT(
    lock_wait,
    (uint16_t lock, uint8_t thread_kind, uint16_t thread, uint32_t seq),
    (lock, thread_kind, thread, seq))

EXEUNT_EVENT(
    lock_acquired,
    (uint16_t lock, uint8_t thread_kind, uint16_t thread, uint32_t seq),
    (lock, thread_kind, thread, seq))

EXEUNT_EVENT(
    lock_released,
    (uint16_t lock, uint8_t thread_kind, uint16_t thread, uint32_t seq),
    (lock, thread_kind, thread, seq))

EXEUNT_EVENT(loop_wait, (uint16_t loop, uint32_t seq, int32_t timeout), (loop, seq, timeout))

EXEUNT_EVENT(loop_wakeup, (uint16_t loop, uint32_t seq, uint16_t ready), (loop, seq, ready))

EXEUNT_EVENT(poll_begin, (uint16_t loop, uint32_t seq, uint32_t budget), (loop, seq, budget))

EXEUNT_EVENT(poll_end, (uint16_t loop, uint32_t seq, uint8_t outcome), (loop, seq, outcome))

EXEUNT_EVENT(
    handler_begin,
    (uint16_t loop, uint32_t seq, uint8_t source, uint16_t device, uint16_t queue),
    (loop, seq, source, device, queue))

EXEUNT_EVENT(
    handler_end,
    (uint16_t loop, uint32_t seq, uint8_t source, uint16_t device, uint16_t queue),
    (loop, seq, source, device, queue))

EXEUNT_EVENT(
    ioeventfd_signal,
    (uint16_t loop, uint32_t seq, uint16_t device, uint16_t queue, uint64_t counter),
    (loop, seq, device, queue, counter))

EXEUNT_EVENT(
    request_begin,
    (uint8_t thread_kind, uint16_t thread, uint32_t seq, uint16_t device, uint16_t queue, uint32_t id,
     uint8_t kind, uint32_t bytes),
    (thread_kind, thread, seq, device, queue, id, kind, bytes))

EXEUNT_EVENT(
    request_end,
    (uint8_t thread_kind, uint16_t thread, uint32_t seq, uint16_t device, uint16_t queue, uint32_t id,
     uint8_t status),
    (thread_kind, thread, seq, device, queue, id, status))

EXEUNT_EVENT(
    backend_submit,
    (uint8_t thread_kind, uint16_t thread, uint32_t seq, uint16_t device, uint16_t queue, uint32_t id,
     uint8_t work, uint32_t bytes),
    (thread_kind, thread, seq, device, queue, id, work, bytes))

EXEUNT_EVENT(
    backend_complete,
    (uint8_t thread_kind, uint16_t thread, uint32_t seq, uint16_t device, uint16_t queue, uint32_t id,
     uint16_t status),
    (thread_kind, thread, seq, device, queue, id, status))

EXEUNT_EVENT(
    queue_kicked, (uint8_t thread_kind, uint16_t thread, uint32_t seq, uint16_t device, uint16_t queue),
    (thread_kind, thread, seq, device, queue))

EXEUNT_EVENT(
    queue_published,
    (uint8_t thread_kind, uint16_t thread, uint32_t seq, uint16_t device, uint16_t queue, uint16_t requests,
     uint16_t in_flight, uint8_t notification),
    (thread_kind, thread, seq, device, queue, requests, in_flight, notification))

EXEUNT_EVENT(
    queue_broken,
    (uint8_t thread_kind, uint16_t thread, uint32_t seq, uint16_t device, uint16_t queue, uint8_t fault),
    (thread_kind, thread, seq, device, queue, fault))

EXEUNT_EVENT(
    interrupt,
    (uint8_t thread_kind, uint16_t thread, uint32_t seq, uint16_t device, uint32_t line, uint8_t mechanism),
    (thread_kind, thread, seq, device, line, mechanism))

EXEUNT_EVENT(
    guest_mark,
    (uint16_t vcpu, uint32_t seq, uint32_t value, uint64_t guest_tsc),
    (vcpu, seq, value, guest_tsc))

EXEUNT_EVENT(
    guest_kick_stamp,
    (uint8_t thread_kind, uint16_t thread, uint32_t seq, uint16_t device, uint16_t queue, uint32_t id,
     uint64_t tsc),
    (thread_kind, thread, seq, device, queue, id, tsc))

EXEUNT_EVENT(
    kvm_stats,
    (uint8_t scope, uint16_t id, uint8_t moment, const struct exeunt_statistics *statistics),
    (scope, id, moment, statistics))

EXEUNT_EVENT(
    kvm_counter,
    (uint8_t scope, uint16_t id, uint8_t moment, uint16_t counter, uint16_t element, uint64_t value),
    (scope, id, moment, counter, element, value))

EXEUNT_EVENT(
    thread_stats,
    (uint8_t thread_kind, uint16_t thread, uint8_t moment, uint8_t known, uint64_t run_ns, uint64_t wait_ns,
     uint64_t voluntary_switches, uint64_t involuntary_switches),
    (thread_kind, thread, moment, known, run_ns, wait_ns, voluntary_switches, involuntary_switches))

EXEUNT_EVENT(
    event_totals,
    (uint8_t thread_kind, uint16_t thread, uint8_t moment, uint16_t threads, uint64_t emitted),
    (thread_kind, thread, moment, threads, emitted))

EXEUNT_EVENT(
    vm_info,
    (const char *version, const char *guest, const char *kvm, const char *kernel, const char *configuration,
     uint32_t pid, uint64_t ram_bytes, uint32_t tsc_khz, uint16_t vcpus, uint16_t loops),
    (version, guest, kvm, kernel, configuration, pid, ram_bytes, tsc_khz, vcpus, loops))

EXEUNT_EVENT(
    vcpu_info,
    (uint16_t vcpu, uint32_t tid, const char *name, int32_t cpu, int64_t tsc_offset, uint8_t tsc_offset_known),
    (vcpu, tid, name, cpu, tsc_offset, tsc_offset_known))

EXEUNT_EVENT(
    loop_info,
    (uint16_t loop, uint32_t tid, const char *name, int32_t cpu, uint32_t poll_budget),
    (loop, tid, name, cpu, poll_budget))

EXEUNT_EVENT(
    device_info,
    (uint16_t device, const char *name, uint8_t space, uint64_t base, uint64_t length, int32_t line,
     uint16_t lock),
    (device, name, space, base, length, line, lock))

EXEUNT_EVENT(
    ioeventfd_info,
    (uint16_t device, uint16_t queue, uint16_t loop, uint8_t space, uint64_t address, uint8_t size,
     uint8_t matched, uint64_t value),
    (device, queue, loop, space, address, size, matched, value))

EXEUNT_EVENT(
    clock_sync,
    (uint64_t tsc, uint64_t monotonic, uint64_t realtime, uint32_t window),
    (tsc, monotonic, realtime, window))

EXEUNT_EVENT(
    kvm_counter_info,
    (uint8_t scope, uint16_t counter, const char *name, uint8_t type, uint8_t unit, uint8_t base,
     int16_t exponent, uint16_t size, uint32_t bucket_size),
    (scope, counter, name, type, unit, base, exponent, size, bucket_size))

EXEUNT_EVENT(
    emission_trial_info, (uint16_t round, uint16_t number, uint64_t begun, uint64_t tsc), (round, number, begun, tsc))

EXEUNT_EVENT(
    emission_info, (uint16_t rounds, uint16_t events, uint32_t fastest, uint32_t median),
    (rounds, events, fastest, median))

// Whether somebody records what emitting an event costs.
static inline int exeunt_emission_wanted(void) {
    return lttng_ust_tracepoint_enabled(exeunt, emission_trial_info) && lttng_ust_tracepoint_enabled(exeunt, emission_info);
}

// Whether somebody records the state dump: true from the moment that a session enables it.
static inline int exeunt_state_dump_wanted(void) { return lttng_ust_tracepoint_enabled(exeunt, vm_info) != 0; }

// Whether somebody records guest kick stamps; without a listener the device need not read them.
static inline int exeunt_kick_stamps_wanted(void) {
    return lttng_ust_tracepoint_enabled(exeunt, guest_kick_stamp) != 0;
}

#endif
