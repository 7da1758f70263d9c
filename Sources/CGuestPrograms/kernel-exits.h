// Exits that KVM handles by itself, without returning to the VMM: CPUID and an MSR that is always intercepted.
#pragma once

#define MSR_APIC_BASE 0x1b

// ecx: iterations (not 0). Every answer must be the same as the first.
.Lkernel_exits:
    movl    %ecx, %esi
    xorl    %eax, %eax
    xorl    %ecx, %ecx
    cpuid
    movl    %ebx, %edi
    movl    $MSR_APIC_BASE, %ecx
    rdmsr
    movl    %eax, %ebp
1:  xorl    %eax, %eax
    xorl    %ecx, %ecx
    cpuid
    cmpl    %ebx, %edi
    jne     .Lfail_wrong_value
    movl    $MSR_APIC_BASE, %ecx
    rdmsr
    cmpl    %eax, %ebp
    jne     .Lfail_wrong_value
    SPACE
    decl    %esi
    jnz     1b
    ret
