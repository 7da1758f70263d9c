// The event catalogue of the LTTng-UST provider `exeunt`: every tracepoint with its fields.
//
// LTTng reads this header several times over with different macros (lttng-ust(3), "Creating a tracepoint
// provider"), so only tracepoint definitions may stand in it; what Swift calls is in CTracepoints.h.
// Hot events have fixed-size fields only, no wider than they must be. `seq` is the exit counter of a vCPU or
// the wakeup counter of a loop; it wraps at 2^32.

#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER exeunt

#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "exeunt_catalogue.h"

#if !defined(EXEUNT_CATALOGUE_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define EXEUNT_CATALOGUE_H

#include <lttng/tracepoint.h>
#include <stdint.h>

#include "exeunt_statistics.h"

// The kind of thread an event happened on.
LTTNG_UST_TRACEPOINT_ENUM(exeunt, thread_kind, LTTNG_UST_TP_ENUM_VALUES(
    lttng_ust_field_enum_value("vcpu", 0)
    lttng_ust_field_enum_value("loop", 1)
    lttng_ust_field_enum_value("main", 2)
))

// KVM_EXIT_* of linux/kvm.h.
LTTNG_UST_TRACEPOINT_ENUM(exeunt, exit_reason, LTTNG_UST_TP_ENUM_VALUES(
    lttng_ust_field_enum_value("unknown", 0)
    lttng_ust_field_enum_value("exception", 1)
    lttng_ust_field_enum_value("io", 2)
    lttng_ust_field_enum_value("hypercall", 3)
    lttng_ust_field_enum_value("debug", 4)
    lttng_ust_field_enum_value("hlt", 5)
    lttng_ust_field_enum_value("mmio", 6)
    lttng_ust_field_enum_value("irq_window_open", 7)
    lttng_ust_field_enum_value("shutdown", 8)
    lttng_ust_field_enum_value("fail_entry", 9)
    lttng_ust_field_enum_value("intr", 10)
    lttng_ust_field_enum_value("set_tpr", 11)
    lttng_ust_field_enum_value("tpr_access", 12)
    lttng_ust_field_enum_value("s390_sieic", 13)
    lttng_ust_field_enum_value("s390_reset", 14)
    lttng_ust_field_enum_value("dcr", 15)
    lttng_ust_field_enum_value("nmi", 16)
    lttng_ust_field_enum_value("internal_error", 17)
    lttng_ust_field_enum_value("osi", 18)
    lttng_ust_field_enum_value("papr_hcall", 19)
    lttng_ust_field_enum_value("s390_ucontrol", 20)
    lttng_ust_field_enum_value("watchdog", 21)
    lttng_ust_field_enum_value("s390_tsch", 22)
    lttng_ust_field_enum_value("epr", 23)
    lttng_ust_field_enum_value("system_event", 24)
    lttng_ust_field_enum_value("s390_stsi", 25)
    lttng_ust_field_enum_value("ioapic_eoi", 26)
    lttng_ust_field_enum_value("hyperv", 27)
    lttng_ust_field_enum_value("arm_nisv", 28)
    lttng_ust_field_enum_value("x86_rdmsr", 29)
    lttng_ust_field_enum_value("x86_wrmsr", 30)
    lttng_ust_field_enum_value("dirty_ring_full", 31)
    lttng_ust_field_enum_value("ap_reset_hold", 32)
    lttng_ust_field_enum_value("x86_bus_lock", 33)
    lttng_ust_field_enum_value("xen", 34)
    lttng_ust_field_enum_value("riscv_sbi", 35)
    lttng_ust_field_enum_value("riscv_csr", 36)
    lttng_ust_field_enum_value("notify", 37)
    lttng_ust_field_enum_value("loongarch_iocsr", 38)
    lttng_ust_field_enum_value("memory_fault", 39)
))

// Which way the data of an access goes, seen from the guest.
LTTNG_UST_TRACEPOINT_ENUM(exeunt, direction, LTTNG_UST_TP_ENUM_VALUES(
    lttng_ust_field_enum_value("none", 0)
    lttng_ust_field_enum_value("in", 1)
    lttng_ust_field_enum_value("out", 2)
))

// What an event loop waits for.
LTTNG_UST_TRACEPOINT_ENUM(exeunt, source_kind, LTTNG_UST_TP_ENUM_VALUES(
    lttng_ust_field_enum_value("kick", 0)
    lttng_ust_field_enum_value("timer", 1)
    lttng_ust_field_enum_value("serial_input", 2)
    lttng_ust_field_enum_value("signal", 3)
    lttng_ust_field_enum_value("statistics", 4)
    lttng_ust_field_enum_value("control", 5)
    lttng_ust_field_enum_value("completion", 6)
    lttng_ust_field_enum_value("packet", 7)
))

// How busy polling ended.
LTTNG_UST_TRACEPOINT_ENUM(exeunt, poll_outcome, LTTNG_UST_TP_ENUM_VALUES(
    lttng_ust_field_enum_value("ready", 0)
    lttng_ust_field_enum_value("budget_spent", 1)
))

