// Exceptions in protected and in 64-bit mode: through interrupt and trap gates, with error codes and without, to the stack of a
// privilege or of the interrupt stack table, and back. Each handler tells what it finds on the serial port: a letter, then bytes.
#include "guest.h"

    .set    TABLES, 0x20000
    .set    TASK, 0x22000
    .set    KERNEL_STACK, 0x28000
    .set    FAULT_STACK, 0x29000
    .set    USER_STACK, 0x2a000

    .code32

#define AT32(label) (((label) - exeunt_test_exceptions_protected) + LOAD)

// A gate of the interrupt table: where it leads, and its type with its privilege.
.macro GATE32 vector, handler, type
    movl    $AT32(\handler), %eax
    movw    %ax, TABLES + 8 * \vector
    movw    $0x08, TABLES + 8 * \vector + 2
    movw    $(\type << 8), TABLES + 8 * \vector + 4
    shrl    $16, %eax
    movw    %ax, TABLES + 8 * \vector + 6
.endm

.macro PUT32 value
    movb    \value, %al
    movw    $PORT_SERIAL, %dx
    outb    %al, %dx
.endm

// What interrupts were allowed in the handler, in bit 0.
.macro PUT_INTERRUPTIBLE32
    pushfl
    popl    %eax
    shrl    $9, %eax
    andb    $1, %al
    movw    $PORT_SERIAL, %dx
    outb    %al, %dx
.endm

BEGIN exceptions_protected
    lgdt    AT32(.Lprotected_gdt_register)
    movl    $0x10, %eax
    movl    %eax, %ds
    movl    %eax, %es
    movl    %eax, %ss
    ljmpl   $0x08, $AT32(1f)
1:  GATE32  0, .Lprotected_divide, 0x8e
    GATE32  6, .Lprotected_undefined, 0x8f
    GATE32  11, .Lprotected_absent, 0x8e
    GATE32  13, .Lprotected_protection, 0x8e
    GATE32  0x30, .Lprotected_call, 0xee
    GATE32  0x31, .Lprotected_call, 0x6e
    GATE32  0x20, .Lprotected_call, 0x8e
    lidt    AT32(.Lprotected_idt_register)
    movl    $0x8000, %esp

    // Interrupts are off by their controllers: there are none.
    sti
    xorl    %ecx, %ecx
    divl    %ecx
    PUT32   $'a'
    ud2
    PUT32   $'b'
    // A selector beyond the table.
    movl    $0x58, %eax
    movl    %eax, %fs
    PUT32   $'c'
    // A gate that is not present.
    int     $0x31
    PUT32   $'d'
    cli

    // Down to privilege 3, and back by each kind.
    movl    $KERNEL_STACK, TASK + 4
    movl    $0x10, TASK + 8
    movw    $0x28, %ax
    ltr     %ax
    pushl   $0x23
    pushl   $USER_STACK
    pushl   $0x2
    pushl   $0x1b
    pushl   $AT32(2f)
    iretl
2:  movl    $0x23, %eax
    movl    %eax, %ds
    ud2
    cli
    int     $0x20
    movl    $0x12345678, %ebx
    int     $0x30
    // Not for this privilege.
    hlt
    movl    $1, %ebx
    int     $0x30
    jmp     .

// Handlers find EIP, CS, EFLAGS, and from privilege 3 ESP and SS. They go on behind two bytes of instruction, or one.
.Lprotected_divide:
    PUT32   $'D'
    PUT32   4(%esp)
    PUT_INTERRUPTIBLE32
    addl    $2, (%esp)
    jmp     .Lprotected_return

.Lprotected_undefined:
    movl    $0x10, %eax
    movl    %eax, %ds
    PUT32   $'U'
    PUT32   4(%esp)
    PUT_INTERRUPTIBLE32
    addl    $2, (%esp)
    jmp     .Lprotected_return

