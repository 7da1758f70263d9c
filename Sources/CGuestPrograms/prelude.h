// What every protected-mode guest begins and ends with. docs/guest-abi.md is the contract with the VMM.
//
// A guest is a flat image of 32-bit code that runs at LOAD. It lies in the executable's read-only data, at an address
// that is not LOAD, so an absolute address in it is written AT(label): a distance within the section plus LOAD, which
// the assembler computes without relocations. Jumps and calls are relative and need nothing.
//
// Loops are short and avoid string instructions: where KVM emulates kernel-mode code, an instruction costs about
// 0.6 µs. No register survives from one routine to the next except where its comment says so; the state of a guest is
// in its parameter and report blocks and in variables inside its image.
#pragma once

#define LOAD 0x10000
#define AT(label) (((label) - .Limage) + LOAD)

#define PARAMETERS 0x7000
#define PARAMETERS_MAGIC 0x4e584531
#define VCPUS (PARAMETERS + 4)
#define ITERATIONS (PARAMETERS + 8)
#define SPACING (PARAMETERS + 16)
#define FLAGS (PARAMETERS + 20)
#define TSC_KHZ (PARAMETERS + 24)
#define PARAMETER (PARAMETERS + 28)

#define TSC_KHZ_IF_UNKNOWN 3000000

#define FLAG_MEMORY_MAPPED 1
#define FLAG_INTERRUPTS 2
#define FLAG_INTERRUPT_CONTROLLER 4
// The number of doorbells to kick, less one.
#define FLAGS_DOORBELLS_SHIFT 8
#define FLAGS_DOORBELLS_MASK 15

#define REPORT 0x7800
#define REPORT_MAGIC 0x54505245
#define REPORT_BYTES 64
#define REPORT_FAILURE (REPORT + 4)
#define REPORT_ITERATIONS (REPORT + 8)
#define REPORT_KICKS (REPORT + 16)
#define REPORT_COMPLETIONS (REPORT + 24)
#define REPORT_INTERRUPTS (REPORT + 32)
#define REPORT_MARKS (REPORT + 40)
#define REPORT_PORT_ACCESSES (REPORT + 48)
#define REPORT_MEMORY_ACCESSES (REPORT + 56)

#define FAILURE_WRONG_VALUE 1
#define FAILURE_COMPLETION 2
#define FAILURE_INTERRUPT 3
#define FAILURE_PARAMETERS 4
#define FAILURE_VCPU 5

#define PORT_DEBUG_EXIT 0xf4
#define PORT_SERIAL 0x3f8
#define PORT_MARKER 0x580
#define PORT_SCRATCH 0x590
#define PORT_POWER 0x604
#define POWER_OFF 0x2000

#define SCRATCH_WINDOW 0xd0001000

// Begins the image `name`; the code after it runs once the parameter block has been found good.
.macro GUEST name
    .section .rodata, "a", @progbits
    .balign 16
    .globl exeunt_guest_\name
exeunt_guest_\name:
.Limage:
    .code32
    cld
    cmpl    $PARAMETERS_MAGIC, (%ebx)
    jne     .Lfail_parameters
    cmpl    $0, ITERATIONS + 4
    jne     .Lfail_parameters
    cmpl    $0, ITERATIONS
    je      .Lfail_parameters
    cmpl    $0, TSC_KHZ
    jne     1f
    movl    $TSC_KHZ_IF_UNKNOWN, TSC_KHZ
1:  xorl    %eax, %eax
    .set    field, 0
    .rept   REPORT_BYTES / 4
    movl    %eax, REPORT + field
    .set    field, field + 4
    .endr
    jmp     .Lmain

// Ends the run in good order: the report is complete.
.Lfinish:
    cli
    movl    $REPORT_MAGIC, REPORT
    movl    $POWER_OFF, %eax
    movl    $PORT_POWER, %edx
    outw    %ax, %dx
1:  hlt
    jmp     1b

.Lfail_wrong_value:
    movl    $FAILURE_WRONG_VALUE, %eax
    jmp     .Lfail
.Lfail_completion:
    movl    $FAILURE_COMPLETION, %eax
    jmp     .Lfail
.Lfail_interrupt:
    movl    $FAILURE_INTERRUPT, %eax
    jmp     .Lfail
.Lfail_parameters:
    movl    $FAILURE_PARAMETERS, %eax

// Ends the run with failure code eax.
.Lfail:
    cli
    movl    %eax, REPORT_FAILURE
    movl    $REPORT_MAGIC, REPORT
    outb    %al, $PORT_DEBUG_EXIT
1:  hlt
    jmp     1b
.endm

// Ends the image `name`.
.macro GUEST_END name
    .globl exeunt_guest_\name\()_end
exeunt_guest_\name\()_end:
    .section .note.GNU-stack, "", @progbits
.endm

// Adds the 32-bit register or constant `value` to the 64-bit counter `field` of the report.
.macro COUNT field, value
    addl    \value, \field
    adcl    $0, \field + 4
.endm

// The pause between iterations. Changes eax and flags.
.macro SPACE
    movl    SPACING, %eax
    testl   %eax, %eax
    jz      92f
91: pause
    decl    %eax
    jnz     91b
92:
.endm

// Writes `value` to the marker port. Changes eax and edx.
.macro MARK value
    movl    \value, %eax
    movl    $PORT_MARKER, %edx
    outl    %eax, %dx
    COUNT   REPORT_MARKS, $1
.endm