// How an interrupt was raised.
LTTNG_UST_TRACEPOINT_ENUM(exeunt, mechanism, LTTNG_UST_TP_ENUM_VALUES(
    lttng_ust_field_enum_value("irqfd", 0)
    lttng_ust_field_enum_value("irq_line", 1)
    lttng_ust_field_enum_value("signal_msi", 2)
))

// The bus that a range of addresses is on.
LTTNG_UST_TRACEPOINT_ENUM(exeunt, address_space, LTTNG_UST_TP_ENUM_VALUES(
    lttng_ust_field_enum_value("pio", 0)
    lttng_ust_field_enum_value("mmio", 1)
))

// What a request asks a device for.
LTTNG_UST_TRACEPOINT_ENUM(exeunt, request_kind, LTTNG_UST_TP_ENUM_VALUES(
    lttng_ust_field_enum_value("doorbell", 0)
    lttng_ust_field_enum_value("read", 1)
    lttng_ust_field_enum_value("write", 2)
    lttng_ust_field_enum_value("flush", 3)
    lttng_ust_field_enum_value("transmit", 4)
    lttng_ust_field_enum_value("receive", 5)
    lttng_ust_field_enum_value("other", 6)
    lttng_ust_field_enum_value("entropy", 7)
))

// What a device has the host do; what is bounced goes by way of a buffer that is aligned for direct I/O.
LTTNG_UST_TRACEPOINT_ENUM(exeunt, backend_work, LTTNG_UST_TP_ENUM_VALUES(
    lttng_ust_field_enum_value("read", 0)
    lttng_ust_field_enum_value("write", 1)
    lttng_ust_field_enum_value("durable_write", 2)
    lttng_ust_field_enum_value("flush", 3)
    lttng_ust_field_enum_value("send", 4)
    lttng_ust_field_enum_value("receive", 5)
    lttng_ust_field_enum_value("random", 6)
    lttng_ust_field_enum_value("discard", 7)
    lttng_ust_field_enum_value("zero", 8)
    lttng_ust_field_enum_value("bounced_read", 9)
    lttng_ust_field_enum_value("bounced_write", 10)
    lttng_ust_field_enum_value("bounced_durable_write", 11)
))

// Whether the driver asked to be interrupted for what was completed (virtio 1.2, section 2.7.7).
LTTNG_UST_TRACEPOINT_ENUM(exeunt, notification, LTTNG_UST_TP_ENUM_VALUES(
    lttng_ust_field_enum_value("suppressed", 0)
    lttng_ust_field_enum_value("interrupt", 1)
))

// What a guest did wrong with a queue (virtio 1.2, sections 2.7 and 5).
LTTNG_UST_TRACEPOINT_ENUM(exeunt, queue_fault, LTTNG_UST_TP_ENUM_VALUES(
    lttng_ust_field_enum_value("size", 0)
    lttng_ust_field_enum_value("misaligned", 1)
    lttng_ust_field_enum_value("outside", 2)
    lttng_ust_field_enum_value("overlapping", 3)
    lttng_ust_field_enum_value("too_many_available", 4)
    lttng_ust_field_enum_value("head", 5)
    lttng_ust_field_enum_value("next", 6)
    lttng_ust_field_enum_value("chain_too_long", 7)
    lttng_ust_field_enum_value("indirect_not_negotiated", 8)
    lttng_ust_field_enum_value("indirect_length", 9)
    lttng_ust_field_enum_value("indirect_outside", 10)
    lttng_ust_field_enum_value("indirect_nested", 11)
    lttng_ust_field_enum_value("indirect_continued", 12)
    lttng_ust_field_enum_value("buffer", 13)
    lttng_ust_field_enum_value("empty_buffer", 14)
    lttng_ust_field_enum_value("total_too_long", 15)
    lttng_ust_field_enum_value("readable_after_writable", 16)
    lttng_ust_field_enum_value("request", 17)
))

// Whom a set of KVM statistics is about.
LTTNG_UST_TRACEPOINT_ENUM(exeunt, stats_scope, LTTNG_UST_TP_ENUM_VALUES(
    lttng_ust_field_enum_value("vm", 0)
    lttng_ust_field_enum_value("vcpu", 1)
))

// Why statistics were read.
LTTNG_UST_TRACEPOINT_ENUM(exeunt, stats_moment, LTTNG_UST_TP_ENUM_VALUES(
    lttng_ust_field_enum_value("start", 0)
    lttng_ust_field_enum_value("periodic", 1)
    lttng_ust_field_enum_value("end", 2)
    lttng_ust_field_enum_value("limit", 3)
))