.Lprotected_absent:
    PUT32   $'N'
    PUT32   (%esp)
    PUT32   1(%esp)
    addl    $4, %esp
    addl    $2, (%esp)
    jmp     .Lprotected_return

.Lprotected_protection:
    movl    $0x10, %eax
    movl    %eax, %ds
    PUT32   $'G'
    PUT32   (%esp)
    PUT32   1(%esp)
    PUT32   8(%esp)
    PUT_INTERRUPTIBLE32
    addl    $4, %esp
    // Behind CLI and HLT it is one byte.
    movl    (%esp), %eax
    movb    (%eax), %al
    incl    (%esp)
    cmpb    $0xfa, %al
    je      .Lprotected_return
    cmpb    $0xf4, %al
    je      .Lprotected_return
    incl    (%esp)
    jmp     .Lprotected_return

.Lprotected_call:
    cmpl    $1, %ebx
    je      8f
    PUT32   $'I'
    PUT32   4(%esp)
    // The stack that it came from, and how much of its own is in use.
    PUT32   14(%esp)
    PUT32   16(%esp)
    movl    $KERNEL_STACK, %eax
    subl    %esp, %eax
    movw    $PORT_SERIAL, %dx
    outb    %al, %dx
    iretl
8:  POWER_OFF

// From the same privilege without IRET, which KVM's emulator has in real mode only.
.Lprotected_return:
    testb   $3, 4(%esp)
    jnz     1f
    pushl   8(%esp)
    popfl
    popl    %eax
    addl    $8, %esp
    jmp     *%eax
1:  iretl

    .balign 8
.Lprotected_gdt:
    .quad   0
    .quad   0x00cf9a000000ffff
    .quad   0x00cf92000000ffff
    .quad   0x00cffa000000ffff
    .quad   0x00cff2000000ffff
    .quad   0x0000890220000067
.Lprotected_gdt_register:
    .word   47
    .long   AT32(.Lprotected_gdt)
.Lprotected_idt_register:
    .word   8 * 0x32 - 1
    .long   TABLES
END exceptions_protected

// Starts the second processor, which spins, and ends in a triple fault when it does.
BEGIN two_processors_one_crashes
    // At 0x8000, in real mode: movb $1, 0x9000; jmp .
    movl    $0x900006c6, 0x8000
    movl    $0x00feeb01, 0x8004
    movb    $0, 0x9000
    movl    $0xfee00300, %esi
    movl    $0x000c4500, (%esi)
    movl    $0x000c4608, (%esi)
1:  cmpb    $1, 0x9000
    jne     1b
    movl    $0, 0x9100
    movl    $0, 0x9104
    lidt    0x9100
    ud2
END two_processors_one_crashes

    .code64

#define AT64(label) (((label) - exeunt_test_exceptions_long) + LOAD)

.macro GATE64 vector, handler, type, stack=0
    movl    $AT64(\handler), %eax
    movw    %ax, TABLES + 16 * \vector
    movw    $0x08, TABLES + 16 * \vector + 2
    movb    $\stack, TABLES + 16 * \vector + 4
    movb    $\type, TABLES + 16 * \vector + 5
    shrl    $16, %eax
    movw    %ax, TABLES + 16 * \vector + 6
    movq    $0, TABLES + 16 * \vector + 8
.endm

.macro PUT64 value
    movb    \value, %al
    movw    $PORT_SERIAL, %dx
    outb    %al, %dx
.endm

// The top of the stack that a handler was given, less the frame: nothing is told of where it is aligned to.
.macro PUT_STACK64 base, frame
    leaq    \frame(%rsp), %rax
    subq    $\base, %rax
    movw    $PORT_SERIAL, %dx
    outb    %al, %dx
    shrl    $8, %eax
    outb    %al, %dx
.endm

