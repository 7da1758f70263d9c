// Requests to the doorbell: post requests in a queue's ring, kick, wait until they are completed.
// Queue q's ring is at RINGS + q * RING_STRIDE.
#pragma once

#include "interrupts.h"

#define RINGS 0x20000
#define RING_STRIDE_SHIFT 12
#define RING_SIZE 256
#define RING_COMPLETED 4
#define RING_FLAGS 8
#define RING_ENTRIES 16
#define RING_WANTS_INTERRUPT 1

// Doorbell d's ports and window are so far from doorbell 0's, and its line is LINE_SECOND_DOORBELL + d - 1.
#define DOORBELL_PORTS 0xd00
#define DOORBELL_PORTS_STRIDE 0x200
#define DOORBELL_WINDOW 0xd0000000
#define DOORBELL_WINDOW_STRIDE 0x2000
#define DOORBELL_ID 0x04
#define DOORBELL_QUEUES 0x08
#define DOORBELL_ERRORS 0x0c
#define DOORBELL_RING_LOW 0x40
#define DOORBELL_RING_HIGH 0x44
#define DOORBELL_RING_SIZE 0x48
#define DOORBELL_COMPLETED 0x4c
#define DOORBELL_IDENTITY 0x42445845
#define DOORBELL_QUEUE_COUNT 16

#define SPINS_BETWEEN_CLOCK_READINGS 1024
#define SECONDS_TO_GIVE_UP 5

    .balign 4
// Where the doorbell that all routines here are about has its registers.
.Ldoorbell_ports:
    .long   DOORBELL_PORTS
.Ldoorbell_window:
    .long   DOORBELL_WINDOW

// Goes on to the next doorbell. Changes nothing else.
.Ldoorbell_next:
    addl    $DOORBELL_PORTS_STRIDE, AT(.Ldoorbell_ports)
    addl    $DOORBELL_WINDOW_STRIDE, AT(.Ldoorbell_window)
    cmpl    $LINE_DOORBELL, AT(.Ldoorbell_line)
    jne     1f
    movl    $(LINE_SECOND_DOORBELL - 1), AT(.Ldoorbell_line)
1:  incl    AT(.Ldoorbell_line)
    ret

// Reads the register at offset edx into eax. Changes edx.
.Ldoorbell_read:
    testl   $FLAG_MEMORY_MAPPED, FLAGS
    jnz     1f
    addl    AT(.Ldoorbell_ports), %edx
    inl     %dx, %eax
    ret
1:  addl    AT(.Ldoorbell_window), %edx
    movl    (%edx), %eax
    ret

// Writes eax to the register at offset edx. Changes edx.
.Ldoorbell_write:
    testl   $FLAG_MEMORY_MAPPED, FLAGS
    jnz     1f
    addl    AT(.Ldoorbell_ports), %edx
    outl    %eax, %dx
    ret
1:  addl    AT(.Ldoorbell_window), %edx
    movl    %eax, (%edx)
    ret

// Adds ecx register accesses to the report; not kicks. Changes eax.
.Ldoorbell_count:
    testl   $FLAG_MEMORY_MAPPED, FLAGS
    jnz     1f
    COUNT   REPORT_PORT_ACCESSES, %ecx
    ret
1:  COUNT   REPORT_MEMORY_ACCESSES, %ecx
    ret

// Checks that this is the doorbell: 2 accesses.
.Ldoorbell_identify:
    movl    $DOORBELL_ID, %edx
    call    .Ldoorbell_read
    cmpl    $DOORBELL_IDENTITY, %eax
    jne     .Lfail_wrong_value
    movl    $DOORBELL_QUEUES, %edx
    call    .Ldoorbell_read
    cmpl    $DOORBELL_QUEUE_COUNT, %eax
    jne     .Lfail_wrong_value
    ret

// edi: queue. Gives it an empty ring: 3 accesses. Leaves esi: the ring. Changes eax, edx.
.Ldoorbell_open:
    movl    %edi, %esi
    shll    $RING_STRIDE_SHIFT, %esi
    addl    $RINGS, %esi
    xorl    %eax, %eax
    movl    %eax, (%esi)
    movl    %eax, RING_COMPLETED(%esi)
    movl    %eax, RING_FLAGS(%esi)
    movl    %eax, RING_FLAGS + 4(%esi)
    movl    %esi, %eax
    movl    $DOORBELL_RING_LOW, %edx
    call    .Ldoorbell_write_of_queue
    xorl    %eax, %eax
    movl    $DOORBELL_RING_HIGH, %edx
    call    .Ldoorbell_write_of_queue
    movl    $RING_SIZE, %eax
    movl    $DOORBELL_RING_SIZE, %edx

// edi: queue. Writes eax to the queue's register whose offset for queue 0 is edx. Changes edx.
.Ldoorbell_write_of_queue:
    pushl   %edi
    shll    $4, %edi
    addl    %edi, %edx
    popl    %edi
    jmp     .Ldoorbell_write

