// Every vCPU kicks its own doorbell queue and polls for completion; between kicks all of them write and read the same
// scratch register.
#include "prelude.h"

GUEST smp

#include "contention.h"

.Lmain:
    testl   $FLAG_INTERRUPT_CONTROLLER, FLAGS
    jz      .Lfail_parameters
    cmpl    $2, VCPUS
    jb      .Lfail_parameters
    call    .Lapic_enable
    call    .Ldoorbell_identify
    xorl    %edi, %edi
    call    .Ldoorbell_open
    movl    PARAMETER, %eax
    call    .Lcontention
    call    .Ldoorbell_errors
    // Identification 2, the first ring 3, the errors 1.
    movl    $6, %ecx
    call    .Ldoorbell_count
    jmp     .Lfinish

GUEST_END smp