BEGIN exceptions_long
    // Privilege 3 may use the first 2 MiB, too: the entry's tables begin at 0x1000.
    orq     $4, 0x1000
    orq     $4, 0x2000
    orq     $4, 0x3000
    movq    %cr3, %rax
    movq    %rax, %cr3
    lgdt    AT64(.Llong_gdt_register)
    GATE64  0, .Llong_divide, 0x8e
    GATE64  6, .Llong_undefined, 0x8f, 1
    GATE64  13, .Llong_protection, 0x8e
    GATE64  0x30, .Llong_call, 0xee
    GATE64  0x20, .Llong_call, 0x8e
    lidt    AT64(.Llong_idt_register)
    movq    $KERNEL_STACK, TASK + 4
    movq    $FAULT_STACK, TASK + 36
    movw    $0x28, %ax
    ltr     %ax

    // The stack is aligned before the frame is pushed.
    movl    $0x8004, %esp
    xorl    %ecx, %ecx
    divl    %ecx
    PUT64   $'a'
    leaq    -0x7000(%rsp), %rax
    movw    $PORT_SERIAL, %dx
    outb    %al, %dx
    // A selector beyond the table, and a gate that is none.
    movl    $0x58, %eax
    movl    %eax, %fs
    PUT64   $'b'
    int     $0x21
    PUT64   $'c'
    ud2
    PUT64   $'d'

    pushq   $0x23
    pushq   $USER_STACK
    pushq   $0x2
    pushq   $0x1b
    pushq   $AT64(2f)
    iretq
2:  ud2
    cli
    int     $0x20
    movl    $0x12345678, %ebx
    int     $0x30
    movl    $1, %ebx
    int     $0x30
    jmp     .

// Handlers find RIP, CS, RFLAGS, RSP and SS.
.Llong_divide:
    PUT64   $'D'
    PUT64   8(%rsp)
    PUT_STACK64 0x7000, 40
    addq    $2, (%rsp)
    jmp     .Llong_return

.Llong_undefined:
    PUT64   $'U'
    PUT64   8(%rsp)
    PUT64   32(%rsp)
    PUT_STACK64 (FAULT_STACK - 0x100), 40
    pushfq
    popq    %rax
    shrl    $9, %eax
    andb    $1, %al
    movw    $PORT_SERIAL, %dx
    outb    %al, %dx
    addq    $2, (%rsp)
    jmp     .Llong_return

.Llong_protection:
    PUT64   $'G'
    PUT64   (%rsp)
    PUT64   1(%rsp)
    PUT64   16(%rsp)
    addq    $8, %rsp
    movq    (%rsp), %rax
    movb    (%rax), %al
    incq    (%rsp)
    cmpb    $0xfa, %al
    je      .Llong_return
    incq    (%rsp)
    jmp     .Llong_return

.Llong_call:
    cmpl    $1, %ebx
    je      8f
    PUT64   $'I'
    PUT64   8(%rsp)
    PUT64   32(%rsp)
    // That of the user's stack, and of its own.
    movq    24(%rsp), %rax
    shrl    $8, %eax
    movw    $PORT_SERIAL, %dx
    outb    %al, %dx
    PUT_STACK64 (KERNEL_STACK - 0x100), 40
    // The privilege's stack segment is none, which says the privilege.
    movl    %ss, %eax
    movw    $PORT_SERIAL, %dx
    outb    %al, %dx
    iretq
8:  POWER_OFF

// From the same privilege without IRET.
.Llong_return:
    testb   $3, 8(%rsp)
    jnz     1f
    pushq   16(%rsp)
    popfq
    movq    (%rsp), %rax
    movq    24(%rsp), %rsp
    jmp     *%rax
1:  iretq

    .balign 8
.Llong_gdt:
    .quad   0
    .quad   0x00af9a000000ffff
    .quad   0x00cf92000000ffff
    .quad   0x00affa000000ffff
    .quad   0x00cff2000000ffff
    .quad   0x0000890220000067, 0
.Llong_gdt_register:
    .word   55
    .quad   AT64(.Llong_gdt)
.Llong_idt_register:
    .word   16 * 0x32 - 1
    .quad   TABLES
END exceptions_long
