// A guest on a PC: a flat image of 64-bit code that runs at LOAD. The host's compiler makes it, as one section of this
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

#define HAS_INTERRUPTS
#define HAS_TIME_STAMPS
#define RAM_ADDRESS(offset) (offset)
// What a device is told of an address.
#define PHYSICAL(pointer) ((uint64_t)(uintptr_t)(pointer))
#define REGISTER(address) ((uintptr_t)(address))

enum port {
    PORT_DEBUG_EXIT = 0xf4,
    PORT_SERIAL = 0x3f8,
    PORT_MARKER = 0x580,
    PORT_POWER = 0x604,
};
#define POWER_OFF 0x2000

#define TSC_KHZ_IF_UNKNOWN 3000000

// What was written before is seen by others before what is written after this; x86 keeps that order by itself.
static inline void write_fence(void) { compiler_fence(); }

// What is read after this was not read before what precedes it; the same.
static inline void read_fence(void) { compiler_fence(); }

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

static inline void write_marker(uint32_t value) { out32(PORT_MARKER, value); }

static inline void write_serial(uint8_t character) {
    REPORT->port_accesses++;
    out8(PORT_SERIAL, character);
}

static inline _Noreturn void end_run(uint32_t failure) {
    if (failure)
        out8(PORT_DEBUG_EXIT, (uint8_t)failure);
    else
        out16(PORT_POWER, POWER_OFF);
    for (;;)
        __asm__ volatile("cli\n hlt" ::: "memory");
}
