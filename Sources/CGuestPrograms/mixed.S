// A little of everything, each phase announced by a mark: what the demo runs.
#include "prelude.h"

#define PHASE_END 0
#define PHASE_PORTS 1
#define PHASE_MEMORY 2
#define PHASE_POLLED 3
#define PHASE_INTERRUPTED 4
#define PHASE_SLEEPS 5
#define PHASE_SERIAL 6
#define PHASE_KERNEL 7
#define PHASE_CONTENTION 8

#define SLEEP_MICROSECONDS 1000
#define PAIRS_A_KICK 1

GUEST mixed

#include "contention.h"
#include "kernel-exits.h"
#include "scratch.h"
#include "serial.h"
#include "timer.h"

// A tenth of the iterations, at least 1, in ecx. Changes eax, edx.
.Lfewer:
    movl    ITERATIONS, %eax
    addl    $9, %eax
    xorl    %edx, %edx
    movl    $10, %ecx
    divl    %ecx
    movl    %eax, %ecx
    ret

.Lcount_iterations:
    COUNT   REPORT_ITERATIONS, %ecx
    ret

// Requests of the doorbell's queue 0 have been made: ITERATIONS of them.
.Lcount_requests:
    movl    ITERATIONS, %ecx
    COUNT   REPORT_KICKS, %ecx
    COUNT   REPORT_COMPLETIONS, %ecx
    jmp     .Lcount_iterations

.Lmain:
    testl   $FLAG_INTERRUPT_CONTROLLER, FLAGS
    jz      .Lfail_parameters
    call    .Linterrupts_enable
    call    .Ldoorbell_identify

    MARK    $PHASE_PORTS
    movl    ITERATIONS, %ecx
    movl    $4, %eax
    movl    $1, %esi
    call    .Lscratch_ports
    movl    ITERATIONS, %ecx
    call    .Lcount_iterations

    MARK    $PHASE_MEMORY
    movl    ITERATIONS, %ecx
    movl    $4, %eax
    movl    $1, %esi
    call    .Lscratch_memory
    movl    ITERATIONS, %ecx
    call    .Lcount_iterations

    MARK    $PHASE_POLLED
    xorl    %edi, %edi
    call    .Ldoorbell_open
    movl    ITERATIONS, %ecx
    movl    $1, %eax
    call    .Ldoorbell_polled
    call    .Lcount_requests

    MARK    $PHASE_INTERRUPTED
    call    .Lwatchdog_start
    movl    ITERATIONS, %ecx
    movl    $1, %eax
    call    .Ldoorbell_interrupted
    call    .Lwatchdog_stop
    call    .Lcount_requests
    movl    AT(.Ldoorbell_interrupts), %eax
    COUNT   REPORT_INTERRUPTS, %eax
    call    .Ldoorbell_close

    MARK    $PHASE_SLEEPS
    call    .Lfewer
    movl    $SLEEP_MICROSECONDS, %eax
    call    .Ltimer
    call    .Lfewer
    call    .Lcount_iterations

    MARK    $PHASE_SERIAL
    call    .Lfewer
    call    .Lserial
    call    .Lfewer
    call    .Lcount_iterations

    MARK    $PHASE_KERNEL
    movl    ITERATIONS, %ecx
    call    .Lkernel_exits
    movl    ITERATIONS, %ecx
    call    .Lcount_iterations

    cmpl    $2, VCPUS
    jb      1f
    MARK    $PHASE_CONTENTION
    movl    $PAIRS_A_KICK, %eax
    call    .Lcontention
1:  MARK    $PHASE_END
    call    .Ldoorbell_errors
    // Identification 2, the first ring 3, its close 1, the errors 1.
    movl    $7, %ecx
    call    .Ldoorbell_count
    jmp     .Lfinish

GUEST_END mixed