// What a counter of KVM is (KVM_STATS_TYPE_* of linux/kvm.h).
LTTNG_UST_TRACEPOINT_ENUM(exeunt, counter_type, LTTNG_UST_TP_ENUM_VALUES(
    lttng_ust_field_enum_value("cumulative", 0)
    lttng_ust_field_enum_value("instant", 1)
    lttng_ust_field_enum_value("peak", 2)
    lttng_ust_field_enum_value("linear_histogram", 3)
    lttng_ust_field_enum_value("logarithmic_histogram", 4)
))

// What a counter of KVM counts in (KVM_STATS_UNIT_* of linux/kvm.h).
LTTNG_UST_TRACEPOINT_ENUM(exeunt, counter_unit, LTTNG_UST_TP_ENUM_VALUES(
    lttng_ust_field_enum_value("none", 0)
    lttng_ust_field_enum_value("bytes", 1)
    lttng_ust_field_enum_value("seconds", 2)
    lttng_ust_field_enum_value("cycles", 3)
    lttng_ust_field_enum_value("boolean", 4)
))

// Immediately before ioctl(KVM_RUN).
LTTNG_UST_TRACEPOINT_EVENT(exeunt, vcpu_run_enter,
    LTTNG_UST_TP_ARGS(uint16_t, vcpu, uint32_t, seq),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(uint16_t, vcpu, vcpu)
        lttng_ust_field_integer(uint32_t, seq, seq)
    ))

// Immediately after ioctl(KVM_RUN), before anything is handled.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, vcpu_run_exit,
    LTTNG_UST_TP_ARGS(uint16_t, vcpu, uint32_t, seq, uint8_t, reason, uint64_t, address, uint8_t, size, uint8_t, direction, uint16_t, count),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(uint16_t, vcpu, vcpu)
        lttng_ust_field_integer(uint32_t, seq, seq)
        lttng_ust_field_enum(exeunt, exit_reason, uint8_t, reason, reason)
        lttng_ust_field_integer_hex(uint64_t, address, address)
        lttng_ust_field_integer(uint8_t, size, size)
        lttng_ust_field_enum(exeunt, direction, uint8_t, direction, direction)
        lttng_ust_field_integer(uint16_t, count, count)
    ))

// In place of vcpu_run_exit, with --trace-rip: the same, and where the guest was, an offset in its code segment.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, vcpu_run_exit_rip,
    LTTNG_UST_TP_ARGS(uint16_t, vcpu, uint32_t, seq, uint8_t, reason, uint64_t, address, uint8_t, size, uint8_t, direction, uint16_t, count, uint64_t, rip),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(uint16_t, vcpu, vcpu)
        lttng_ust_field_integer(uint32_t, seq, seq)
        lttng_ust_field_enum(exeunt, exit_reason, uint8_t, reason, reason)
        lttng_ust_field_integer_hex(uint64_t, address, address)
        lttng_ust_field_integer(uint8_t, size, size)
        lttng_ust_field_enum(exeunt, direction, uint8_t, direction, direction)
        lttng_ust_field_integer(uint16_t, count, count)
        lttng_ust_field_integer_hex(uint64_t, rip, rip)
    ))

// Before a device's handler runs. An access that no device claims has no handler, and so no dispatch.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, dispatch_begin,
    LTTNG_UST_TP_ARGS(uint8_t, thread_kind, uint16_t, thread, uint32_t, seq, uint16_t, device, uint32_t, offset),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_enum(exeunt, thread_kind, uint8_t, thread_kind, thread_kind)
        lttng_ust_field_integer(uint16_t, thread, thread)
        lttng_ust_field_integer(uint32_t, seq, seq)
        lttng_ust_field_integer(uint16_t, device, device)
        lttng_ust_field_integer_hex(uint32_t, offset, offset)
    ))

// After a device's handler ran.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, dispatch_end,
    LTTNG_UST_TP_ARGS(uint8_t, thread_kind, uint16_t, thread, uint32_t, seq, uint16_t, device),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_enum(exeunt, thread_kind, uint8_t, thread_kind, thread_kind)
        lttng_ust_field_integer(uint16_t, thread, thread)
        lttng_ust_field_integer(uint32_t, seq, seq)
        lttng_ust_field_integer(uint16_t, device, device)
    ))

// Before a device is given a write that KVM kept for it (--coalesced-io): the guest made it, on whichever vCPU, before this exit, and did not exit for it; offset is from the start of the device's range.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, coalesced_begin,
    LTTNG_UST_TP_ARGS(uint16_t, vcpu, uint32_t, seq, uint16_t, device, uint32_t, offset, uint8_t, space, uint64_t, address, uint8_t, size),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(uint16_t, vcpu, vcpu)
        lttng_ust_field_integer(uint32_t, seq, seq)
        lttng_ust_field_integer(uint16_t, device, device)
        lttng_ust_field_integer_hex(uint32_t, offset, offset)
        lttng_ust_field_enum(exeunt, address_space, uint8_t, space, space)
        lttng_ust_field_integer_hex(uint64_t, address, address)
        lttng_ust_field_integer(uint8_t, size, size)
    ))

