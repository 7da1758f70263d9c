// What every guest in C begins and ends with. docs/guest-abi.md is the contract with the VMM, docs/architectures.md that of
// boards other than a PC.
//
// A guest is one source file with its headers. What is below is the same for all processors; what a guest is made of, how it
// reaches devices and what it calls a fence is in pc.h or, of all other architectures, in board.h of Sources/ForeignGuests/Kit.
// Devices and rings are little-endian, and `le16`, `le32` and `le64` are on the way to and from them; the parameter and the report
// block have the guest's own byte order.
#pragma once

#include <stdint.h>

// Written by the VMM.
struct parameters {
    uint32_t magic;
    uint32_t vcpus;
    uint64_t iterations;
    uint32_t spacing;
    uint32_t flags;
    uint32_t tsc_khz;
    uint32_t parameter;
    // The device that the guest drives: its registers and its interrupt line.
    uint32_t registers;
    uint32_t line;
    // Of guests with requests to it.
    uint32_t bytes;
    uint32_t depth;
    uint32_t batch;
    uint32_t reads;
    uint32_t flush;
    uint32_t places;
};
_Static_assert(sizeof(struct parameters) == 64, "docs/guest-abi.md");

// Written by the guest.
struct report {
    uint32_t magic;
    uint32_t failure;
    uint64_t iterations;
    uint64_t kicks;
    uint64_t completions;
    uint64_t interrupts;
    uint64_t marks;
    uint64_t port_accesses;
    uint64_t memory_accesses;
    uint64_t reads;
    uint64_t writes;
    uint64_t flushes;
    uint64_t detail;
};
_Static_assert(sizeof(struct report) == 96, "docs/guest-abi.md");

#define PARAMETERS ((const struct parameters *)(uintptr_t)RAM_ADDRESS(0x7000))
#define REPORT ((struct report *)(uintptr_t)RAM_ADDRESS(0x7800))

#define PARAMETERS_MAGIC 0x4e584531
#define REPORT_MAGIC 0x54505245

// Guest RAM. The stack is below RINGS.
#define VARIABLES RAM_ADDRESS(0x20000)
#define RINGS RAM_ADDRESS(0x30000)
#define REQUESTS RAM_ADDRESS(0x50000)
#define STAMPS RAM_ADDRESS(0x58000)
#define TABLES RAM_ADDRESS(0x60000)
#define BUFFERS RAM_ADDRESS(0x100000)

enum flags {
    FLAG_INTERRUPTS = 1 << 1,
    FLAG_INTERRUPT_CONTROLLER = 1 << 2,
    FLAG_RANDOM = 1 << 3,
    FLAG_ANNOUNCE = 1 << 4,
};

enum failure {
    FAILURE_WRONG_VALUE = 1,
    FAILURE_COMPLETION = 2,
    FAILURE_INTERRUPT = 3,
    FAILURE_PARAMETERS = 4,
    FAILURE_DEVICE = 6,
    FAILURE_STATUS = 7,
    FAILURE_DISK_TOO_SMALL = 8,
    FAILURE_PEER = 9,
    FAILURE_FEATURES = 10,
    FAILURE_QUEUES = 11,
    FAILURE_ENTRIES = 12,
    FAILURE_PORTS = 13,
};

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define le16(value) __builtin_bswap16(value)
#define le32(value) __builtin_bswap32(value)
#define le64(value) __builtin_bswap64(value)
#else
#define le16(value) ((uint16_t)(value))
#define le32(value) ((uint32_t)(value))
#define le64(value) ((uint64_t)(value))
#endif

static inline void compiler_fence(void) { __asm__ volatile("" ::: "memory"); }

// What the guest does; it ends the run itself or returns when all went well.
static inline void guest_main(void);

#ifdef __x86_64__
#include "pc.h"
#else
#include "board.h"
#endif

// Ends the run, in good order where `failure` is 0.
static inline _Noreturn void finish(uint32_t failure) {
    REPORT->failure = failure;
    REPORT->magic = REPORT_MAGIC;
    end_run(failure);
}

// Ends the run with a failure.
static __attribute__((noinline)) _Noreturn void fail(enum failure failure) { finish(failure); }

// Ends the run with a failure, and says more about it: docs/guest-abi.md has what, by guest.
static inline _Noreturn void fail_at(enum failure failure, uint64_t detail) {
    REPORT->detail = detail;
    fail(failure);
}

static inline void mark(uint32_t value) {
    REPORT->marks++;
    write_marker(value);
}

// The pause between iterations.
static inline void space(void) {
    for (uint32_t left = PARAMETERS->spacing; left > 0; left--)
        pause();
}

static __attribute__((used)) _Noreturn void guest_start(void) {
    if (PARAMETERS->magic != PARAMETERS_MAGIC || PARAMETERS->iterations == 0)
        fail(FAILURE_PARAMETERS);
    guest_main();
    finish(0);
}
