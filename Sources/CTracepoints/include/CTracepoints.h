// What Swift calls to emit an event: one inline function per tracepoint of exeunt_catalogue.h. They exist because
// Swift cannot expand LTTng's macros. Disabled, each costs one load and one branch, in the caller.
#ifndef CTRACEPOINTS_H
#define CTRACEPOINTS_H

#include "exeunt_catalogue.h"

// Events that this thread has emitted while somebody was listening. LTTng counts what it lost but not what it kept:
// only this tells a trace that has them all from one that lacks some. Written by its thread alone, in one instruction
// that is never torn, so that others may read it meanwhile.
extern __thread uint64_t exeunt_emitted_by_thread;

// The calling thread's counter, which is there until the thread ends.
const uint64_t *exeunt_emitted_counter(void);
// What a counter stands at. From any thread.
uint64_t exeunt_emitted(const uint64_t *counter);

static inline void exeunt_count_emitted(void) {
    __atomic_store_n(&exeunt_emitted_by_thread,
                     __atomic_load_n(&exeunt_emitted_by_thread, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
}

#define EXEUNT_EMIT(name, ...)                                       \
    do {                                                             \
        if (lttng_ust_tracepoint_enabled(exeunt, name)) {            \
            lttng_ust_do_tracepoint(exeunt, name, __VA_ARGS__);      \
            exeunt_count_emitted();                                  \
        }                                                            \
    } while (0)

static inline void exeunt_trace_vcpu_run_enter(uint16_t vcpu, uint32_t seq) {
    EXEUNT_EMIT(vcpu_run_enter, vcpu, seq);
}

static inline void exeunt_trace_vcpu_run_exit(
    uint16_t vcpu, uint32_t seq, uint8_t reason, uint64_t address, uint8_t size, uint8_t direction,
    uint16_t count) {
    EXEUNT_EMIT(vcpu_run_exit, vcpu, seq, reason, address, size, direction, count);
}

static inline void exeunt_trace_dispatch_begin(
    uint8_t thread_kind, uint16_t thread, uint32_t seq, uint16_t device, uint32_t offset) {
    EXEUNT_EMIT(dispatch_begin, thread_kind, thread, seq, device, offset);
}

static inline void exeunt_trace_dispatch_end(
    uint8_t thread_kind, uint16_t thread, uint32_t seq, uint16_t device) {
    EXEUNT_EMIT(dispatch_end, thread_kind, thread, seq, device);
}

static inline void exeunt_trace_lock_wait(uint16_t lock, uint8_t thread_kind, uint16_t thread, uint32_t seq) {
    EXEUNT_EMIT(lock_wait, lock, thread_kind, thread, seq);
}

static inline void exeunt_trace_lock_acquired(
    uint16_t lock, uint8_t thread_kind, uint16_t thread, uint32_t seq) {
    EXEUNT_EMIT(lock_acquired, lock, thread_kind, thread, seq);
}

static inline void exeunt_trace_lock_released(
    uint16_t lock, uint8_t thread_kind, uint16_t thread, uint32_t seq) {
    EXEUNT_EMIT(lock_released, lock, thread_kind, thread, seq);
}

static inline void exeunt_trace_loop_wait(uint16_t loop, uint32_t seq, int32_t timeout) {
    EXEUNT_EMIT(loop_wait, loop, seq, timeout);
}

static inline void exeunt_trace_loop_wakeup(uint16_t loop, uint32_t seq, uint16_t ready) {
    EXEUNT_EMIT(loop_wakeup, loop, seq, ready);
}

static inline void exeunt_trace_poll_begin(uint16_t loop, uint32_t seq, uint32_t budget) {
    EXEUNT_EMIT(poll_begin, loop, seq, budget);
}

static inline void exeunt_trace_poll_end(uint16_t loop, uint32_t seq, uint8_t outcome) {
    EXEUNT_EMIT(poll_end, loop, seq, outcome);
}

static inline void exeunt_trace_handler_begin(
    uint16_t loop, uint32_t seq, uint8_t source, uint16_t device, uint16_t queue) {
    EXEUNT_EMIT(handler_begin, loop, seq, source, device, queue);
}

static inline void exeunt_trace_handler_end(
    uint16_t loop, uint32_t seq, uint8_t source, uint16_t device, uint16_t queue) {
    EXEUNT_EMIT(handler_end, loop, seq, source, device, queue);
}

static inline void exeunt_trace_ioeventfd_signal(
    uint16_t loop, uint32_t seq, uint16_t device, uint16_t queue, uint64_t counter) {
    EXEUNT_EMIT(ioeventfd_signal, loop, seq, device, queue, counter);
}

static inline void exeunt_trace_request_begin(
    uint8_t thread_kind, uint16_t thread, uint32_t seq, uint16_t device, uint16_t queue, uint32_t id,
    uint8_t kind, uint32_t bytes) {
    EXEUNT_EMIT(request_begin, thread_kind, thread, seq, device, queue, id, kind, bytes);
}

static inline void exeunt_trace_request_end(
    uint8_t thread_kind, uint16_t thread, uint32_t seq, uint16_t device, uint16_t queue, uint32_t id,
    uint8_t status) {
    EXEUNT_EMIT(request_end, thread_kind, thread, seq, device, queue, id, status);
}

static inline void exeunt_trace_queue_broken(
    uint8_t thread_kind, uint16_t thread, uint32_t seq, uint16_t device, uint16_t queue, uint8_t fault) {
    EXEUNT_EMIT(queue_broken, thread_kind, thread, seq, device, queue, fault);
}

static inline void exeunt_trace_interrupt(
    uint8_t thread_kind, uint16_t thread, uint32_t seq, uint16_t device, uint32_t line, uint8_t mechanism) {
    EXEUNT_EMIT(interrupt, thread_kind, thread, seq, device, line, mechanism);
}

static inline void exeunt_trace_guest_mark(uint16_t vcpu, uint32_t seq, uint32_t value, uint64_t guest_tsc) {
    EXEUNT_EMIT(guest_mark, vcpu, seq, value, guest_tsc);
}

static inline void exeunt_trace_guest_kick_stamp(
    uint8_t thread_kind, uint16_t thread, uint32_t seq, uint16_t device, uint16_t queue, uint32_t id,
    uint64_t tsc) {
    EXEUNT_EMIT(guest_kick_stamp, thread_kind, thread, seq, device, queue, id, tsc);
}

static inline void exeunt_trace_kvm_stats(
    uint8_t scope, uint16_t id, uint8_t moment, const struct exeunt_statistics *statistics) {
    EXEUNT_EMIT(kvm_stats, scope, id, moment, statistics);
}

static inline void exeunt_trace_kvm_counter(
    uint8_t scope, uint16_t id, uint8_t moment, uint16_t counter, uint16_t element, uint64_t value) {
    EXEUNT_EMIT(kvm_counter, scope, id, moment, counter, element, value);
}

static inline void exeunt_trace_thread_stats(
    uint8_t thread_kind, uint16_t thread, uint8_t moment, uint8_t known, uint64_t run_ns, uint64_t wait_ns,
    uint64_t voluntary_switches, uint64_t involuntary_switches) {
    EXEUNT_EMIT(thread_stats, thread_kind, thread, moment, known, run_ns, wait_ns, voluntary_switches,
                involuntary_switches);
}

static inline void exeunt_trace_event_totals(
    uint8_t thread_kind, uint16_t thread, uint8_t moment, uint16_t threads, uint64_t emitted) {
    EXEUNT_EMIT(event_totals, thread_kind, thread, moment, threads, emitted);
}

static inline void exeunt_trace_vm_info(
    const char *version, const char *guest, const char *kvm, const char *kernel, const char *configuration,
    uint32_t pid, uint64_t ram_bytes, uint32_t tsc_khz, uint16_t vcpus, uint16_t loops) {
    EXEUNT_EMIT(vm_info, version, guest, kvm, kernel, configuration, pid, ram_bytes,
                         tsc_khz, vcpus, loops);
}

static inline void exeunt_trace_vcpu_info(
    uint16_t vcpu, uint32_t tid, const char *name, int32_t cpu, int64_t tsc_offset,
    uint8_t tsc_offset_known) {
    EXEUNT_EMIT(vcpu_info, vcpu, tid, name, cpu, tsc_offset, tsc_offset_known);
}

static inline void exeunt_trace_loop_info(
    uint16_t loop, uint32_t tid, const char *name, int32_t cpu, uint32_t poll_budget) {
    EXEUNT_EMIT(loop_info, loop, tid, name, cpu, poll_budget);
}

static inline void exeunt_trace_device_info(
    uint16_t device, const char *name, uint8_t space, uint64_t base, uint64_t length, int32_t line,
    uint16_t lock) {
    EXEUNT_EMIT(device_info, device, name, space, base, length, line, lock);
}

static inline void exeunt_trace_ioeventfd_info(
    uint16_t device, uint16_t queue, uint16_t loop, uint8_t space, uint64_t address, uint8_t size,
    uint8_t matched, uint64_t value) {
    EXEUNT_EMIT(ioeventfd_info, device, queue, loop, space, address, size, matched, value);
}

static inline void exeunt_trace_clock_sync(
    uint64_t tsc, uint64_t monotonic, uint64_t realtime, uint32_t window) {
    EXEUNT_EMIT(clock_sync, tsc, monotonic, realtime, window);
}

static inline void exeunt_trace_kvm_counter_info(
    uint8_t scope, uint16_t counter, const char *name, uint8_t type, uint8_t unit, uint8_t base,
    int16_t exponent, uint16_t size, uint32_t bucket_size) {
    EXEUNT_EMIT(kvm_counter_info, scope, counter, name, type, unit, base, exponent, size, bucket_size);
}

// Whether somebody records the state dump: true from the moment that a session enables it.
static inline int exeunt_state_dump_wanted(void) { return lttng_ust_tracepoint_enabled(exeunt, vm_info) != 0; }

// Whether somebody records guest kick stamps; without a listener the device need not read them.
static inline int exeunt_kick_stamps_wanted(void) {
    return lttng_ust_tracepoint_enabled(exeunt, guest_kick_stamp) != 0;
}

#endif
