// What every guest in C begins and ends with. docs/guest-abi.md is the contract with the VMM.
//
// A guest is a flat image of 64-bit code that runs at LOAD. The host's compiler makes it, as one section of this
// executable, and the section's bytes are the image. That works because the image needs nothing but itself:
//
// - All code of a guest is in one source file and its headers, as static functions, in one section. What a function calls
//   is in the same section, so the assembler knows the distance and leaves no relocation.
// - There is no data in the image, and none beside it: no global variables, no strings, no tables (a switch could
//   become one; Package.swift says no). Variables are on the stack, or in guest RAM at addresses that are written here.
// - No floating point, no red zone (interrupts use the guest's stack), no calls that a compiler adds on its own: the
//   flags are in Package.swift. GuestImageTests reads the object files to see that all of this holds.
//
// Loops are short: where KVM emulates kernel-mode code, an instruction costs about 0.6 µs. Its emulator has no fences;
// `full_fence` is a locked instruction.
#pragma once

#include <stdint.h>

#ifndef GUEST_IMAGE
#error "A guest defines GUEST_IMAGE, its symbol as a string, before it includes anything."
#endif
#define GUEST_SECTION "guest_code"

// To the end of the file, which pops it.
#pragma clang attribute push(__attribute__((section(GUEST_SECTION))), apply_to = function)

// The image's beginning, which is its entry, and in a subsection behind all code its end.
__asm__(".section " GUEST_SECTION ",\"ax\",@progbits\n"
        ".balign 16\n"
        ".globl " GUEST_IMAGE "\n" GUEST_IMAGE ":\n"
        "cld\n"
        "movl $0x30000, %esp\n"
        "call guest_start\n"
        ".subsection 1\n"
        ".globl " GUEST_IMAGE "_end\n" GUEST_IMAGE "_end:\n"
        ".subsection 0\n"
        ".text\n");

// Guest RAM. The stack is below RINGS.
#define VARIABLES 0x20000
#define RINGS 0x30000
#define REQUESTS 0x50000
#define STAMPS 0x58000
#define TABLES 0x60000
#define BUFFERS 0x100000

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

#define PARAMETERS ((const struct parameters *)0x7000)
#define REPORT ((struct report *)0x7800)

#define PARAMETERS_MAGIC 0x4e584531
#define REPORT_MAGIC 0x54505245

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

enum port {
    PORT_DEBUG_EXIT = 0xf4,
    PORT_SERIAL = 0x3f8,
    PORT_MARKER = 0x580,
    PORT_POWER = 0x604,
};
#define POWER_OFF 0x2000

#define TSC_KHZ_IF_UNKNOWN 3000000

static inline void compiler_fence(void) { __asm__ volatile("" ::: "memory"); }

// What was written before is seen by others before anything is read after this.
static inline void full_fence(void) { __asm__ volatile("lock orl $0, (%%rsp)" ::: "memory", "cc"); }

static inline void pause(void) { __asm__ volatile("pause"); }

static inline uint64_t time_stamp(void) {
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static inline uint64_t ticks_in_seconds(uint32_t seconds) {
    uint32_t khz = PARAMETERS->tsc_khz;
    return (uint64_t)seconds * 1000 * (khz ? khz : TSC_KHZ_IF_UNKNOWN);
}

static inline void out8(uint16_t port, uint8_t value) {
    __asm__ volatile("outb %0, %1" ::"a"(value), "d"(port) : "memory");
}

static inline void out16(uint16_t port, uint16_t value) {
    __asm__ volatile("outw %0, %1" ::"a"(value), "d"(port) : "memory");
}

static inline void out32(uint16_t port, uint32_t value) {
    __asm__ volatile("outl %0, %1" ::"a"(value), "d"(port) : "memory");
}

// Ends the run, in good order where `failure` is 0.
static inline _Noreturn void finish(uint32_t failure) {
    REPORT->failure = failure;
    REPORT->magic = REPORT_MAGIC;
    if (failure)
        out8(PORT_DEBUG_EXIT, (uint8_t)failure);
    else
        out16(PORT_POWER, POWER_OFF);
    for (;;)
        __asm__ volatile("cli\n hlt" ::: "memory");
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
    out32(PORT_MARKER, value);
}

// The pause between iterations.
static inline void space(void) {
    for (uint32_t left = PARAMETERS->spacing; left > 0; left--)
        pause();
}

// What the guest does; it ends the run itself or returns when all went well.
static inline void guest_main(void);

static __attribute__((used)) _Noreturn void guest_start(void) {
    if (PARAMETERS->magic != PARAMETERS_MAGIC || PARAMETERS->iterations == 0)
        fail(FAILURE_PARAMETERS);
    guest_main();
    finish(0);
}
