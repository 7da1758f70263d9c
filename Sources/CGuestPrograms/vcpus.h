// Secondary vCPUs: start them one after the other by INIT and SIPI, and wait until they are done.
// The guest has a routine .Lsecondary, called on each with edi: its index; it returns.
#pragma once

#include "interrupts.h"

#define TRAMPOLINE 0x8000
#define STACKS 0x30000
#define STACK_SHIFT 12

#define INTERRUPT_INIT 0x4500
#define INTERRUPT_STARTUP (0x4600 | TRAMPOLINE >> 12)

    .balign 4
.Lstarting:
    .long   0
.Lstarted:
    .long   0
.Lended:
    .long   0

// Copied to TRAMPOLINE, where a SIPI sends a vCPU in real mode.
    .balign 4
.Ltrampoline:
    .code16
    cli
    xorw    %ax, %ax
    movw    %ax, %ds
    lgdtl   TRAMPOLINE + (.Ltrampoline_gdt_register - .Ltrampoline)
    movl    %cr0, %eax
    orb     $1, %al
    movl    %eax, %cr0
    ljmpl   $8, $AT(.Lsecondary_entry)
    .code32
    .balign 4
.Ltrampoline_gdt:
    .quad   0
    .quad   0x00cf9b000000ffff
    .quad   0x00cf93000000ffff
.Ltrampoline_gdt_register:
    .word   3 * 8 - 1
    .long   TRAMPOLINE + (.Ltrampoline_gdt - .Ltrampoline)
    .balign 4
.Ltrampoline_end:

.Lsecondary_entry:
    movl    $0x10, %eax
    movl    %eax, %ds
    movl    %eax, %es
    movl    %eax, %ss
    movl    AT(.Lstarting), %edi
    leal    1(%edi), %esp
    shll    $STACK_SHIFT, %esp
    addl    $STACKS, %esp
    movl    %edi, AT(.Lstarted)
    call    .Lsecondary
    lock incl AT(.Lended)
1:  cli
    hlt
    jmp     1b

// Starts every secondary vCPU. Changes all registers.
.Lvcpus_start:
    movl    $AT(.Ltrampoline), %esi
    movl    $TRAMPOLINE, %edi
1:  movl    (%esi), %eax
    movl    %eax, (%edi)
    addl    $4, %esi
    addl    $4, %edi
    cmpl    $AT(.Ltrampoline_end), %esi
    jb      1b
    movl    $1, %edi
2:  cmpl    VCPUS, %edi
    jae     6f
    movl    %edi, AT(.Lstarting)
    movl    %edi, %eax
    shll    $24, %eax
    movl    %eax, APIC_COMMAND_HIGH
    movl    $INTERRUPT_INIT, APIC_COMMAND_LOW
    movl    %eax, APIC_COMMAND_HIGH
    movl    $INTERRUPT_STARTUP, APIC_COMMAND_LOW
    rdtsc
    movl    %eax, %ebx
    movl    %edx, %ecx
3:  cmpl    AT(.Lstarted), %edi
    je      5f
    pause
    // As in doorbell.h: about 5 s.
    rdtsc
    subl    %ebx, %eax
    sbbl    %ecx, %edx
    shrdl   $10, %edx, %eax
    imull   $5, TSC_KHZ, %edx
    cmpl    %edx, %eax
    jb      3b
    movl    $FAILURE_VCPU, %eax
    jmp     .Lfail
5:  incl    %edi
    jmp     2b
6:  ret

// Waits until every secondary vCPU has returned from .Lsecondary. Changes eax.
.Lvcpus_wait:
    movl    VCPUS, %eax
    decl    %eax
1:  cmpl    %eax, AT(.Lended)
    je      2f
    pause
    jmp     1b
2:  ret
