// Interrupts: the IDT, the local APIC with its timer, and the I/O APIC pin of the doorbell.
//
// Vectors are chosen so that the IDT stays small. There are no exception handlers: an exception is a triple fault,
// which the VMM reports with registers and instruction bytes.
#pragma once

#define VECTOR_TIMER 0x20
#define VECTOR_DOORBELL 0x21
#define VECTOR_SPURIOUS 0x2f

#define LOCAL_APIC 0xfee00000
#define APIC_ID (LOCAL_APIC + 0x20)
#define APIC_EOI (LOCAL_APIC + 0xb0)
#define APIC_SPURIOUS (LOCAL_APIC + 0xf0)
#define APIC_COMMAND_LOW (LOCAL_APIC + 0x300)
#define APIC_COMMAND_HIGH (LOCAL_APIC + 0x310)
#define APIC_TIMER (LOCAL_APIC + 0x320)
#define APIC_LINT0 (LOCAL_APIC + 0x350)
#define APIC_INITIAL_COUNT (LOCAL_APIC + 0x380)
#define APIC_DIVIDE (LOCAL_APIC + 0x3e0)

#define APIC_ENABLED 0x100
#define APIC_MASKED 0x10000
#define APIC_PERIODIC 0x20000
#define APIC_DIVIDE_BY_1 0xb
// KVM's local APIC timer counts nanoseconds at a divisor of 1.
#define NANOSECONDS_A_MICROSECOND 1000

#define IO_APIC_SELECT 0xfec00000
#define IO_APIC_WINDOW 0xfec00010
#define IO_APIC_REDIRECTION(pin) (0x10 + 2 * (pin))

#define LINE_DOORBELL 5
#define LINE_SECOND_DOORBELL 10

#define WATCHDOG_NANOSECONDS 250000000
#define WATCHDOG_TICKS_TO_GIVE_UP 20

.macro IDT_ENTRY handler
    .word   (\handler) - .Limage
    .word   8
    .word   0x8e00
    .word   LOAD >> 16
.endm

// KVM's instruction emulator has no IRET in protected mode. A far return that drops the saved flags does: interrupts
// are taken only at a HLT, after which the guest wants them off and looks at no flag.
.macro INTERRUPT_RETURN
    lret    $4
.endm

    .balign 8
.Lidt:
    .fill   VECTOR_TIMER * 8, 1, 0
    IDT_ENTRY .Ltimer_handler
    IDT_ENTRY .Ldoorbell_handler
    .fill   (VECTOR_SPURIOUS - VECTOR_DOORBELL - 1) * 8, 1, 0
    IDT_ENTRY .Lspurious_handler
.Lidt_end:
.Lidt_register:
    .word   .Lidt_end - .Lidt - 1
    .long   AT(.Lidt)
    .balign 4
.Ltimer_interrupts:
    .long   0
.Ldoorbell_interrupts:
    .long   0
// The line of the doorbell whose interrupts are waited for.
.Ldoorbell_line:
    .long   LINE_DOORBELL

.Ltimer_handler:
    incl    AT(.Ltimer_interrupts)
    movl    $0, APIC_EOI
    INTERRUPT_RETURN
.Ldoorbell_handler:
    incl    AT(.Ldoorbell_interrupts)
    movl    $0, APIC_EOI
.Lspurious_handler:
    INTERRUPT_RETURN

// Enables this vCPU's local APIC. LINT0 is masked: KVM leaves it open to the PIC, which nobody has programmed.
.Lapic_enable:
    movl    $APIC_MASKED, APIC_LINT0
    movl    $(APIC_ENABLED | VECTOR_SPURIOUS), APIC_SPURIOUS
    movl    $APIC_DIVIDE_BY_1, APIC_DIVIDE
    ret

// Prepares the first vCPU for interrupts of its timer and of the doorbell; leaves interrupts off. Changes eax, edx.
.Linterrupts_enable:
    lidt    AT(.Lidt_register)
    call    .Lapic_enable
    movl    AT(.Ldoorbell_line), %edx
    leal    IO_APIC_REDIRECTION(0) + 1(, %edx, 2), %edx
    movl    %edx, IO_APIC_SELECT
    movl    APIC_ID, %eax
    movl    %eax, IO_APIC_WINDOW
    decl    %edx
    movl    %edx, IO_APIC_SELECT
    movl    $VECTOR_DOORBELL, IO_APIC_WINDOW
    ret

// A timer that ends every HLT sooner or later, so that a guest can notice that an interrupt did not come.
.Lwatchdog_start:
    movl    $(APIC_PERIODIC | VECTOR_TIMER), APIC_TIMER
    movl    $WATCHDOG_NANOSECONDS, APIC_INITIAL_COUNT
    ret

.Lwatchdog_stop:
    movl    $0, APIC_INITIAL_COUNT
    movl    $(APIC_MASKED | VECTOR_TIMER), APIC_TIMER
    // A tick that is already pending must not be taken for another timer's.
    sti
    nop
    nop
    cli
    ret
