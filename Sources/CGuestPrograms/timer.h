// Sleeps: set the local APIC's timer, halt until it fires.
#pragma once

#include "interrupts.h"

// ecx: sleeps (not 0); eax: microseconds each, at most 1000000. Interrupts are on only between STI and the return
// from HLT, so the timer cannot fire between looking for its interrupt and halting. A sleep that ends before nine
// tenths of its time is a wrong value.
.Ltimer:
    movl    %eax, %ebx
    imull   $NANOSECONDS_A_MICROSECOND, %eax, %ebp
    movl    $VECTOR_TIMER, APIC_TIMER
    movl    TSC_KHZ, %eax
    mull    %ebx
    movl    $1111, %esi
    divl    %esi
    movl    %eax, %ebx
1:  rdtsc
    movl    %eax, %esi
    movl    %edx, %edi
    pushl   AT(.Ltimer_interrupts)
    movl    %ebp, APIC_INITIAL_COUNT
2:  sti
    hlt
    cli
    movl    (%esp), %eax
    cmpl    %eax, AT(.Ltimer_interrupts)
    je      2b
    popl    %eax
    rdtsc
    subl    %esi, %eax
    sbbl    %edi, %edx
    jnz     3f
    cmpl    %ebx, %eax
    jb      .Lfail_wrong_value
3:  COUNT   REPORT_INTERRUPTS, $1
    SPACE
    decl    %ecx
    jnz     1b
    ret