// After the device was given it.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, coalesced_end,
    LTTNG_UST_TP_ARGS(uint16_t, vcpu, uint32_t, seq, uint16_t, device),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(uint16_t, vcpu, vcpu)
        lttng_ust_field_integer(uint32_t, seq, seq)
        lttng_ust_field_integer(uint16_t, device, device)
    ))

// A lock is not free and the thread is about to wait for it.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, lock_wait,
    LTTNG_UST_TP_ARGS(uint16_t, lock, uint8_t, thread_kind, uint16_t, thread, uint32_t, seq),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(uint16_t, lock, lock)
        lttng_ust_field_enum(exeunt, thread_kind, uint8_t, thread_kind, thread_kind)
        lttng_ust_field_integer(uint16_t, thread, thread)
        lttng_ust_field_integer(uint32_t, seq, seq)
    ))

// A lock that had to be waited for is held.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, lock_acquired,
    LTTNG_UST_TP_ARGS(uint16_t, lock, uint8_t, thread_kind, uint16_t, thread, uint32_t, seq),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(uint16_t, lock, lock)
        lttng_ust_field_enum(exeunt, thread_kind, uint8_t, thread_kind, thread_kind)
        lttng_ust_field_integer(uint16_t, thread, thread)
        lttng_ust_field_integer(uint32_t, seq, seq)
    ))

// A lock that had to be waited for is free again.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, lock_released,
    LTTNG_UST_TP_ARGS(uint16_t, lock, uint8_t, thread_kind, uint16_t, thread, uint32_t, seq),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(uint16_t, lock, lock)
        lttng_ust_field_enum(exeunt, thread_kind, uint8_t, thread_kind, thread_kind)
        lttng_ust_field_integer(uint16_t, thread, thread)
        lttng_ust_field_integer(uint32_t, seq, seq)
    ))

// An event loop is about to block; timeout in milliseconds, -1 for none.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, loop_wait,
    LTTNG_UST_TP_ARGS(uint16_t, loop, uint32_t, seq, int32_t, timeout),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(uint16_t, loop, loop)
        lttng_ust_field_integer(uint32_t, seq, seq)
        lttng_ust_field_integer(int32_t, timeout, timeout)
    ))

// An event loop returned from its wait with this many ready sources.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, loop_wakeup,
    LTTNG_UST_TP_ARGS(uint16_t, loop, uint32_t, seq, uint16_t, ready),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(uint16_t, loop, loop)
        lttng_ust_field_integer(uint32_t, seq, seq)
        lttng_ust_field_integer(uint16_t, ready, ready)
    ))

// An event loop starts polling without blocking, for at most budget nanoseconds.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, poll_begin,
    LTTNG_UST_TP_ARGS(uint16_t, loop, uint32_t, seq, uint32_t, budget),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(uint16_t, loop, loop)
        lttng_ust_field_integer(uint32_t, seq, seq)
        lttng_ust_field_integer(uint32_t, budget, budget)
    ))

// An event loop stopped polling.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, poll_end,
    LTTNG_UST_TP_ARGS(uint16_t, loop, uint32_t, seq, uint8_t, outcome),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(uint16_t, loop, loop)
        lttng_ust_field_integer(uint32_t, seq, seq)
        lttng_ust_field_enum(exeunt, poll_outcome, uint8_t, outcome, outcome)
    ))

// Before the handler of a ready source runs.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, handler_begin,
    LTTNG_UST_TP_ARGS(uint16_t, loop, uint32_t, seq, uint8_t, source, uint16_t, device, uint16_t, queue),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(uint16_t, loop, loop)
        lttng_ust_field_integer(uint32_t, seq, seq)
        lttng_ust_field_enum(exeunt, source_kind, uint8_t, source, source)
        lttng_ust_field_integer(uint16_t, device, device)
        lttng_ust_field_integer(uint16_t, queue, queue)
    ))

// After the handler of a ready source ran.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, handler_end,
    LTTNG_UST_TP_ARGS(uint16_t, loop, uint32_t, seq, uint8_t, source, uint16_t, device, uint16_t, queue),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(uint16_t, loop, loop)
        lttng_ust_field_integer(uint32_t, seq, seq)
        lttng_ust_field_enum(exeunt, source_kind, uint8_t, source, source)
        lttng_ust_field_integer(uint16_t, device, device)
        lttng_ust_field_integer(uint16_t, queue, queue)
    ))

// An event loop consumed a kick's eventfd; counter is the number of kicks it held.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, ioeventfd_signal,
    LTTNG_UST_TP_ARGS(uint16_t, loop, uint32_t, seq, uint16_t, device, uint16_t, queue, uint64_t, counter),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(uint16_t, loop, loop)
        lttng_ust_field_integer(uint32_t, seq, seq)
        lttng_ust_field_integer(uint16_t, device, device)
        lttng_ust_field_integer(uint16_t, queue, queue)
        lttng_ust_field_integer(uint64_t, counter, counter)
    ))

