// A multiboot kernel, loaded to 1 MiB: has ACPI's interrupt from the clock's alarm, sleeps until the next alarm, wakes up in real mode,
// sleeps once more, wakes up in protected mode, and has the interrupt that it did not take. It looks each time at what was kept and what was
// lost. Ends with 3, or with the step that was not as it should be.
#include "guest.h"

#define BASE 0x100000
#define AT(label) (((label) - exeunt_test_multiboot_sleep) + BASE)
#define STACK (BASE + 0x4000)
// In the middle of a paragraph, so that both halves of a real-mode address count.
#define TRAMPOLINE 0x7123
#define LOW(label) (((label) - .Lsleep_trampoline) + TRAMPOLINE)
#define KEPT 0x300000
#define CONTROL 0xe0040
#define LOCAL_APIC 0xfee00000
#define IO_APIC 0xfec00000
#define VECTOR 0x41
#define PORT_STATUS 0x600
#define PORT_ENABLE 0x602
#define PORT_SCRATCH 0x590

.macro CLOCK register, value
    movb    $\register, %al
    outb    %al, $0x70
    movb    $\value, %al
    outb    %al, $0x71
.endm

.macro CLOCK_READ register
    movb    $\register, %al
    outb    %al, $0x70
    inb     $0x71, %al
.endm

.macro WRITE port, value
    movw    $\port, %dx
    movw    $\value, %ax
    outw    %ax, %dx
.endm

// Expects some bits of a port. 16-bit and 32-bit code alike.
.macro EXPECT port, mask, value, step, wrong
    movw    $\port, %dx
    inw     %dx, %ax
    andw    $\mask, %ax
    cmpw    $\value, %ax
    movb    $\step, %bl
    jne     \wrong
.endm

// Flat data segments and a stack.
.macro SEGMENTS
    movl    $0x10, %eax
    movl    %eax, %ds
    movl    %eax, %es
    movl    %eax, %ss
    movl    $STACK, %esp
.endm

    .code32

BEGIN multiboot_sleep
    .long   0x1badb002, 0, -0x1badb002
    .long   0, 0, 0, 0, 0
    lgdt    AT(.Lsleep_gdt_register)
    ljmpl   $8, $AT(1f)
1:  SEGMENTS
    movb    $10, %bl
    cmpl    $0x53434146, CONTROL
    jne     .Lsleep_wrong

    // The alarm, each second, is an event of ACPI: nothing before it is enabled, then the level-triggered interrupt.
    CLOCK   1, 0xc0
    CLOCK   3, 0xc0
    CLOCK   5, 0xc0
    CLOCK   0x0b, 0x22
    call    .Lsleep_interrupts_on
    WRITE   PORT_ENABLE, 0x400
    call    .Lsleep_await
    WRITE   PORT_ENABLE, 0
1:  movw    $PORT_STATUS, %dx
    inw     %dx, %ax
    testw   $0x400, %ax
    jz      1b
    movb    $11, %bl
    cmpl    $1, AT(.Lsleep_interrupts)
    jne     .Lsleep_wrong
    WRITE   PORT_ENABLE, 0x400

    // What is kept and what is not.
    movl    $0x12345678, KEPT
    WRITE   PORT_SCRATCH, 0x5a5a
    movl    $AT(.Lsleep_trampoline), %esi
    movl    $TRAMPOLINE, %edi
    movl    $(.Lsleep_trampoline_end - .Lsleep_trampoline), %ecx
    cld
    rep movsb
    movl    $TRAMPOLINE, CONTROL + 12
    movb    $12, %bl
    jmp     .Lsleep_go

    .code16
.Lsleep_trampoline:
    movl    %cr0, %eax
    movb    $20, %bl
    testb   $1, %al
    jnz     9f
    movw    %cs, %ax
    movb    $21, %bl
    cmpw    $(TRAMPOLINE >> 4), %ax
    jne     9f
    EXPECT  PORT_STATUS, 0xffff, 0x8400, 22, 9f
    EXPECT  PORT_ENABLE, 0xffff, 0x400, 23, 9f
    EXPECT  PORT_POWER, 0xffff, 0x401, 24, 9f
    EXPECT  PORT_SCRATCH, 0xffff, 0, 25, 9f
    CLOCK_READ 0x0b
    movb    $26, %bl
    cmpb    $0x22, %al
    jne     9f
    cli
    lgdtl   LOW(.Lsleep_trampoline_gdt)
    movl    %cr0, %eax
    orb     $1, %al
    movl    %eax, %cr0
    ljmpl   $8, $AT(.Lsleep_first)
9:  movb    %bl, %al
    outb    %al, $PORT_DEBUG_EXIT
1:  hlt
    jmp     1b
.Lsleep_trampoline_gdt:
    .word   3 * 8 - 1
    .long   AT(.Lsleep_gdt)
.Lsleep_trampoline_end:

    .code32
.Lsleep_first:
    SEGMENTS
    movb    $30, %bl
    cmpl    $0x12345678, KEPT
    jne     .Lsleep_wrong
    movl    $AT(.Lsleep_second), CONTROL + 24
    movb    $31, %bl
    jmp     .Lsleep_go

.Lsleep_second:
    // With firmware's descriptors, then with its own.
    SEGMENTS
    ljmpl   $8, $AT(1f)
