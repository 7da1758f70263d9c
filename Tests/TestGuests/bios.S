// A multiboot kernel in low memory that goes to real mode, as some do to ask a BIOS: interrupts that are not served say so,
// the few that are give what the data area says, and a jump to where a processor begins resets the machine.
#include "guest.h"

#define BASE 0x20000
#define AT(label) (((label) - exeunt_test_bios) + BASE)
#define OFFSET(label) ((label) - exeunt_test_bios)

BEGIN bios
    .code32
    .long   0x1badb002, 0, -0x1badb002
    .long   0, 0, 0, 0, 0
    // The loader's stack is good for a call.
    call    1f
1:  popl    %eax
    cmpl    $AT(1b), %eax
    jne     .Lbad_stack
    lgdt    AT(.Lbios_gdt_register)
    ljmpl   $8, $OFFSET(.Lsixteen)
.Lbad_stack:
    EXIT    $100

    .code16
.Lsixteen:
    movw    $0x10, %ax
    movw    %ax, %ds
    movw    %ax, %es
    movw    %ax, %ss
    movl    %cr0, %eax
    andb    $0xfe, %al
    movl    %eax, %cr0
    ljmpw   $(BASE >> 4), $OFFSET(.Lreal)
.Lreal:
    movw    $(BASE >> 4), %ax
    movw    %ax, %ss
    movw    $0x8000, %sp
    xorw    %ax, %ax
    movw    %ax, %ds

    // The map of memory: refused, and nothing but AX and the carry flag has changed.
    clc
    movw    $0xe820, %ax
    movw    $0x1234, %bx
    movw    $0x5678, %bp
    int     $0x15
    jnc     .Lserved
    cmpb    $0x86, %ah
    jne     .Lserved
    cmpw    $0x1234, %bx
    jne     .Lserved
    cmpw    $0x5678, %bp
    jne     .Lserved
    // A line of the 8259s that nobody waits for changes nothing at all.
    clc
    movw    $0x1234, %ax
    int     $0x08
    jc      .Lserved
    cmpw    $0x1234, %ax
    jne     .Lserved
    // Conventional memory and equipment.
    int     $0x12
    cmpw    0x413, %ax
    jne     .Lbad_memory
    cmpw    $639, %ax
    jne     .Lbad_memory
    int     $0x11
    cmpw    0x410, %ax
    jne     .Lbad_memory
    // The extended data area begins where conventional memory ends.
    movw    0x40e, %ax
    cmpw    $(639 << 6), %ax
    jne     .Lbad_memory
    movw    %ax, %es
    cmpb    $1, %es:0
    jne     .Lbad_memory
    cmpw    $PORT_SERIAL, 0x400
    jne     .Lbad_memory

    // The timer's third channel counts while it is switched on, and says so when it is through.
    inb     $0x61, %al
    andb    $0xfc, %al
    orb     $1, %al
    outb    %al, $0x61
    movb    $0xb0, %al
    outb    %al, $0x43
    movb    $0xff, %al
    outb    %al, $0x42
    outb    %al, $0x42
    inb     $0x61, %al
    testb   $0x20, %al
    jnz     .Lbad_timer
1:  inb     $0x61, %al
    testb   $0x20, %al
    jz      1b

    // RAM is kept over a reset.
    movw    $0x3000, %ax
    movw    %ax, %ds
    incw    0
    cmpw    $2, 0
    je      2f
    ljmpw   $0xffff, $0
2:  EXIT    $5
.Lserved:
    EXIT    $101
.Lbad_memory:
    EXIT    $102
.Lbad_timer:
    EXIT    $103

    .balign 8
.Lbios_gdt:
    .quad   0
    .quad   0x00009b000000ffff | (BASE << 16)
    .quad   0x000093000000ffff | (BASE << 16)
.Lbios_gdt_register:
    .word   3 * 8 - 1
    .long   AT(.Lbios_gdt)
END bios

    .section .note.GNU-stack, "", @progbits
