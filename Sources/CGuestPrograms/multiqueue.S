// Every vCPU has several doorbell queues, each with an interrupt of its own: it kicks all of them and sleeps until each
// has answered.
#include "prelude.h"

GUEST multiqueue

#include "queues.h"

.Lmain:
    testl   $FLAG_INTERRUPT_CONTROLLER, FLAGS
    jz      .Lfail_parameters
    movl    QUEUES_EACH, %eax
    testl   %eax, %eax
    jz      .Lfail_parameters
    mull    VCPUS
    testl   %edx, %edx
    jnz     .Lfail_parameters
    cmpl    $QUEUE_LINES, %eax
    ja      .Lfail_parameters
    movl    %eax, AT(.Lqueue_count)
    call    .Lapic_enable
    call    .Ldoorbell_identify

    xorl    %edi, %edi
    xorl    %eax, %eax
1:  movl    QUEUES_EACH, %ecx
2:  pushl   %eax
    call    .Lqueue_open
    popl    %eax
    incl    %edi
    decl    %ecx
    jnz     2b
    incl    %eax
    cmpl    VCPUS, %eax
    jb      1b

    call    .Lvcpus_start
    xorl    %edi, %edi
    call    .Lqueues
    call    .Lvcpus_wait

    xorl    %edi, %edi
3:  call    .Ldoorbell_close
    movl    AT(.Lqueue_interrupts)(, %edi, 4), %eax
    COUNT   REPORT_INTERRUPTS, %eax
    incl    %edi
    cmpl    AT(.Lqueue_count), %edi
    jb      3b
    call    .Ldoorbell_errors
    // Opening a queue takes 4 accesses, closing it 1; identification 2, the errors 1.
    movl    AT(.Lqueue_count), %ecx
    leal    3(%ecx, %ecx, 4), %ecx
    call    .Ldoorbell_count

    movl    ITERATIONS, %eax
    mull    VCPUS
    movl    %eax, REPORT_ITERATIONS
    movl    %edx, REPORT_ITERATIONS + 4
    movl    ITERATIONS, %eax
    mull    AT(.Lqueue_count)
    movl    %eax, REPORT_KICKS
    movl    %edx, REPORT_KICKS + 4
    movl    %eax, REPORT_COMPLETIONS
    movl    %edx, REPORT_COMPLETIONS + 4
    jmp     .Lfinish

    .balign 4
.Lqueue_count:
    .long   0

GUEST_END multiqueue
