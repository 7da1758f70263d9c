// A guest in 64-bit mode that looks at what its page tables do: pages that lie elsewhere, small and large; each kind of page fault with
// its error code and address; accessed and dirty bits; what is written by one address and executed by another; a user's
// code, its faults, system calls and ports. Ends in good order, or with the number of the step that went wrong.
#include "guest.h"

#define AT(label) (((label) - exeunt_test_paging) + LOAD)
#define HIGH 0xffff800000000000
#define PAGE(number) (HIGH + (number) * 0x1000)

// In low RAM, which is mapped one to one.
#define FIRST_TABLE 0x1000
#define TABLES 0x200000
#define INTERRUPTS 0x210000
#define DESCRIPTORS 0x211000
#define TASK 0x212000
#define KERNEL_STACK 0x216000
#define FRAMES 0x300000
#define LARGE_FRAME 0x400000
#define NOTES 0x220000
#define NOTE_CODE NOTES
#define NOTE_ADDRESS (NOTES + 8)
#define NOTE_RESUME (NOTES + 16)
#define NOTE_STACK (NOTES + 24)
#define NOTE_CALLS (NOTES + 32)

    .code64

.macro PUT value, address
    movabsq $(\value), %rax
    movl    $(\address), %edi
    movq    %rax, (%rdi)
.endm

// An entry of the last table: frame and rights.
.macro MAP number, frame, rights
    PUT     (\frame) | (\rights), TABLES + 0x2000 + 8 * (\number)
.endm

// What comes next has to be a page fault, with this error code and address.
.macro FAULT step, code, address
    movb    $\step, %r15b
    movl    $\code, %r13d
    movabsq $(\address), %r14
    call    .Lpaging_check
.endm

.macro EXPECT_FAULT
    movl    $AT(1f), %eax
    movq    %rax, NOTE_RESUME
    movq    %rsp, NOTE_STACK
.endm

BEGIN paging
    movq    $KERNEL_STACK, %rsp
    // A map of 0xffff800000000000 to 0xffff800000200000 by a table, and of the 2 MiB behind it by one entry. Rights are the last entry's.
    PUT     TABLES | 7, FIRST_TABLE + 8 * 256
    PUT     (TABLES + 0x1000) | 7, TABLES
    PUT     (TABLES + 0x2000) | 7, TABLES + 0x1000
    PUT     LARGE_FRAME | 0x83, TABLES + 0x1008
    MAP     0, FRAMES, 3
    MAP     2, FRAMES + 0x1000, 1
    MAP     3, FRAMES + 0x2000, 3
    MAP     4, FRAMES + 0x3000, 0x8000000000000003
    MAP     5, FRAMES + 0x4000, 3
    MAP     6, FRAMES + 0x5000, 3
    MAP     7, FRAMES + 0x8000, 3
    MAP     8, FRAMES + 0x6000, 7
    MAP     9, FRAMES + 0x7000, 7
    // Gates for page faults, and for all else that comes.
    movl    $INTERRUPTS, %edi
    movl    $32, %ecx
    movl    $AT(.Lpaging_other), %eax
1:  call    .Lpaging_gate
    addl    $16, %edi
    decl    %ecx
    jnz     1b
    movl    $INTERRUPTS + 14 * 16, %edi
    movl    $AT(.Lpaging_fault), %eax
    call    .Lpaging_gate
    movl    $INTERRUPTS + 13 * 16, %edi
    movl    $AT(.Lpaging_protection), %eax
    call    .Lpaging_gate
    movl    $INTERRUPTS + 1 * 16, %edi
    movl    $AT(.Lpaging_debug), %eax
    call    .Lpaging_gate
    lidt    AT(.Lpaging_idt)
    // Segments of kernel and users, and a task with the kernel's stack.
    movl    $AT(.Lpaging_segments), %esi
    movl    $DESCRIPTORS, %edi
    movl    $7, %ecx
    rep movsq
    PUT     KERNEL_STACK, TASK + 4
    // No map of ports: it would begin behind the task's end.
    movw    $0x68, TASK + 0x66
    lgdt    AT(.Lpaging_gdt)
    movl    $0x28, %eax
    ltr     %ax
    // No-execute, write protection, system calls.
    movl    $0xc0000080, %ecx
    rdmsr
    orl     $0x801, %eax
    wrmsr
    movq    %cr0, %rax
    orq     $0x10000, %rax
    movq    %rax, %cr0

    // 1: what is written by one address is read by the other.
    movb    $1, %r15b
    movabsq $0x1122334455667788, %rcx
    movabsq $PAGE(0) + 0x18, %rdx
    movq    %rcx, (%rdx)
    cmpq    %rcx, FRAMES + 0x18
    jne     .Lpaging_wrong
    notq    %rcx
    movl    $FRAMES, %eax
    movq    %rcx, 0x18(%rax)
    cmpq    %rcx, (%rdx)
    jne     .Lpaging_wrong

    // 2 and 3: not present, read and written.
    movabsq $PAGE(1) + 0x123, %rdx
    EXPECT_FAULT
    movb    (%rdx), %al