1:  lgdt    AT(.Lsleep_gdt_register)
    SEGMENTS
    EXPECT  PORT_STATUS, 0xffff, 0x8400, 32, .Lsleep_wrong
    // The I/O APIC was reset.
    movl    $0x10 + 2 * 9, IO_APIC
    movb    $33, %bl
    cmpl    $0x10000, IO_APIC + 0x10
    jne     .Lsleep_wrong
    // The event is still there, and so is the level of its line.
    movl    $0, AT(.Lsleep_interrupts)
    call    .Lsleep_interrupts_on
    call    .Lsleep_await
    movb    $3, %bl
.Lsleep_wrong:
    EXIT    %bl

// Sleeps, and does not go on. bl: the step that it would be to go on.
.Lsleep_go:
    CLOCK_READ 0x0c
    WRITE   PORT_STATUS, 0xffff
    WRITE   PORT_POWER, 0x2400
    jmp     .Lsleep_wrong

// Waits for an interrupt, with which the event is gone.
.Lsleep_await:
    sti
1:  pause
    cmpl    $0, AT(.Lsleep_interrupts)
    je      1b
    cli
    ret

// With the 8259s masked, which firmware leaves otherwise each time.
.Lsleep_interrupts_on:
    movb    $0xff, %al
    outb    %al, $0x21
    outb    %al, $0xa1
    movl    $AT(.Lsleep_handler), %eax
    movw    %ax, AT(.Lsleep_idt) + VECTOR * 8
    movw    $8, AT(.Lsleep_idt) + VECTOR * 8 + 2
    movw    $0x8e00, AT(.Lsleep_idt) + VECTOR * 8 + 4
    shrl    $16, %eax
    movw    %ax, AT(.Lsleep_idt) + VECTOR * 8 + 6
    lidt    AT(.Lsleep_idt_register)
    movl    $0x1ff, LOCAL_APIC + 0xf0
    movl    $0x10 + 2 * 9 + 1, IO_APIC
    movl    LOCAL_APIC + 0x20, %eax
    andl    $0xff000000, %eax
    movl    %eax, IO_APIC + 0x10
    movl    $0x10 + 2 * 9, IO_APIC
    movl    $0x8000 + VECTOR, IO_APIC + 0x10
    ret

.Lsleep_handler:
    pushl   %eax
    pushl   %edx
    movw    $PORT_STATUS, %dx
    inw     %dx, %ax
    testw   $0x400, %ax
    jz      1f
    incl    AT(.Lsleep_interrupts)
1:  WRITE   PORT_STATUS, 0x400
    CLOCK_READ 0x0c
    movl    $0, LOCAL_APIC + 0xb0
    popl    %edx
    // What iret does; KVM's emulator has it in real mode only.
    movl    4(%esp), %eax
    xchgl   12(%esp), %eax
    movl    %eax, 8(%esp)
    popl    %eax
    addl    $4, %esp
    popfl
    ret

    .balign 8
.Lsleep_gdt:
    .quad   0
    .quad   0x00cf9b000000ffff
    .quad   0x00cf93000000ffff
.Lsleep_gdt_register:
    .word   3 * 8 - 1
    .long   AT(.Lsleep_gdt)
    .balign 4
.Lsleep_idt_register:
    .word   (VECTOR + 1) * 8 - 1
    .long   AT(.Lsleep_idt)
    .balign 4
.Lsleep_interrupts:
    .long   0
    .balign 8
.Lsleep_idt:
    .skip   (VECTOR + 1) * 8
END multiboot_sleep

// A multiboot kernel, loaded to 1 MiB: goes to sleep with what the last digit of its command line says is wrong with that: 0 no event is enabled,
// 1 an event and no alarm, 2 no waking vector, 3 a real-mode vector above 1 MiB, 4 a vector above 4 GiB; 5 nothing is, but the alarm goes off in an hour.
#define SLEEPLESS(label) (((label) - exeunt_test_multiboot_sleepless) + BASE)
BEGIN multiboot_sleepless
    .long   0x1badb002, 0, -0x1badb002
    .long   0, 0, 0, 0, 0
    movl    16(%ebx), %esi
1:  movb    (%esi), %al
    incl    %esi
    testb   %al, %al
    jnz     1b
    movb    -2(%esi), %cl
    CLOCK   1, 0xc0
    CLOCK   3, 0xc0
    CLOCK   5, 0xc0
    cmpb    $0x30, %cl
    je      2f
    WRITE   PORT_ENABLE, 0x400
    cmpb    $0x31, %cl
    je      2f
    CLOCK   0x0b, 0x22
    cmpb    $0x32, %cl
    je      2f
    movl    $0x100000, CONTROL + 12
    cmpb    $0x33, %cl
    je      2f
    movl    $1, CONTROL + 28
    cmpb    $0x34, %cl
    je      2f
    movl    $0, CONTROL + 28
    movl    $0x8000, CONTROL + 12
    // When this minute began.
    CLOCK   1, 0
    CLOCK_READ 2
    movb    %al, %ch
    movb    $3, %al
    outb    %al, $0x70
    movb    %ch, %al
    outb    %al, $0x71
    CLOCK_READ 0x0c
    WRITE   PORT_STATUS, 0xffff
2:  WRITE   PORT_POWER, 0x2400
    EXIT    $9
END multiboot_sleepless

    .section .note.GNU-stack, "", @progbits
