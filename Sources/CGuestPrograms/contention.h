// Several vCPUs on the same devices: each kicks a doorbell queue of its own, and between kicks they all write and read
// one scratch register.
#pragma once

#include "doorbell.h"
#include "vcpus.h"

.Lsecondary:
    call    .Ldoorbell_open
    jmp     .Lcontend

.Lpairs:
    .long   0

// edi: the vCPU and its queue, esi: the queue's ring. Does ITERATIONS times .Lpairs scratch accesses and a kick.
// Leaves the report alone, which is the first vCPU's. Changes all but edi and esi.
.Lcontend:
    movl    ITERATIONS, %ecx
1:  pushl   %ecx
    movl    AT(.Lpairs), %ecx
    testl   %ecx, %ecx
    jz      3f
    leal    1(%edi), %ebx
    imull   $0x01010101, %ebx, %ebx
2:  call    .Lcontend_scratch
    decl    %ecx
    jnz     2b
3:  call    .Ldoorbell_kick
    call    .Ldoorbell_poll
    SPACE
    popl    %ecx
    decl    %ecx
    jnz     1b
    jmp     .Ldoorbell_close

// ebx: this vCPU's value, its number from 1 in every byte. What is read back is a value that some vCPU wrote, whole.
// Changes eax, edx.
.Lcontend_scratch:
    testl   $FLAG_MEMORY_MAPPED, FLAGS
    jnz     1f
    movl    %ebx, %eax
    movl    $PORT_SCRATCH, %edx
    outl    %eax, %dx
    xorl    %eax, %eax
    inl     %dx, %eax
    jmp     2f
1:  movl    %ebx, SCRATCH_WINDOW
    movl    SCRATCH_WINDOW, %eax
2:  movl    %eax, %edx
    rorl    $8, %edx
    cmpl    %edx, %eax
    jne     .Lfail_wrong_value
    andl    $0xff, %eax
    jz      .Lfail_wrong_value
    cmpl    VCPUS, %eax
    ja      .Lfail_wrong_value
    ret

// eax: scratch accesses (a write and a read each) before each kick. Queue 0 has a ring. Runs .Lcontend on every vCPU
// and counts what all of them did. Changes all registers.
.Lcontention:
    movl    %eax, AT(.Lpairs)
    call    .Lvcpus_start
    xorl    %edi, %edi
    movl    $RINGS, %esi
    movl    $0, RING_FLAGS(%esi)
    call    .Lcontend
    call    .Lvcpus_wait
    movl    ITERATIONS, %eax
    mull    VCPUS
    addl    %eax, REPORT_ITERATIONS
    adcl    %edx, REPORT_ITERATIONS + 4
    addl    %eax, REPORT_KICKS
    adcl    %edx, REPORT_KICKS + 4
    addl    %eax, REPORT_COMPLETIONS
    adcl    %edx, REPORT_COMPLETIONS + 4
    // Four accesses to open and close each queue, less the three that have opened queue 0; two for each pair.
    movl    VCPUS, %ecx
    leal    -3(, %ecx, 4), %ecx
    call    .Ldoorbell_count
    movl    $REPORT_PORT_ACCESSES, %ebx
    testl   $FLAG_MEMORY_MAPPED, FLAGS
    jz      1f
    movl    $REPORT_MEMORY_ACCESSES, %ebx
1:  movl    AT(.Lpairs), %eax
    mull    VCPUS
    addl    %eax, %eax
    mull    ITERATIONS
    addl    %eax, (%ebx)
    adcl    %edx, 4(%ebx)
    ret