1:  FAULT   2, 0, PAGE(1) + 0x123
    EXPECT_FAULT
    movb    %al, (%rdx)
1:  FAULT   3, 2, PAGE(1) + 0x123

    // 4: a page that may not be written; 5: written all the same without write protection.
    movabsq $PAGE(2), %rdx
    movb    (%rdx), %al
    EXPECT_FAULT
    movb    %al, (%rdx)
1:  FAULT   4, 3, PAGE(2)
    movb    $5, %r15b
    movq    %cr0, %rax
    andq    $~0x10000, %rax
    movq    %rax, %cr0
    movb    $0x5a, (%rdx)
    movq    %cr0, %rax
    orq     $0x10000, %rax
    movq    %rax, %cr0
    cmpb    $0x5a, FRAMES + 0x1000
    jne     .Lpaging_wrong
    EXPECT_FAULT
    movb    %al, (%rdx)
1:  FAULT   6, 3, PAGE(2)

    // 7: accessed when it was read, dirty when it was written.
    movb    $7, %r15b
    movabsq $PAGE(3), %rdx
    movl    $TABLES + 0x2000 + 8 * 3, %edi
    testb   $0x60, (%rdi)
    jnz     .Lpaging_wrong
    movb    (%rdx), %al
    movb    (%rdi), %al
    andb    $0x60, %al
    cmpb    $0x20, %al
    jne     .Lpaging_wrong
    movb    %al, (%rdx)
    movb    (%rdi), %al
    andb    $0x60, %al
    cmpb    $0x60, %al
    jne     .Lpaging_wrong

    // 8: a page that lies elsewhere from now on.
    movb    $8, %r15b
    PUT     0x8877665544332211, FRAMES + 0x3018
    MAP     0, FRAMES + 0x3000, 3
    movabsq $PAGE(0) + 0x18, %rdx
    invlpg  (%rdx)
    movabsq $0x8877665544332211, %rcx
    cmpq    %rcx, (%rdx)
    jne     .Lpaging_wrong

    // 9: a large page.
    movb    $9, %r15b
    movabsq $HIGH + 0x200000 + 0x12340, %rdx
    movq    %rcx, (%rdx)
    cmpq    %rcx, LARGE_FRAME + 0x12340
    jne     .Lpaging_wrong

    // 10: what may not be executed.
    movabsq $PAGE(4), %rdx
    EXPECT_FAULT
    call    *%rdx
1:  FAULT   10, 0x11, PAGE(4)

    // 11: code by its address, and 12: changed by the other: mov $…, %eax; ret.
    movb    $11, %r15b
    PUT     0xc300000055b8, FRAMES + 0x4000
    movabsq $PAGE(5), %rdx
    call    *%rdx
    cmpl    $0x55, %eax
    jne     .Lpaging_wrong
    movb    $12, %r15b
    movl    $FRAMES + 0x4000, %edi
    movb    $0x66, 1(%rdi)
    call    *%rdx
    cmpl    $0x66, %eax
    jne     .Lpaging_wrong

    // 13: across the end of a page, behind which another frame is; 14: behind which nothing is, on the second page.
    movb    $13, %r15b
    movabsq $PAGE(7) - 4, %rdx
    movq    %rcx, (%rdx)
    cmpl    %ecx, FRAMES + 0x5ffc
    jne     .Lpaging_wrong
    movq    %rcx, %rax
    shrq    $32, %rax
    cmpl    %eax, FRAMES + 0x8000
    jne     .Lpaging_wrong
    cmpq    %rcx, (%rdx)
    jne     .Lpaging_wrong
    movabsq $PAGE(1) - 4, %rdx
    EXPECT_FAULT
    movq    (%rdx), %rax
1:  FAULT   14, 0, PAGE(1)

    // 20: the task's priority is kept; 21: a breakpoint of the processor's may be taken, and does no harm.
    movb    $20, %r15b
    movl    $15, %eax
    movq    %rax, %cr8
    movq    %cr8, %rcx
    cmpl    $15, %ecx
    jne     .Lpaging_wrong
    xorl    %eax, %eax
    movq    %rax, %cr8
    movb    $21, %r15b
    movl    $AT(1f), %eax
    movq    %rax, %dr0
    movl    $0x401, %eax
    movq    %rax, %dr7
1:  nop
    movq    %dr0, %rax
    cmpl    $AT(1b), %eax
    jne     .Lpaging_wrong
    xorl    %eax, %eax
    movq    %rax, %dr7

    // 15: a user's code reads what is the kernel's. Its page: movabs $…, %rdx; mov (%rdx), %al.
    movl    $AT(.Lpaging_user), %esi
    movl    $FRAMES + 0x6000, %edi
    movl    $0x100, %ecx
    rep movsb
    EXPECT_FAULT
    pushq   $0x1b
    movabsq $PAGE(10), %rax
    pushq   %rax
    pushq   $0x202
    pushq   $0x23
    movabsq $PAGE(8), %rax
    pushq   %rax
    iretq
