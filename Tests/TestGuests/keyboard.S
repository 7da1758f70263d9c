// A multiboot kernel, loaded to 1 MiB: asks the 8042 what systems ask it, by polling, with loops that would not end where an answer
// failed to come; looks at ACPI's control register; then has the keyboard's interrupt, through the I/O APIC. Ends with 3, or with
// the step that was not answered as it should be.
#include "guest.h"

#define BASE 0x100000
#define AT(label) (((label) - exeunt_test_multiboot_keyboard) + BASE)
#define STACK (BASE + 0x4000)
#define LOCAL_APIC 0xfee00000
#define IO_APIC 0xfec00000
#define VECTOR 0x41

    .code32

// Sends a command and expects a byte.
.macro ASK command, step, value
    movb    $\command, %al
    call    .Lkeyboard_command
    call    .Lkeyboard_take
    cmpb    $\value, %al
    movb    $\step, %bl
    jne     .Lkeyboard_wrong
.endm

// Takes one more byte.
.macro EXPECT step, value
    call    .Lkeyboard_take
    cmpb    $\value, %al
    movb    $\step, %bl
    jne     .Lkeyboard_wrong
.endm

// Sends a byte to the data port.
.macro SEND byte
    movb    $\byte, %al
    call    .Lkeyboard_send
.endm

BEGIN multiboot_keyboard
    .long   0x1badb002, 0, -0x1badb002
    .long   0, 0, 0, 0, 0
    movl    $STACK, %esp
    lgdt    AT(.Lkeyboard_gdt_register)
    movl    $0x10, %eax
    movl    %eax, %ds
    movl    %eax, %es
    movl    %eax, %ss
    ljmpl   $8, $AT(1f)

    // Self-test, first port, the command byte as it is and as it is written (no interrupts, no translation).
1:  ASK     0xaa, 10, 0x55
    ASK     0xab, 11, 0x00
    ASK     0x20, 12, 0x65
    movb    $0x60, %al
    call    .Lkeyboard_command
    SEND    0x24
    ASK     0x20, 13, 0x24
    // Address line 20 by the output port, written and read.
    movb    $0xd1, %al
    call    .Lkeyboard_command
    SEND    0xdf
    movb    $0xff, %al
    call    .Lkeyboard_command
    movb    $0xd0, %al
    call    .Lkeyboard_command
    call    .Lkeyboard_take
    andb    $3, %al
    cmpb    $3, %al
    movb    $14, %bl
    jne     .Lkeyboard_wrong
    // The keyboard: reset, identity, LEDs.
    SEND    0xff
    EXPECT  15, 0xfa
    EXPECT  16, 0xaa
    SEND    0xf2
    EXPECT  17, 0xfa
    EXPECT  18, 0xab
    EXPECT  19, 0x83
    SEND    0xed
    EXPECT  20, 0xfa
    SEND    0x07
    EXPECT  21, 0xfa
    // ACPI: the machine is in ACPI mode.
    movw    $PORT_POWER, %dx
    inw     %dx, %ax
    testb   $1, %al
    movb    $22, %bl
    jz      .Lkeyboard_wrong

    // An interrupt for each byte, once they are asked for.
    movl    $AT(.Lkeyboard_handler), %eax
    movw    %ax, AT(.Lkeyboard_idt) + VECTOR * 8
    movw    $8, AT(.Lkeyboard_idt) + VECTOR * 8 + 2
    movw    $0x8e00, AT(.Lkeyboard_idt) + VECTOR * 8 + 4
    shrl    $16, %eax
    movw    %ax, AT(.Lkeyboard_idt) + VECTOR * 8 + 6
    lidt    AT(.Lkeyboard_idt_register)
    movb    $0xff, %al
    outb    %al, $0x21
    outb    %al, $0xa1
    movl    $0x1ff, LOCAL_APIC + 0xf0
    movl    $0x10 + 2 * 1 + 1, IO_APIC
    movl    LOCAL_APIC + 0x20, %eax
    andl    $0xff000000, %eax
    movl    %eax, IO_APIC + 0x10
    movl    $0x10 + 2 * 1, IO_APIC
    movl    $VECTOR, IO_APIC + 0x10
    movb    $0x60, %al
    call    .Lkeyboard_command
    SEND    0x25
    sti
    SEND    0xee
2:  pause
    cmpl    $1, AT(.Lkeyboard_interrupts)
    jne     2b
    SEND    0xff
3:  pause
    cmpl    $3, AT(.Lkeyboard_interrupts)
    jne     3b
    cli
    cmpl    $0xaafaee, AT(.Lkeyboard_bytes)
    movb    $23, %bl
    jne     .Lkeyboard_wrong
    movb    $3, %bl
.Lkeyboard_wrong:
    EXIT    %bl

// al: a command.
.Lkeyboard_command:
    pushl   %eax
1:  inb     $0x64, %al
    testb   $2, %al
    jnz     1b
    popl    %eax
    outb    %al, $0x64
    ret

// al: a byte for the data port.
.Lkeyboard_send:
    pushl   %eax
1:  inb     $0x64, %al
    testb   $2, %al
    jnz     1b
    popl    %eax
    outb    %al, $0x60
    ret

// Waits for a byte: al.
.Lkeyboard_take:
1:  inb     $0x64, %al
    testb   $1, %al
    jz      1b
    inb     $0x60, %al
    ret

.Lkeyboard_handler:
    pushl   %eax
    pushl   %ecx
    // One of the bytes that were taken by polling may have left an interrupt behind.
    inb     $0x64, %al
    testb   $1, %al
    jz      1f
    inb     $0x60, %al
    movl    AT(.Lkeyboard_interrupts), %ecx
    movb    %al, AT(.Lkeyboard_bytes)(%ecx)
    incl    AT(.Lkeyboard_interrupts)
1:  movl    $0, LOCAL_APIC + 0xb0
    popl    %ecx
    // What iret does; KVM's emulator has it in real mode only.
    movl    4(%esp), %eax
    xchgl   12(%esp), %eax
    movl    %eax, 8(%esp)
    popl    %eax
    addl    $4, %esp
    popfl
    ret

    .balign 8
.Lkeyboard_gdt:
    .quad   0
    .quad   0x00cf9b000000ffff
    .quad   0x00cf93000000ffff
.Lkeyboard_gdt_register:
    .word   3 * 8 - 1
    .long   AT(.Lkeyboard_gdt)
    .balign 4
.Lkeyboard_idt_register:
    .word   (VECTOR + 1) * 8 - 1
    .long   AT(.Lkeyboard_idt)
    .balign 4
.Lkeyboard_interrupts:
    .long   0
.Lkeyboard_bytes:
    .long   0
    .long   0
    .balign 8
.Lkeyboard_idt:
    .skip   (VECTOR + 1) * 8
END multiboot_keyboard

    .section .note.GNU-stack, "", @progbits
