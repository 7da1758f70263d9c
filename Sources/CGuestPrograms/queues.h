// Several queues for each vCPU, each with an interrupt line of its own: a vCPU kicks all of its queues and sleeps until
// every one of them has completed its request and has said so by its own interrupt.
//
// Queue q raises line 16 + q, whose pin of the I/O APIC sends vector VECTOR_QUEUES + q to the vCPU that the queue belongs
// to. Each queue has one request on its way at the most, so there is exactly one interrupt for each request.
#pragma once

#include "doorbell.h"
#include "vcpus.h"

#define QUEUE_LINES 8
#define LINE_QUEUES 16
#define VECTOR_QUEUES (VECTOR_DOORBELL + 1)

#define DOORBELL_LINE 0x140

// The parameter is the number of queues of each vCPU.
#define QUEUES_EACH PARAMETER

.macro QUEUE_HANDLER queue
.Lqueue_handler_\queue:
    incl    AT(.Lqueue_interrupts + 4 * \queue)
    movl    $0, APIC_EOI
    INTERRUPT_RETURN
.endm

    .balign 8
.Lqueues_idt:
    .fill   VECTOR_TIMER * 8, 1, 0
    IDT_ENTRY .Ltick_handler
    IDT_ENTRY .Lspurious_handler
    IDT_ENTRY .Lqueue_handler_0
    IDT_ENTRY .Lqueue_handler_1
    IDT_ENTRY .Lqueue_handler_2
    IDT_ENTRY .Lqueue_handler_3
    IDT_ENTRY .Lqueue_handler_4
    IDT_ENTRY .Lqueue_handler_5
    IDT_ENTRY .Lqueue_handler_6
    IDT_ENTRY .Lqueue_handler_7
    .fill   (VECTOR_SPURIOUS - VECTOR_QUEUES - QUEUE_LINES) * 8, 1, 0
    IDT_ENTRY .Lspurious_handler
.Lqueues_idt_end:
.Lqueues_idt_register:
    .word   .Lqueues_idt_end - .Lqueues_idt - 1
    .long   AT(.Lqueues_idt)

    .balign 4
// By queue; written on the vCPU that the queue belongs to alone.
.Lqueue_interrupts:
    .fill   QUEUE_LINES, 4, 0
// By vCPU: the watchdog's ticks.
.Lticks:
    .fill   QUEUE_LINES, 4, 0

    QUEUE_HANDLER 0
    QUEUE_HANDLER 1
    QUEUE_HANDLER 2
    QUEUE_HANDLER 3
    QUEUE_HANDLER 4
    QUEUE_HANDLER 5
    QUEUE_HANDLER 6
    QUEUE_HANDLER 7

.Ltick_handler:
    pushl   %eax
    movl    APIC_ID, %eax
    shrl    $24, %eax
    incl    AT(.Lticks)(, %eax, 4)
    movl    $0, APIC_EOI
    popl    %eax
    INTERRUPT_RETURN

// edi: queue, eax: the vCPU that it belongs to. Opens it, gives it its line and leads that to the vCPU: 4 accesses of the
// doorbell, and 4 of the I/O APIC. Changes eax, ebx, edx, esi.
.Lqueue_open:
    movl    %eax, %ebx
    call    .Ldoorbell_open
    movl    $RING_WANTS_INTERRUPT, RING_FLAGS(%esi)
    leal    DOORBELL_LINE(, %edi, 4), %edx
    leal    LINE_QUEUES(%edi), %eax
    call    .Ldoorbell_write
    leal    IO_APIC_REDIRECTION(LINE_QUEUES) + 1(, %edi, 2), %eax
    movl    %eax, IO_APIC_SELECT
    shll    $24, %ebx
    movl    %ebx, IO_APIC_WINDOW
    decl    %eax
    movl    %eax, IO_APIC_SELECT
    leal    VECTOR_QUEUES(%edi), %eax
    movl    %eax, IO_APIC_WINDOW
    ret

.Lsecondary:
    call    .Lapic_enable

// edi: the vCPU. Does ITERATIONS times a kick of each of its queues, and sleeps until all are answered. Leaves the report
// alone, which is the first vCPU's. Interrupts are off but for the HLT, as in doorbell.h. Changes all registers.
.Lqueues:
    lidt    AT(.Lqueues_idt_register)
    call    .Lwatchdog_start
    movl    ITERATIONS, %ecx
1:  pushl   %ecx
    pushl   %edi
    movl    QUEUES_EACH, %ecx
    imull   %ecx, %edi
2:  call    .Lqueue_ring
    call    .Ldoorbell_kick
    incl    %edi
    decl    %ecx
    jnz     2b
    movl    (%esp), %edi
    movl    AT(.Lticks)(, %edi, 4), %ebp
3:  movl    (%esp), %edi
    movl    QUEUES_EACH, %ecx
    imull   %ecx, %edi
4:  call    .Lqueue_ring
    movl    RING_COMPLETED(%esi), %eax
    subl    (%esi), %eax
    jg      .Lfail_completion
    jnz     5f
    movl    AT(.Lqueue_interrupts)(, %edi, 4), %eax
    subl    (%esi), %eax
    jg      .Lfail_interrupt
    jnz     5f
    incl    %edi
    decl    %ecx
    jnz     4b
    SPACE
    popl    %edi
    popl    %ecx
    decl    %ecx
    jnz     1b
    jmp     .Lwatchdog_stop
5:  movl    (%esp), %edi
    movl    AT(.Lticks)(, %edi, 4), %eax
    subl    %ebp, %eax
    cmpl    $WATCHDOG_TICKS_TO_GIVE_UP, %eax
    jae     6f
    sti
    hlt
    cli
    jmp     3b
6:  movl    RING_COMPLETED(%esi), %eax
    cmpl    (%esi), %eax
    jne     .Lfail_completion
    jmp     .Lfail_interrupt

// edi: queue. Leaves esi: its ring.
.Lqueue_ring:
    movl    %edi, %esi
    shll    $RING_STRIDE_SHIFT, %esi
    addl    $RINGS, %esi
    ret