1:  FAULT   15, 5, PAGE(0)

    // 16 to 18: system calls, two of them, with what they leave in RCX and R11, and back.
    movl    $0xc0000081, %ecx
    xorl    %eax, %eax
    movl    $0x00100008, %edx
    wrmsr
    movl    $0xc0000082, %ecx
    movl    $AT(.Lpaging_call), %eax
    xorl    %edx, %edx
    wrmsr
    movl    $0xc0000084, %ecx
    movl    $0x200, %eax
    wrmsr
    movl    $0, NOTE_CALLS
    movl    $AT(1f), %eax
    movq    %rax, NOTE_RESUME
    movq    %rsp, NOTE_STACK
    pushq   $0x1b
    movabsq $PAGE(10), %rax
    pushq   %rax
    pushq   $0x202
    pushq   $0x23
    movabsq $PAGE(8) + .Lpaging_user_calls - .Lpaging_user, %rax
    pushq   %rax
    iretq
1:  movb    $18, %r15b
    cmpl    $2, NOTE_CALLS
    jne     .Lpaging_wrong

    // 19: a user's code may not have ports that its task has not.
    EXPECT_FAULT
    pushq   $0x1b
    movabsq $PAGE(10), %rax
    pushq   %rax
    pushq   $0x202
    pushq   $0x23
    movabsq $PAGE(8) + .Lpaging_user_port - .Lpaging_user, %rax
    pushq   %rax
    iretq
1:  FAULT   19, 0x10000, 0
    POWER_OFF

.Lpaging_wrong:
    movb    %r15b, %al
    outb    %al, $PORT_DEBUG_EXIT
1:  hlt
    jmp     1b

// A gate at RDI for the handler at RAX.
.Lpaging_gate:
    movw    %ax, (%rdi)
    movw    $8, 2(%rdi)
    movw    $0x8e00, 4(%rdi)
    movl    %eax, %edx
    shrl    $16, %edx
    movw    %dx, 6(%rdi)
    movq    $0, 8(%rdi)
    ret

.Lpaging_other:
    movb    $99, %r15b
    jmp     .Lpaging_wrong

.Lpaging_debug:
    xorl    %eax, %eax
    movq    %rax, %dr7
    iretq

.Lpaging_protection:
    popq    NOTE_CODE
    orl     $0x10000, NOTE_CODE
    xorl    %eax, %eax
    jmp     1f
.Lpaging_fault:
    popq    NOTE_CODE
    movq    %cr2, %rax
1:
    movq    %rax, NOTE_ADDRESS
    // Where a fault was not expected that is 0.
    movq    NOTE_RESUME, %rax
    movq    $0, NOTE_RESUME
    testq   %rax, %rax
    jz      .Lpaging_other
    movq    NOTE_STACK, %rsp
    jmp     *%rax

.Lpaging_check:
    cmpq    $0, NOTE_RESUME
    jne     .Lpaging_wrong
    cmpl    %r13d, NOTE_CODE
    jne     .Lpaging_wrong
    cmpq    %r14, NOTE_ADDRESS
    jne     .Lpaging_wrong
    ret

// Entered with a user's stack.
.Lpaging_call:
    movb    $16, %r15b
    testl   $0x200, %r11d
    jz      .Lpaging_wrong
    pushfq
    popq    %rax
    testl   $0x200, %eax
    jnz     .Lpaging_wrong
    movw    %cs, %ax
    cmpw    $8, %ax
    jne     .Lpaging_wrong
    movw    %ss, %ax
    cmpw    $0x10, %ax
    jne     .Lpaging_wrong
    movb    $17, %r15b
    incl    NOTE_CALLS
    cmpl    $2, NOTE_CALLS
    jne     1f
    // The second has a prefix, and is three bytes.
    movabsq $PAGE(8) + .Lpaging_after_second - .Lpaging_user, %rax
    cmpq    %rax, %rcx
    jne     .Lpaging_wrong
    movq    NOTE_STACK, %rsp
    jmp     *NOTE_RESUME
1:  movabsq $PAGE(8) + .Lpaging_after_first - .Lpaging_user, %rax
    cmpq    %rax, %rcx
    jne     .Lpaging_wrong
    sysretq

.Lpaging_user:
    movabsq $PAGE(0), %rdx
    movb    (%rdx), %al
1:  jmp     1b
.Lpaging_user_calls:
    syscall
.Lpaging_after_first:
    movw    %cs, %ax
    cmpw    $0x23, %ax
1:  jne     1b
    .byte   0x48
    syscall
.Lpaging_after_second:
1:  jmp     1b
.Lpaging_user_port:
    inb     $0x80, %al
1:  jmp     1b

    .balign 8
.Lpaging_segments:
    .quad   0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cff3000000ffff, 0x00affb000000ffff
    // The task's, with its base.
    .quad   0x0000890000000067 | (TASK & 0xffff) << 16 | (TASK & 0xff0000) << 16, 0
.Lpaging_gdt:
    .word   7 * 8 - 1
    .quad   DESCRIPTORS
.Lpaging_idt:
    .word   32 * 16 - 1
    .quad   INTERRUPTS
END paging