// A device took a request from its queue.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, request_begin,
    LTTNG_UST_TP_ARGS(uint8_t, thread_kind, uint16_t, thread, uint32_t, seq, uint16_t, device, uint16_t, queue, uint32_t, id, uint8_t, kind, uint32_t, bytes),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_enum(exeunt, thread_kind, uint8_t, thread_kind, thread_kind)
        lttng_ust_field_integer(uint16_t, thread, thread)
        lttng_ust_field_integer(uint32_t, seq, seq)
        lttng_ust_field_integer(uint16_t, device, device)
        lttng_ust_field_integer(uint16_t, queue, queue)
        lttng_ust_field_integer(uint32_t, id, id)
        lttng_ust_field_enum(exeunt, request_kind, uint8_t, kind, kind)
        lttng_ust_field_integer(uint32_t, bytes, bytes)
    ))

// A device hands a request's work to the host, such as to io_uring(7), to a thread, or with the system call that follows.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, backend_submit,
    LTTNG_UST_TP_ARGS(uint8_t, thread_kind, uint16_t, thread, uint32_t, seq, uint16_t, device, uint16_t, queue, uint32_t, id, uint8_t, work, uint32_t, bytes),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_enum(exeunt, thread_kind, uint8_t, thread_kind, thread_kind)
        lttng_ust_field_integer(uint16_t, thread, thread)
        lttng_ust_field_integer(uint32_t, seq, seq)
        lttng_ust_field_integer(uint16_t, device, device)
        lttng_ust_field_integer(uint16_t, queue, queue)
        lttng_ust_field_integer(uint32_t, id, id)
        lttng_ust_field_enum(exeunt, backend_work, uint8_t, work, work)
        lttng_ust_field_integer(uint32_t, bytes, bytes)
    ))

// A device has learned that the host has done a request's work; status is 0 or the host's errno.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, backend_complete,
    LTTNG_UST_TP_ARGS(uint8_t, thread_kind, uint16_t, thread, uint32_t, seq, uint16_t, device, uint16_t, queue, uint32_t, id, uint16_t, status),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_enum(exeunt, thread_kind, uint8_t, thread_kind, thread_kind)
        lttng_ust_field_integer(uint16_t, thread, thread)
        lttng_ust_field_integer(uint32_t, seq, seq)
        lttng_ust_field_integer(uint16_t, device, device)
        lttng_ust_field_integer(uint16_t, queue, queue)
        lttng_ust_field_integer(uint32_t, id, id)
        lttng_ust_field_integer(uint16_t, status, status)
    ))

// A device pushed the completion of a request, or, with status 255, gave the request up: its queue was reset, taken back or broken, and the driver is told nothing; status 0 is success.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, request_end,
    LTTNG_UST_TP_ARGS(uint8_t, thread_kind, uint16_t, thread, uint32_t, seq, uint16_t, device, uint16_t, queue, uint32_t, id, uint8_t, status),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_enum(exeunt, thread_kind, uint8_t, thread_kind, thread_kind)
        lttng_ust_field_integer(uint16_t, thread, thread)
        lttng_ust_field_integer(uint32_t, seq, seq)
        lttng_ust_field_integer(uint16_t, device, device)
        lttng_ust_field_integer(uint16_t, queue, queue)
        lttng_ust_field_integer(uint32_t, id, id)
        lttng_ust_field_integer(uint8_t, status, status)
    ))

// A device gave up a queue that its guest broke; it is of no use until the driver resets the device.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, queue_broken,
    LTTNG_UST_TP_ARGS(uint8_t, thread_kind, uint16_t, thread, uint32_t, seq, uint16_t, device, uint16_t, queue, uint8_t, fault),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_enum(exeunt, thread_kind, uint8_t, thread_kind, thread_kind)
        lttng_ust_field_integer(uint16_t, thread, thread)
        lttng_ust_field_integer(uint32_t, seq, seq)
        lttng_ust_field_integer(uint16_t, device, device)
        lttng_ust_field_integer(uint16_t, queue, queue)
        lttng_ust_field_enum(exeunt, queue_fault, uint8_t, fault, fault)
    ))

// A guest's kick of a queue came to its device as an access, as no ioeventfd takes it.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, queue_kicked,
    LTTNG_UST_TP_ARGS(uint8_t, thread_kind, uint16_t, thread, uint32_t, seq, uint16_t, device, uint16_t, queue),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_enum(exeunt, thread_kind, uint8_t, thread_kind, thread_kind)
        lttng_ust_field_integer(uint16_t, thread, thread)
        lttng_ust_field_integer(uint32_t, seq, seq)
        lttng_ust_field_integer(uint16_t, device, device)
        lttng_ust_field_integer(uint16_t, queue, queue)
    ))

