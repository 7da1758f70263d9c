// Interrupts: the IDT, the local APIC with its timer, and the I/O APIC pin of one device.
//
// Interrupts are taken only at the HLT in `halt`, one for each HLT. There are no exception handlers: an exception is a
// triple fault, which the VMM reports with registers and instruction bytes.
#pragma once

#include "guest.h"

// Counters that handlers raise, and behind them the IDT.
struct interrupt_counts {
    uint32_t timer;
    uint32_t device;
};
#define INTERRUPT_COUNTS ((volatile struct interrupt_counts *)VARIABLES)
#define IDT_REGISTER (VARIABLES + 0x80)
#define IDT (VARIABLES + 0x100)

enum vector {
    VECTOR_TIMER = 0x20,
    VECTOR_DEVICE = 0x21,
    VECTOR_SPURIOUS = 0x2f,
};

#define LOCAL_APIC 0xfee00000
#define IO_APIC_SELECT 0xfec00000
#define IO_APIC_WINDOW 0xfec00010
#define IO_APIC_REDIRECTION(pin) (0x10 + 2 * (pin))

enum apic {
    APIC_ID = 0x20,
    APIC_SPURIOUS = 0xf0,
    APIC_TIMER = 0x320,
    APIC_LINT0 = 0x350,
    APIC_INITIAL_COUNT = 0x380,
    APIC_DIVIDE = 0x3e0,
};
#define APIC_ENABLED 0x100
#define APIC_MASKED 0x10000
#define APIC_PERIODIC 0x20000
#define APIC_DIVIDE_BY_1 0xb

// KVM's local APIC timer counts nanoseconds at a divisor of 1.
#define WATCHDOG_NANOSECONDS 250000000
#define WATCHDOG_TICKS_A_SECOND 4

// KVM's emulator has no IRET in 64-bit mode: the handler goes back to where the HLT was with the stack that it had. Flags
// are of no interest there, and interrupts, which the gate has turned off, are to be off. %rax is `halt`'s to lose.
#define HANDLER(name, what)                                                                                    \
    static __attribute__((naked)) void name(void) {                                                            \
        __asm__(what "movl $0xfee000b0, %eax\n"                                                                \
                     "movl $0, (%rax)\n"                                                                       \
                     "movq (%rsp), %rax\n"                                                                     \
                     "movq 24(%rsp), %rsp\n"                                                                   \
                     "jmpq *%rax\n");                                                                          \
    }
HANDLER(timer_handler, "incl 0x20000\n")
HANDLER(device_handler, "incl 0x20004\n")
_Static_assert(VARIABLES == 0x20000, "addresses in assembly");

static inline void apic_write(enum apic offset, uint32_t value) {
    *(volatile uint32_t *)(uintptr_t)(LOCAL_APIC + offset) = value;
}

static inline void io_apic_write(uint32_t index, uint32_t value) {
    *(volatile uint32_t *)IO_APIC_SELECT = index;
    *(volatile uint32_t *)IO_APIC_WINDOW = value;
}

static inline void set_gate(enum vector vector, void (*handler)(void)) {
    uint64_t address = (uint64_t)(uintptr_t)handler;
    volatile uint64_t *gate = (volatile uint64_t *)(uintptr_t)(IDT + 16 * vector);
    // Intel SDM volume 3, section 6.14.1: an interrupt gate of code segment 8.
    gate[0] = (address & 0xffff) | 8 << 16 | 0x8e00ull << 32 | (address >> 16 & 0xffff) << 48;
    gate[1] = address >> 32;
}

// Prepares this vCPU for interrupts of its timer and of the device with this line; leaves them off.
static inline void interrupts_enable(uint32_t line) {
    set_gate(VECTOR_TIMER, timer_handler);
    set_gate(VECTOR_DEVICE, device_handler);
    *(volatile uint16_t *)IDT_REGISTER = 16 * (VECTOR_DEVICE + 1) - 1;
    *(volatile uint64_t *)(IDT_REGISTER + 2) = IDT;
    __asm__ volatile("lidt 0x20080" ::: "memory");
    // LINT0 is masked: KVM leaves it open to the PIC, which nobody has programmed.
    apic_write(APIC_LINT0, APIC_MASKED);
    apic_write(APIC_SPURIOUS, APIC_ENABLED | VECTOR_SPURIOUS);
    apic_write(APIC_DIVIDE, APIC_DIVIDE_BY_1);
    io_apic_write(IO_APIC_REDIRECTION(line) + 1, *(volatile uint32_t *)(LOCAL_APIC + APIC_ID));
    io_apic_write(IO_APIC_REDIRECTION(line), VECTOR_DEVICE);
    // A timer that ends every HLT sooner or later, so that a guest can notice that an interrupt did not come.
    apic_write(APIC_TIMER, APIC_PERIODIC | VECTOR_TIMER);
    apic_write(APIC_INITIAL_COUNT, WATCHDOG_NANOSECONDS);
}

// Sleeps until one interrupt was taken, of whatever kind.
static inline void halt(void) { __asm__ volatile("sti\n hlt\n cli" ::: "rax", "memory", "cc"); }