// edi: queue. The device must have completed as many requests as the ring says were made: 1 access.
.Ldoorbell_close:
    movl    %edi, %edx
    shll    $4, %edx
    addl    $DOORBELL_COMPLETED, %edx
    call    .Ldoorbell_read
    movl    %edi, %edx
    shll    $RING_STRIDE_SHIFT, %edx
    cmpl    %eax, RINGS(%edx)
    jne     .Lfail_completion
    ret

// The device must have rejected nothing: 1 access.
.Ldoorbell_errors:
    movl    $DOORBELL_ERRORS, %edx
    call    .Ldoorbell_read
    testl   %eax, %eax
    jnz     .Lfail_completion
    ret

// edi: queue, esi: its ring. Posts one request with its time stamp and kicks. Changes eax, ebx, edx, ebp.
// The stamp is taken as late as the protocol allows: the request becomes visible after it, then comes the kick.
.Ldoorbell_kick:
    movl    (%esi), %ebp
    andl    $RING_SIZE - 1, %ebp
    leal    RING_ENTRIES(%esi, %ebp, 8), %ebp
    testl   $FLAG_MEMORY_MAPPED, FLAGS
    jnz     1f
    movl    AT(.Ldoorbell_ports), %ebx
    rdtsc
    movl    %eax, (%ebp)
    movl    %edx, 4(%ebp)
    incl    (%esi)
    movl    %edi, %eax
    movl    %ebx, %edx
    outl    %eax, %dx
    ret
1:  movl    AT(.Ldoorbell_window), %ebx
    rdtsc
    movl    %eax, (%ebp)
    movl    %edx, 4(%ebp)
    incl    (%esi)
    movl    %edi, (%ebx)
    ret

// esi: ring. Polls until all requests are completed. Changes eax, ebx, edx.
.Ldoorbell_poll:
    movl    RING_COMPLETED(%esi), %eax
    subl    (%esi), %eax
    jz      4f
    rdtsc
    pushl   %edx
    pushl   %eax
1:  movl    $SPINS_BETWEEN_CLOCK_READINGS, %ebx
2:  pause
    movl    RING_COMPLETED(%esi), %eax
    subl    (%esi), %eax
    jz      3f
    jg      .Lfail_completion
    decl    %ebx
    jnz     2b
    // Elapsed cycles / 1024 against kHz * 5: both are about the cycles of 5 ms, so about 5 s.
    rdtsc
    subl    (%esp), %eax
    sbbl    4(%esp), %edx
    shrdl   $10, %edx, %eax
    imull   $SECONDS_TO_GIVE_UP, TSC_KHZ, %edx
    cmpl    %edx, %eax
    jb      1b
    jmp     .Lfail_completion
3:  addl    $8, %esp
4:  ret

// esi: ring; at 4(%esp) and 8(%esp): the doorbell's and the timer's interrupts before the kicks. Halts until all
// requests are completed and an interrupt has said so. Interrupts are off from here to HLT but for the
// instruction after STI, which is the HLT, so none can come between looking and halting. Changes eax.
.Ldoorbell_halt:
1:  movl    RING_COMPLETED(%esi), %eax
    subl    (%esi), %eax
    jg      .Lfail_completion
    jnz     2f
    movl    AT(.Ldoorbell_interrupts), %eax
    cmpl    4(%esp), %eax
    jne     3f
2:  movl    AT(.Ltimer_interrupts), %eax
    subl    8(%esp), %eax
    cmpl    $WATCHDOG_TICKS_TO_GIVE_UP, %eax
    jae     4f
    sti
    hlt
    cli
    jmp     1b
3:  ret
4:  movl    RING_COMPLETED(%esi), %eax
    cmpl    (%esi), %eax
    jne     .Lfail_completion
    jmp     .Lfail_interrupt

// The loop around kicks and a way to wait. edi: queue, esi: its ring, ecx: requests (not 0), eax: requests made
// before waiting. Changes all but edi and esi.
.macro DOORBELL_LOOP wait
    pushl   %eax
1:  pushl   AT(.Ltimer_interrupts)
    pushl   AT(.Ldoorbell_interrupts)
    movl    8(%esp), %edx
    cmpl    %edx, %ecx
    jae     2f
    movl    %ecx, %edx
2:  subl    %edx, %ecx
    xchgl   %edx, %ecx
    pushl   %edx
3:  call    .Ldoorbell_kick
    decl    %ecx
    jnz     3b
    popl    %ecx
    call    \wait
    addl    $8, %esp
    SPACE
    testl   %ecx, %ecx
    jnz     1b
    popl    %eax
    ret
.endm

.Ldoorbell_polled:
    movl    $0, RING_FLAGS(%esi)
    DOORBELL_LOOP .Ldoorbell_poll

// Needs .Linterrupts_enable and .Lwatchdog_start.
.Ldoorbell_interrupted:
    movl    $RING_WANTS_INTERRUPT, RING_FLAGS(%esi)
    DOORBELL_LOOP .Ldoorbell_halt