// A device let the driver see completed requests, so many since the last time; in_flight were taken and are not completed.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, queue_published,
    LTTNG_UST_TP_ARGS(uint8_t, thread_kind, uint16_t, thread, uint32_t, seq, uint16_t, device, uint16_t, queue, uint16_t, requests, uint16_t, in_flight, uint8_t, notification),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_enum(exeunt, thread_kind, uint8_t, thread_kind, thread_kind)
        lttng_ust_field_integer(uint16_t, thread, thread)
        lttng_ust_field_integer(uint32_t, seq, seq)
        lttng_ust_field_integer(uint16_t, device, device)
        lttng_ust_field_integer(uint16_t, queue, queue)
        lttng_ust_field_integer(uint16_t, requests, requests)
        lttng_ust_field_integer(uint16_t, in_flight, in_flight)
        lttng_ust_field_enum(exeunt, notification, uint8_t, notification, notification)
    ))

// An interrupt is about to be raised.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, interrupt,
    LTTNG_UST_TP_ARGS(uint8_t, thread_kind, uint16_t, thread, uint32_t, seq, uint16_t, device, uint32_t, line, uint8_t, mechanism),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_enum(exeunt, thread_kind, uint8_t, thread_kind, thread_kind)
        lttng_ust_field_integer(uint16_t, thread, thread)
        lttng_ust_field_integer(uint32_t, seq, seq)
        lttng_ust_field_integer(uint16_t, device, device)
        lttng_ust_field_integer(uint32_t, line, line)
        lttng_ust_field_enum(exeunt, mechanism, uint8_t, mechanism, mechanism)
    ))

// The guest wrote value to the marker port; guest_tsc is its own time stamp counter, read while the write was handled.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, guest_mark,
    LTTNG_UST_TP_ARGS(uint16_t, vcpu, uint32_t, seq, uint32_t, value, uint64_t, guest_tsc),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(uint16_t, vcpu, vcpu)
        lttng_ust_field_integer(uint32_t, seq, seq)
        lttng_ust_field_integer(uint32_t, value, value)
        lttng_ust_field_integer(uint64_t, guest_tsc, guest_tsc)
    ))

// The time stamp counter that the guest left beside a kick, read when the kick was handled.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, guest_kick_stamp,
    LTTNG_UST_TP_ARGS(uint8_t, thread_kind, uint16_t, thread, uint32_t, seq, uint16_t, device, uint16_t, queue, uint32_t, id, uint64_t, tsc),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_enum(exeunt, thread_kind, uint8_t, thread_kind, thread_kind)
        lttng_ust_field_integer(uint16_t, thread, thread)
        lttng_ust_field_integer(uint32_t, seq, seq)
        lttng_ust_field_integer(uint16_t, device, device)
        lttng_ust_field_integer(uint16_t, queue, queue)
        lttng_ust_field_integer(uint32_t, id, id)
        lttng_ust_field_integer(uint64_t, tsc, tsc)
    ))

// KVM's own counters (KVM_GET_STATS_FD), cumulative since the VM was made; a counter whose bit in `known`
// is clear is not offered by this kernel and reads 0. The bits are in the order of the fields. A loop that a vCPU's thread runs (--threads single) has those of the thread that watches descriptors for it.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, kvm_stats,
    LTTNG_UST_TP_ARGS(uint8_t, scope, uint16_t, id, uint8_t, moment, const struct exeunt_statistics *, statistics),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_enum(exeunt, stats_scope, uint8_t, scope, scope)
        lttng_ust_field_integer(uint16_t, id, id)
        lttng_ust_field_enum(exeunt, stats_moment, uint8_t, moment, moment)
        lttng_ust_field_integer_hex(uint32_t, known, statistics->known)
        lttng_ust_field_integer(uint64_t, exits, statistics->exits)
        lttng_ust_field_integer(uint64_t, io_exits, statistics->io_exits)
        lttng_ust_field_integer(uint64_t, mmio_exits, statistics->mmio_exits)
        lttng_ust_field_integer(uint64_t, halt_exits, statistics->halt_exits)
        lttng_ust_field_integer(uint64_t, halt_successful_poll, statistics->halt_successful_poll)
        lttng_ust_field_integer(uint64_t, halt_attempted_poll, statistics->halt_attempted_poll)
        lttng_ust_field_integer(uint64_t, halt_wakeup, statistics->halt_wakeup)
        lttng_ust_field_integer(uint64_t, halt_wait_ns, statistics->halt_wait_ns)
        lttng_ust_field_integer(uint64_t, irq_exits, statistics->irq_exits)
        lttng_ust_field_integer(uint64_t, irq_window_exits, statistics->irq_window_exits)
        lttng_ust_field_integer(uint64_t, irq_injections, statistics->irq_injections)
        lttng_ust_field_integer(uint64_t, nmi_injections, statistics->nmi_injections)
        lttng_ust_field_integer(uint64_t, signal_exits, statistics->signal_exits)
        lttng_ust_field_integer(uint64_t, request_irq_exits, statistics->request_irq_exits)
        lttng_ust_field_integer(uint64_t, hypercalls, statistics->hypercalls)
        lttng_ust_field_integer(uint64_t, insn_emulation, statistics->insn_emulation)
        lttng_ust_field_integer(uint64_t, insn_emulation_fail, statistics->insn_emulation_fail)
        lttng_ust_field_integer(uint64_t, tlb_flush, statistics->tlb_flush)
    ))

