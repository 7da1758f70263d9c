// Guests for whole machines, in 64-bit mode: the first 4 GiB mapped one to one, RSP 0x8000, RBX the parameter block.
#include "guest.h"
#include "control.h"

    .code64

    .set    RESULT, 0x38000

// With 3.5 GiB of RAM: 3 GiB from 0 on, the rest from 4 GiB on, nothing in between. High RAM is mapped by the guest itself.
BEGIN hole
    movabsq $0x1122334455667788, %rcx
    movl    $0xbffffff8, %esi
    movq    %rcx, (%rsi)
    cmpq    %rcx, (%rsi)
    jne     8f
    // The hole, from its first byte to just below the devices, is all ones and takes nothing.
    movl    $0xc0000000, %esi
    movq    %rcx, (%rsi)
    cmpq    $-1, (%rsi)
    jne     7f
    movl    $0xcffffff8, %esi
    movq    %rcx, (%rsi)
    cmpq    $-1, (%rsi)
    jne     7f
    // A page directory for 4 to 5 GiB at 0x40000.
    movl    $0x40000, %edi
    movl    $512, %edx
    movabsq $0x100000083, %rax
1:  movq    %rax, (%rdi)
    addq    $0x200000, %rax
    addq    $8, %rdi
    decl    %edx
    jnz     1b
    movl    $0x40003, %eax
    movl    $0x2020, %edi
    movq    %rax, (%rdi)
    movq    %cr3, %rax
    movq    %rax, %cr3
    // The first and the last word of high RAM, and the one behind it.
    movabsq $0x100000000, %rsi
    movq    %rcx, (%rsi)
    cmpq    %rcx, (%rsi)
    jne     6f
    movabsq $0x11ffffff8, %rsi
    movq    %rcx, (%rsi)
    cmpq    %rcx, (%rsi)
    jne     6f
    addq    $8, %rsi
    movq    %rcx, (%rsi)
    cmpq    $-1, (%rsi)
    jne     5f
    POWER_OFF
8:  EXIT    $1
7:  EXIT    $2
6:  EXIT    $3
5:  EXIT    $4
END hole

// Checks the state in which 64-bit mode is entered; 4 GiB - 8 is mapped, though there is nothing.
BEGIN entry_long
    cmpq    $0x8000, %rsp
    jne     8f
    cmpq    $0x7000, %rbx
    jne     8f
    movl    %cs, %eax
    cmpl    $0x08, %eax
    jne     8f
    movl    $0xc0000080, %ecx
    rdmsr
    testl   $0x400, %eax
    jz      8f
    pushq   $0x5a
    popq    %rax
    cmpq    $0x5a, %rax
    jne     8f
    POWER_OFF
8:  EXIT    $1
END entry_long

// Touches an address that the entry's page tables do not map, with no handler.
BEGIN unmapped
    movabsq $0x140000000, %rsi
    movq    (%rsi), %rax
    hlt
END unmapped

// What kernels execute while they start and KVM's emulator does not know: floating point status, hints, and the switch of
// access to users' pages where the processor has it.
BEGIN mended
    fninit
    movq    $-1, %rax
    fwait
    fnstsw  %ax
    cmpq    $-0x10000, %rax
    jne     8f
    movq    $0x1234567, %rsi
    rdsspq  %rsi
    cmpq    $0x1234567, %rsi
    jne     7f
    movl    $0x1234567, %ecx
    rdsspd  %ecx
    endbr64
    cmpq    $0x1234567, %rcx
    jne     7f
    movl    $7, %eax
    xorl    %ecx, %ecx
    cpuid
    btl     $20, %ebx
    jnc     1f
    stac
    pushfq
    popq    %rax
    btl     $18, %eax
    jnc     6f
    clac
    pushfq
    popq    %rax
    btl     $18, %eax
    jc      6f
    // Extended states: what is in use is read as it was set, where there are any.
1:  movl    $1, %eax
    xorl    %ecx, %ecx
    cpuid
    btl     $26, %ecx
    jnc     1f
    movq    %cr4, %rax
    orl     $0x40000, %eax
    movq    %rax, %cr4
    movl    $3, %ebx
2:  movq    $-1, %rax
    movl    %ebx, %eax
    xorl    %ecx, %ecx
    xorl    %edx, %edx
    xsetbv
    movq    $-1, %rax
    movq    $-1, %rdx
    xgetbv
    cmpq    %rbx, %rax
    jne     5f
    testq   %rdx, %rdx
    jnz     5f
    subl    $2, %ebx
    ja      2b
1:  EXIT    $9
8:  EXIT    $1
7:  EXIT    $2
6:  EXIT    $3
5:  EXIT    $4
END mended

// Lowers the task priority, which without a local APIC in the kernel is an exit on a processor with hardware virtualization.
BEGIN task_priority
    movl    $3, %ecx
1:  movl    $9, %eax
    movq    %rax, %cr8
    movq    %cr8, %rdx
    cmpq    %rax, %rdx
    jne     2f
    xorl    %eax, %eax
    movq    %rax, %cr8
    decl    %ecx
    jnz     1b
    EXIT    $3
2:  EXIT    $4
END task_priority

// Addresses of 64 bits.
BEGIN media_control
    movq    %cr4, %rax
    orq     $0x200, %rax
    movq    %rax, %cr4
    // A base for fs.
    movl    $0xc0000100, %ecx
    movl    $0x31000, %eax
    xorl    %edx, %edx
    wrmsr
    movq    $0x32000, %rax
    movq    $0x40, %rcx
    movq    $0x33000, %rbx
    movq    $0x33800, %rbp
    movq    $0x34000, %rsi
    movq    $0x200000034000, %rdi
    movq    $0x35000, %r9
    movq    $0x20, %r10
    movq    $0x36000, %r12
    movq    $0x37000, %r13
    CONTROL 1, (%rax)
    CONTROL 2, 8(%rbx)
    CONTROL 3, -8(%rbp)
    CONTROL 4, (%rsp)
    CONTROL 5, 0x100(%rsp)
    CONTROL 6, (%r12)
    CONTROL 7, (%r13)
    CONTROL 8, 0x12345(%r13)
    CONTROL 9, 4(%r9,%r10,4)
    CONTROL 10, 0x30000(,%rcx,8)
    CONTROL 11, 0x30000
    CONTROL 12, .Lcontrol(%rip)
    CONTROL 13, %fs:(%r10)
    CONTROL 14, %fs:0x123
    CONTROL 15, (%edi)
    CONTROL 16, (%rbp,%rcx)
    CONTROL 17, (%r12,%r10,2)
    // On two pages.
    CONTROL 18, 0xffe(%rax)
    // Rounding and all flags.
    CONTROL 0x603f, (%rsi)
    EXIT    $9
8:  EXIT    $1
7:  EXIT    $2
    .balign 4
.Lcontrol:
    .long   0
END media_control

// Touches an address that nothing maps, with no handler, twice; a third time it switches the machine off. The count is in RAM that
// no reset clears.
BEGIN crash_twice
    incl    0x9000
    cmpl    $3, 0x9000
    jne     2f
    POWER_OFF
2:  movabsq $0x140000000, %rsi
    movq    (%rsi), %rax
    hlt
END crash_twice

    .section .note.GNU-stack, "", @progbits
