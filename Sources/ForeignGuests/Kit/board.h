// A guest on a board other than a PC: a flat image that is linked to where it is loaded (guest.ld), runs without page tables and
// takes no interrupts. Addresses of RAM and devices come from the VMM's own table (Sources/Board/ArchitectureMap.swift), as
// macros of the build: RAM, DEVICE_*, and by which windows a processor without page tables reaches them, RAM_WINDOW and
// REGISTER_WINDOW.
#pragma once

#define RAM_ADDRESS(offset) (RAM_WINDOW + RAM + (offset))
// What a device is told of an address.
#define PHYSICAL(pointer) ((uint64_t)((uintptr_t)(pointer)-RAM_WINDOW))
#define REGISTER(address) ((uintptr_t)(address) + REGISTER_WINDOW)

#define STACK 0x30000
#define POWER_OFF 0x2000

#define GUEST_SECTION ".text.guest"
// To the end of the file, which pops it.
#pragma clang attribute push(__attribute__((section(GUEST_SECTION))), apply_to = function)

// The entry, which gives the guest a stack, and fences as the architecture has them.
//
// libunicorn 2.0 leaves fences out of what it translates, as it takes the processor for the only one there is, and a device's
// thread runs beside it. The VMM makes one of its own at the beginning of each block of code: so a full fence here is the
// architecture's, and a branch behind it, which begins a block.
#define TEXT_OF(value) #value
#define TEXT(value) TEXT_OF(value)
#if defined(__aarch64__)
#define ENTRY "mov x9, #" TEXT(RAM_ADDRESS(STACK)) "\n mov sp, x9\n b guest_start\n"
#define FULL_FENCE "dmb ish\n b 1f\n 1:"
#define WRITE_FENCE "dmb ishst"
#define READ_FENCE "dmb ishld"
#elif defined(__mips__)
// Arguments have 16 bytes of their caller's stack.
#define ENTRY ".set noreorder\n li $sp, " TEXT(RAM_ADDRESS(STACK)) " - 16\n j guest_start\n nop\n .set reorder\n"
#define FULL_FENCE ".set push\n .set noreorder\n sync\n b 1f\n nop\n 1: .set pop"
#define WRITE_FENCE "sync"
#define READ_FENCE "sync"
#elif defined(__powerpc__)
// A frame's header, of which the caller's is the first.
#define ENTRY                                                                                                  \
    "lis 1, (" TEXT(RAM_ADDRESS(STACK)) " - 16) >> 16\n ori 1, 1, (" TEXT(RAM_ADDRESS(STACK)) " - 16) & 0xffff\n" \
    "b guest_start\n"
#define FULL_FENCE "sync\n b 1f\n 1:"
#define WRITE_FENCE "sync"
#define READ_FENCE "sync"
#elif defined(__s390x__)
// Registers are saved in 160 bytes of their caller's stack.
#define ENTRY "llilf %r15, " TEXT(RAM_ADDRESS(STACK)) " - 160\n jg guest_start\n"
#define FULL_FENCE "bcr 15, 0\n j 1f\n 1:"
// Reads stay in their order, and so do writes (z/Architecture Principles of Operation, chapter 5, "Storage-operand references").
#define WRITE_FENCE ""
#define READ_FENCE ""
#elif defined(__riscv)
#define ENTRY "li sp, " TEXT(RAM_ADDRESS(STACK)) "\n j guest_start\n"
#define FULL_FENCE "fence rw, rw\n j 1f\n 1:"
#define WRITE_FENCE "fence w, w"
#define READ_FENCE "fence r, r"
#else
#error "an architecture without a board"
#endif

__asm__(".section .entry, \"ax\", %progbits\n"
        ".globl guest_entry\n"
        "guest_entry:\n" ENTRY ".text\n");

static inline void full_fence(void) { __asm__ volatile(FULL_FENCE ::: "memory"); }

static inline void write_fence(void) { __asm__ volatile(WRITE_FENCE ::: "memory"); }

static inline void read_fence(void) { __asm__ volatile(READ_FENCE ::: "memory"); }

static inline void pause(void) { compiler_fence(); }

// Not all processors of the library have a clock (the STCK of its s390x stores 0, its MIPS has no Count): what stands for one
// is how often the guest has asked. Whoever polls does so after 1024 looks, which takes some 20 µs.
static inline uint64_t time_stamp(void) { return ++*(volatile uint64_t *)(uintptr_t)VARIABLES; }

static inline uint64_t ticks_in_seconds(uint32_t seconds) { return (uint64_t)seconds << 15; }

static inline uint32_t read32(uintptr_t address) { return le32(*(volatile uint32_t *)REGISTER(address)); }

static inline void write32(uintptr_t address, uint32_t value) {
    *(volatile uint32_t *)REGISTER(address) = le32(value);
}

static inline void write16(uintptr_t address, uint16_t value) {
    *(volatile uint16_t *)REGISTER(address) = le16(value);
}

static inline void write8(uintptr_t address, uint8_t value) { *(volatile uint8_t *)REGISTER(address) = value; }

static inline void write_marker(uint32_t value) { write32(DEVICE_MARKER, value); }

static inline void write_serial(uint8_t character) {
    REPORT->memory_accesses++;
    write8(DEVICE_SERIAL, character);
}

static inline _Noreturn void end_run(uint32_t failure) {
    // The report is there before the run ends.
    full_fence();
    if (failure)
        write32(DEVICE_DEBUG_EXIT, failure);
    else
        write16(DEVICE_POWER, POWER_OFF);
    for (;;)
        pause();
}