// A counter of KVM that `kvm_stats` has no field for, or an element of a histogram; recorded with `kvm_stats`, and between the first and the last reading only where it changed.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, kvm_counter,
    LTTNG_UST_TP_ARGS(uint8_t, scope, uint16_t, id, uint8_t, moment, uint16_t, counter, uint16_t, element, uint64_t, value),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_enum(exeunt, stats_scope, uint8_t, scope, scope)
        lttng_ust_field_integer(uint16_t, id, id)
        lttng_ust_field_enum(exeunt, stats_moment, uint8_t, moment, moment)
        lttng_ust_field_integer(uint16_t, counter, counter)
        lttng_ust_field_integer(uint16_t, element, element)
        lttng_ust_field_integer(uint64_t, value, value)
    ))

// What the host knows of a thread (its CPU clock, /proc/self/task/TID/schedstat and status), cumulative: nanoseconds on a CPU and runnable but waiting for one (a wait counts when it is over), times that it gave its CPU up and that it was taken from it; a value whose bit in `known` is clear is not offered by this host and reads 0. The bits are in the order of the fields.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, thread_stats,
    LTTNG_UST_TP_ARGS(uint8_t, thread_kind, uint16_t, thread, uint8_t, moment, uint8_t, known, uint64_t, run_ns, uint64_t, wait_ns, uint64_t, voluntary_switches, uint64_t, involuntary_switches),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_enum(exeunt, thread_kind, uint8_t, thread_kind, thread_kind)
        lttng_ust_field_integer(uint16_t, thread, thread)
        lttng_ust_field_enum(exeunt, stats_moment, uint8_t, moment, moment)
        lttng_ust_field_integer_hex(uint8_t, known, known)
        lttng_ust_field_integer(uint64_t, run_ns, run_ns)
        lttng_ust_field_integer(uint64_t, wait_ns, wait_ns)
        lttng_ust_field_integer(uint64_t, voluntary_switches, voluntary_switches)
        lttng_ust_field_integer(uint64_t, involuntary_switches, involuntary_switches)
    ))

// How many events of this provider a thread had emitted before this reading, in which there are `threads` of these events; with moment `end`, or `limit` where the run goes on, nothing but the rest of this reading follows.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, event_totals,
    LTTNG_UST_TP_ARGS(uint8_t, thread_kind, uint16_t, thread, uint8_t, moment, uint16_t, threads, uint64_t, emitted),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_enum(exeunt, thread_kind, uint8_t, thread_kind, thread_kind)
        lttng_ust_field_integer(uint16_t, thread, thread)
        lttng_ust_field_enum(exeunt, stats_moment, uint8_t, moment, moment)
        lttng_ust_field_integer(uint16_t, threads, threads)
        lttng_ust_field_integer(uint64_t, emitted, emitted)
    ))

// State dump: the run as a whole.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, vm_info,
    LTTNG_UST_TP_ARGS(const char *, version, const char *, guest, const char *, kvm, const char *, kernel, const char *, configuration, uint32_t, pid, uint64_t, ram_bytes, uint32_t, tsc_khz, uint16_t, vcpus, uint16_t, loops),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_string(version, version)
        lttng_ust_field_string(guest, guest)
        lttng_ust_field_string(kvm, kvm)
        lttng_ust_field_string(kernel, kernel)
        lttng_ust_field_string(configuration, configuration)
        lttng_ust_field_integer(uint32_t, pid, pid)
        lttng_ust_field_integer(uint64_t, ram_bytes, ram_bytes)
        lttng_ust_field_integer(uint32_t, tsc_khz, tsc_khz)
        lttng_ust_field_integer(uint16_t, vcpus, vcpus)
        lttng_ust_field_integer(uint16_t, loops, loops)
    ))

// State dump: a virtual CPU; guest TSC = host TSC + tsc_offset (tsc_offset_known 0: the offset could not be read); cpu -1: not pinned.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, vcpu_info,
    LTTNG_UST_TP_ARGS(uint16_t, vcpu, uint32_t, tid, const char *, name, int32_t, cpu, int64_t, tsc_offset, uint8_t, tsc_offset_known),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(uint16_t, vcpu, vcpu)
        lttng_ust_field_integer(uint32_t, tid, tid)
        lttng_ust_field_string(name, name)
        lttng_ust_field_integer(int32_t, cpu, cpu)
        lttng_ust_field_integer(int64_t, tsc_offset, tsc_offset)
        lttng_ust_field_integer(uint8_t, tsc_offset_known, tsc_offset_known)
    ))

