// A multiboot kernel, loaded to 1 MiB: has every processor tell what firmware left in it, as it is started, when INIT has come to it
// once more, and after a reset before which the first one has changed what can be changed. Each tells sixteen words.
#include "guest.h"

#define BASE 0x100000
#define AT(label) (((label) - exeunt_test_multiboot_processors) + BASE)
#define STACK (BASE + 0x4000)
#define AP_STACKS (BASE + 0x5000)
// What no reset clears.
#define RECORDS 0x300000
#define PASSES 0x310000
#define ARRIVED 0x310010

#define LOCAL_APIC 0xfee00000

    .code32

.macro TELL offset, register
    movl    \register, \offset(%edi)
.endm

.macro ASK leaf, index
    movl    $\leaf, %eax
    movl    $\index, %ecx
    cpuid
.endm

.macro READ_MSR number
    movl    $\number, %ecx
    rdmsr
.endm

BEGIN multiboot_processors
    .long   0x1badb002, 0, -0x1badb002
    .long   0, 0, 0, 0, 0
    movl    $STACK, %esp
    lgdt    AT(.Lprocessors_gdt_register)
    movl    $0x10, %eax
    movl    %eax, %ds
    movl    %eax, %es
    movl    %eax, %ss
    ljmpl   $8, $AT(1f)
1:  cld
    // How many there are: fw_cfg.
    movl    $0x510, %edx
    movl    $5, %eax
    outw    %ax, %dx
    incl    %edx
    inb     %dx, %al
    movb    %al, AT(.Lprocessors_count)

    call    .Lprocessors_probe
    movl    $AT(.Lprocessors_started), %ebp
    call    .Lprocessors_start
    movl    $AT(.Lprocessors_initialised), %ebp
    call    .Lprocessors_start

    incl    PASSES
    cmpl    $2, PASSES
    je      2f
    // No memory types, one range of them, another PAT, and slow strings.
    movl    $0x2ff, %ecx
    xorl    %eax, %eax
    xorl    %edx, %edx
    wrmsr
    movl    $0x200, %ecx
    movl    $0x80000006, %eax
    wrmsr
    movl    $0x277, %ecx
    movl    $0x06060606, %eax
    movl    %eax, %edx
    wrmsr
    READ_MSR 0x1a0
    andl    $0xfffffffe, %eax
    wrmsr
    movb    $0xfe, %al
    outb    %al, $PORT_RESET
1:  hlt
    jmp     1b
2:  EXIT    $3

// Starts the other processors, waits until each has told, and prints all. ebp: what comes before each line.
.Lprocessors_start:
    movl    $0, ARRIVED
    movl    $AT(.Lprocessors_trampoline), %esi
    xorl    %edi, %edi
    movl    $(.Lprocessors_trampoline_end - .Lprocessors_trampoline), %ecx
    rep movsb
    movl    $0x1ff, LOCAL_APIC + 0xf0
    movl    $0xc4500, LOCAL_APIC + 0x300
    movl    $0xc4600, LOCAL_APIC + 0x300
    movl    AT(.Lprocessors_count), %ecx
    decl    %ecx
1:  pause
    cmpl    %ecx, ARRIVED
    jne     1b
    incl    %ecx
    movl    $RECORDS, %edi
2:  movl    %ebp, %esi
3:  lodsb
    testb   %al, %al
    jz      4f
    call    .Lprocessors_putc
    jmp     3b
4:  movl    $16, %ebx
5:  movb    $0x20, %al
    call    .Lprocessors_putc
    movl    (%edi), %eax
    call    .Lprocessors_puthex
    addl    $4, %edi
    decl    %ebx
    jnz     5b
    movb    $10, %al
    call    .Lprocessors_putc
    loop    2b
    ret

// What firmware left in this processor. Changes everything but the stack's registers.
.Lprocessors_probe:
    ASK     1, 0
    movl    %ebx, %edi
    shrl    $24, %edi
    shll    $6, %edi
    addl    $RECORDS, %edi
    TELL    0, %ebx
    TELL    4, %ecx
    TELL    8, %edx
    ASK     0xb, 0
    TELL    12, %edx
    ASK     0xb, 1
    TELL    16, %ebx
    TELL    20, %eax
    ASK     0x8000001e, 0
    TELL    24, %eax
    READ_MSR 0x1a0
    TELL    28, %eax
    READ_MSR 0x2ff
    TELL    32, %eax
    READ_MSR 0x277
    TELL    36, %eax
    movl    $0, 40(%edi)
    ASK     0, 0
    cmpl    $0x68747541, %ebx
    jne     1f
    READ_MSR 0xc0010015
    TELL    40, %eax
1:  ASK     0x80000001, 0
    TELL    44, %ecx
    ASK     0x80000007, 0
    TELL    48, %edx
    ASK     0xa, 0
    TELL    52, %eax
    READ_MSR 0x200
    TELL    56, %eax
    movl    LOCAL_APIC + 0x20, %eax
    TELL    60, %eax
    ret

    .code16
.Lprocessors_trampoline:
    cli
    movl    %cr0, %eax
    orb     $1, %al
    movl    %eax, %cr0
    lgdtl   .Lprocessors_trampoline_gdt - .Lprocessors_trampoline
    ljmpl   $8, $AT(.Lprocessors_secondary)
.Lprocessors_trampoline_gdt:
    .word   3 * 8 - 1
    .long   AT(.Lprocessors_gdt)
.Lprocessors_trampoline_end:
    .code32

.Lprocessors_secondary:
    movl    $0x10, %eax
    movl    %eax, %ds
    movl    %eax, %es
    movl    %eax, %ss
    ASK     1, 0
    shrl    $24, %ebx
    shll    $8, %ebx
    leal    AP_STACKS(%ebx), %esp
    call    .Lprocessors_probe
    lock incl ARRIVED
1:  cli
    hlt
    jmp     1b

// al: a character. Changes edx.
.Lprocessors_putc:
    pushl   %eax
    movl    $PORT_SERIAL + 5, %edx
1:  inb     %dx, %al
    testb   $0x20, %al
    jz      1b
    popl    %eax
    movl    $PORT_SERIAL, %edx
    outb    %al, %dx
    ret

// eax: a number, with eight digits. Changes eax, edx.
.Lprocessors_puthex:
    pushl   %ecx
    movl    $8, %ecx
1:  roll    $4, %eax
    pushl   %eax
    andl    $15, %eax
    movb    AT(.Lprocessors_digits)(%eax), %al
    call    .Lprocessors_putc
    popl    %eax
    decl    %ecx
    jnz     1b
    popl    %ecx
    ret

    .balign 8
.Lprocessors_gdt:
    .quad   0
    .quad   0x00cf9b000000ffff
    .quad   0x00cf93000000ffff
.Lprocessors_gdt_register:
    .word   3 * 8 - 1
    .long   AT(.Lprocessors_gdt)
    .balign 4
.Lprocessors_count:
    .long   0
.Lprocessors_digits:
    .ascii  "0123456789abcdef"
.Lprocessors_started:
    .asciz  "started"
.Lprocessors_initialised:
    .asciz  "initialised"
END multiboot_processors

    .section .note.GNU-stack, "", @progbits