// State dump: an event loop; poll_budget in nanoseconds; cpu -1: not pinned. With --threads single the tid is that of the vCPU whose thread runs it.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, loop_info,
    LTTNG_UST_TP_ARGS(uint16_t, loop, uint32_t, tid, const char *, name, int32_t, cpu, uint32_t, poll_budget),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(uint16_t, loop, loop)
        lttng_ust_field_integer(uint32_t, tid, tid)
        lttng_ust_field_string(name, name)
        lttng_ust_field_integer(int32_t, cpu, cpu)
        lttng_ust_field_integer(uint32_t, poll_budget, poll_budget)
    ))

// State dump: an address range of a device; line -1: none; lock 65535: the device needs none.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, device_info,
    LTTNG_UST_TP_ARGS(uint16_t, device, const char *, name, uint8_t, space, uint64_t, base, uint64_t, length, int32_t, line, uint16_t, lock),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(uint16_t, device, device)
        lttng_ust_field_string(name, name)
        lttng_ust_field_enum(exeunt, address_space, uint8_t, space, space)
        lttng_ust_field_integer_hex(uint64_t, base, base)
        lttng_ust_field_integer(uint64_t, length, length)
        lttng_ust_field_integer(int32_t, line, line)
        lttng_ust_field_integer(uint16_t, lock, lock)
    ))

// State dump: a kick that the kernel turns into an eventfd signal; matched 1: only writes of value.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, ioeventfd_info,
    LTTNG_UST_TP_ARGS(uint16_t, device, uint16_t, queue, uint16_t, loop, uint8_t, space, uint64_t, address, uint8_t, size, uint8_t, matched, uint64_t, value),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(uint16_t, device, device)
        lttng_ust_field_integer(uint16_t, queue, queue)
        lttng_ust_field_integer(uint16_t, loop, loop)
        lttng_ust_field_enum(exeunt, address_space, uint8_t, space, space)
        lttng_ust_field_integer_hex(uint64_t, address, address)
        lttng_ust_field_integer(uint8_t, size, size)
        lttng_ust_field_integer(uint8_t, matched, matched)
        lttng_ust_field_integer(uint64_t, value, value)
    ))

// State dump: the same instant on three clocks: time stamp counter, CLOCK_MONOTONIC and CLOCK_REALTIME in nanoseconds; the instant is known to within window nanoseconds.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, clock_sync,
    LTTNG_UST_TP_ARGS(uint64_t, tsc, uint64_t, monotonic, uint64_t, realtime, uint32_t, window),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(uint64_t, tsc, tsc)
        lttng_ust_field_integer(uint64_t, monotonic, monotonic)
        lttng_ust_field_integer(uint64_t, realtime, realtime)
        lttng_ust_field_integer(uint32_t, window, window)
    ))

// State dump: a counter that KVM offers for the machine or for each vCPU, `value` times base to the power of exponent of its unit; size values, in a linear histogram each bucket_size wide.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, kvm_counter_info,
    LTTNG_UST_TP_ARGS(uint8_t, scope, uint16_t, counter, const char *, name, uint8_t, type, uint8_t, unit, uint8_t, base, int16_t, exponent, uint16_t, size, uint32_t, bucket_size),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_enum(exeunt, stats_scope, uint8_t, scope, scope)
        lttng_ust_field_integer(uint16_t, counter, counter)
        lttng_ust_field_string(name, name)
        lttng_ust_field_enum(exeunt, counter_type, uint8_t, type, type)
        lttng_ust_field_enum(exeunt, counter_unit, uint8_t, unit, unit)
        lttng_ust_field_integer(uint8_t, base, base)
        lttng_ust_field_integer(int16_t, exponent, exponent)
        lttng_ust_field_integer(uint16_t, size, size)
        lttng_ust_field_integer(uint32_t, bucket_size, bucket_size)
    ))

// State dump: one of a round of events that are emitted only to measure what emitting one costs; of the size of an exit's.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, emission_trial_info,
    LTTNG_UST_TP_ARGS(uint16_t, round, uint16_t, number, uint64_t, begun, uint64_t, tsc),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(uint16_t, round, round)
        lttng_ust_field_integer(uint16_t, number, number)
        lttng_ust_field_integer(uint64_t, begun, begun)
        lttng_ust_field_integer_hex(uint64_t, tsc, tsc)
    ))

// State dump: nanoseconds that emitting `events` events took the main thread, without reading the clock, of the fastest and of the median of `rounds` rounds.
LTTNG_UST_TRACEPOINT_EVENT(exeunt, emission_info,
    LTTNG_UST_TP_ARGS(uint16_t, rounds, uint16_t, events, uint32_t, fastest, uint32_t, median),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(uint16_t, rounds, rounds)
        lttng_ust_field_integer(uint16_t, events, events)
        lttng_ust_field_integer(uint32_t, fastest, fastest)
        lttng_ust_field_integer(uint32_t, median, median)
    ))

#endif

#include <lttng/tracepoint-event.h>
