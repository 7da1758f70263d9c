// A multiboot kernel for whole machines, loaded to 1 MiB: tells on the serial port what its loader and the firmware's
// tables say, starts every processor that they name, and ends with the digit that its command line ends with.
//
// It keeps to what kvm-unit-tests' programs expect of a machine: multiboot with flags 0, secondary processors started
// at address 0 by broadcast, their number from fw_cfg, interrupt lines through the test device, exit through 0xf4.
#include "guest.h"

#define BASE 0x100000
#define AT(label) (((label) - exeunt_test_multiboot) + BASE)
#define STACK (BASE + 0x4000)
#define AP_STACKS (BASE + 0x5000)

#define LOCAL_APIC 0xfee00000
#define IO_APIC 0xfec00000
#define LINE 10
#define VECTOR 0x40

    .code32

.macro PRINT label
    movl    $AT(\label), %esi
    call    .Lputs
.endm

BEGIN multiboot
.Lheader:
    .long   0x1badb002, 0, -0x1badb002
    // For the variant that is no ELF file; looked at only with flag 16.
    .long   AT(.Lheader), BASE, 0, BASE + 0x10000, AT(.Lentry)

.Lentry:
    cmpl    $0x2badb002, %eax
    jne     .Lbad_magic
    movl    $STACK, %esp
    lgdt    AT(.Lgdt_register)
    movl    $0x10, %eax
    movl    %eax, %ds
    movl    %eax, %es
    movl    %eax, %ss
    ljmpl   $8, $AT(1f)
1:  movl    %ebx, %ebp

    movl    16(%ebp), %esi
    call    .Lputs
    PRINT   .Lnewline

    // Modules: their text, then what is in them.
    movl    20(%ebp), %ecx
    movl    24(%ebp), %edi
2:  testl   %ecx, %ecx
    jz      4f
    PRINT   .Lmodule_text
    movl    8(%edi), %esi
    call    .Lputs
    PRINT   .Lcolon
    movl    (%edi), %esi
3:  cmpl    4(%edi), %esi
    jae     3f
    lodsb
    call    .Lputc
    jmp     3b
3:  PRINT   .Lnewline
    addl    $16, %edi
    decl    %ecx
    jmp     2b

    // Memory above 1 MiB, KiB; then all that the map calls usable.
4:  PRINT   .Lupper_text
    movl    8(%ebp), %eax
    call    .Lputhex
    xorl    %ebx, %ebx
    movl    48(%ebp), %edi
    movl    44(%ebp), %ecx
    addl    %edi, %ecx
5:  cmpl    %ecx, %edi
    jae     6f
    cmpl    $1, 20(%edi)
    jne     17f
    movl    12(%edi), %eax
    movl    16(%edi), %edx
    shrdl   $10, %edx, %eax
    addl    %eax, %ebx
17: addl    (%edi), %edi
    addl    $4, %edi
    jmp     5b
6:  PRINT   .Lusable_text
    movl    %ebx, %eax
    call    .Lputhex

    // The root pointer, and each table that it leads to.
    movl    $0xe0000, %edi
7:  cmpl    $0x20445352, (%edi)
    jne     8f
    cmpl    $0x20525450, 4(%edi)
    je      9f
8:  addl    $16, %edi
    cmpl    $0x100000, %edi
    jb      7b
    jmp     .Lbad_tables
9:  movl    %edi, %esi
    movl    $20, %ecx
    call    .Lchecksum
    movl    16(%edi), %edi
    movl    %edi, %esi
    movl    4(%edi), %ecx
    call    .Lchecksum
    movl    4(%edi), %ecx
    addl    %edi, %ecx
    addl    $36, %edi
10: cmpl    %ecx, %edi
    jae     .Ltables_done
    movl    (%edi), %ebx
    pushl   %ecx
    movl    %ebx, %esi
    movl    4(%ebx), %ecx
    call    .Lchecksum
    PRINT   .Ltable_text
    movl    %ebx, %esi
    movl    $4, %ecx
11: lodsb
    call    .Lputc
    decl    %ecx
    jnz     11b
    PRINT   .Lnewline
    cmpl    $0x43495041, (%ebx)
    jne     12f
    call    .Lprocessors
12: cmpl    $0x50434146, (%ebx)
    jne     13f
    movl    76(%ebx), %edx
    movl    %edx, AT(.Ltimer_port)
    // The description table has a checksum as well.
    movl    40(%ebx), %esi
    movl    4(%esi), %ecx
    call    .Lchecksum
13: popl    %ecx
    addl    $4, %edi
    jmp     10b

.Ltables_done:
    PRINT   .Lprocessors_text
    movl    AT(.Lprocessor_count), %eax
    call    .Lputhex

    // fw_cfg says the same.
    movl    $0x510, %edx
    movl    $5, %eax
    outw    %ax, %dx
    incl    %edx
    inb     %dx, %al
    movb    %al, %bl
    inb     %dx, %al
    movb    %al, %bh
    cmpw    AT(.Lprocessor_count), %bx
    jne     .Lbad_count

    // The timer counts; the clock's battery is good.
    movl    AT(.Ltimer_port), %edx
    inl     %dx, %eax
    movl    %eax, %ebx
14: inl     %dx, %eax
    cmpl    %eax, %ebx
    je      14b
    movb    $0x0d, %al
    outb    %al, $0x70
    inb     $0x71, %al
    cmpb    $0x80, %al
    jne     .Lbad_device

    // The test device's register.
    movl    $0x12345678, %eax
    outl    %eax, $0xe0
    inb     $0xe9, %al
    cmpb    $0x56, %al
    jne     .Lbad_device

    call    .Lstart_processors
    PRINT   .Lonline_text
    movl    AT(.Lonline), %eax
    call    .Lputhex
    call    .Ltry_line
    PRINT   .Lline_text

    // The exit code: the last character of the command line.
    movl    16(%ebp), %esi
15: lodsb
    testb   %al, %al
    jz      16f
    movb    %al, %bl
    jmp     15b
16: movzbl  %bl, %eax
    subl    $0x30, %eax
.Lexit:
    movl    $PORT_DEBUG_EXIT, %edx
    outl    %eax, %dx
1:  hlt
    jmp     1b

.Lbad_magic:
    EXIT    $100
.Lbad_tables:
    EXIT    $101
.Lbad_checksum:
    EXIT    $102
.Lbad_count:
    EXIT    $103
.Lbad_device:
    EXIT    $104

// esi: text that ends with zero. Changes eax, edx, esi.
.Lputs:
    lodsb
    testb   %al, %al
    jz      1f
    call    .Lputc
    jmp     .Lputs
1:  ret

// al: a character. Changes edx.
.Lputc:
    pushl   %eax
    movl    $PORT_SERIAL + 5, %edx
1:  inb     %dx, %al
    testb   $0x20, %al
    jz      1b
    popl    %eax
    movl    $PORT_SERIAL, %edx
    outb    %al, %dx
    ret

// eax: a number, printed with eight digits and a new line. Changes eax, edx.
.Lputhex:
    pushl   %ecx
    movl    $8, %ecx
1:  roll    $4, %eax
    pushl   %eax
    andl    $15, %eax
    movb    AT(.Ldigits)(%eax), %al
    call    .Lputc
    popl    %eax
    decl    %ecx
    jnz     1b
    movb    $10, %al
    call    .Lputc
    popl    %ecx
    ret

// esi, ecx: bytes that must sum up to zero. Changes eax, ecx, esi.
.Lchecksum:
    xorl    %eax, %eax
1:  addb    (%esi), %al
    incl    %esi
    decl    %ecx
    jnz     1b
    testb   %al, %al
    jnz     .Lbad_checksum
    ret

// ebx: the table of interrupt controllers. Counts enabled local APICs. Changes eax, ecx, esi.
.Lprocessors:
    movl    4(%ebx), %ecx
    addl    %ebx, %ecx
    leal    44(%ebx), %esi
1:  cmpl    %ecx, %esi
    jae     3f
    cmpb    $0, (%esi)
    jne     2f
    testb   $1, 4(%esi)
    jz      2f
    incl    AT(.Lprocessor_count)
2:  movzbl  1(%esi), %eax
    addl    %eax, %esi
    jmp     1b
3:  ret

// Starts all other processors at address 0, and waits until each has said that it is there.
.Lstart_processors:
    movl    $AT(.Ltrampoline), %esi
    xorl    %edi, %edi
    movl    $(.Ltrampoline_end - .Ltrampoline), %ecx
1:  lodsb
    movb    %al, (%edi)
    incl    %edi
    decl    %ecx
    jnz     1b
    movl    $0x1ff, LOCAL_APIC + 0xf0
    movl    $0xc4500, LOCAL_APIC + 0x300
    movl    $0xc4600, LOCAL_APIC + 0x300
2:  pause
    movl    AT(.Lonline), %eax
    cmpl    AT(.Lprocessor_count), %eax
    jne     2b
    ret

    .code16
.Ltrampoline:
    cli
    movl    %cr0, %eax
    orb     $1, %al
    movl    %eax, %cr0
    lgdtl   .Ltrampoline_gdt - .Ltrampoline
    ljmpl   $8, $AT(.Lsecondary)
.Ltrampoline_gdt:
    .word   3 * 8 - 1
    .long   AT(.Lgdt)
.Ltrampoline_end:
    .code32

.Lsecondary:
    movl    $0x10, %eax
    movl    %eax, %ds
    movl    %eax, %es
    movl    %eax, %ss
    movl    $1, %eax
    lock xaddl %eax, AT(.Lonline)
1:  cli
    hlt
    jmp     1b

// Raises a line through the test device, and waits for its interrupt.
.Ltry_line:
    movl    $AT(.Lhandler), %eax
    movw    %ax, AT(.Lidt) + VECTOR * 8
    movw    $8, AT(.Lidt) + VECTOR * 8 + 2
    movw    $0x8e00, AT(.Lidt) + VECTOR * 8 + 4
    shrl    $16, %eax
    movw    %ax, AT(.Lidt) + VECTOR * 8 + 6
    lidt    AT(.Lidt_register)
    movb    $0xff, %al
    outb    %al, $0x21
    outb    %al, $0xa1
    movl    $0x10 + 2 * LINE + 1, IO_APIC
    movl    LOCAL_APIC + 0x20, %eax
    andl    $0xff000000, %eax
    movl    %eax, IO_APIC + 0x10
    movl    $0x10 + 2 * LINE, IO_APIC
    movl    $VECTOR, IO_APIC + 0x10
    sti
    movl    $0x2000 + LINE, %edx
    movb    $1, %al
    outb    %al, %dx
1:  pause
    cmpl    $0, AT(.Lraised)
    je      1b
    xorb    %al, %al
    outb    %al, %dx
    cli
    ret

.Lhandler:
    incl    AT(.Lraised)
    movl    $0, LOCAL_APIC + 0xb0
    pushl   %eax
    // What iret does; KVM's emulator has it in real mode only.
    movl    4(%esp), %eax
    xchgl   12(%esp), %eax
    movl    %eax, 8(%esp)
    popl    %eax
    addl    $4, %esp
    popfl
    ret

    .balign 8
.Lgdt:
    .quad   0
    .quad   0x00cf9b000000ffff
    .quad   0x00cf93000000ffff
.Lgdt_register:
    .word   3 * 8 - 1
    .long   AT(.Lgdt)
    .balign 4
.Lidt_register:
    .word   (VECTOR + 1) * 8 - 1
    .long   AT(.Lidt)
    .balign 4
.Lprocessor_count:
    .long   0
.Lonline:
    .long   1
.Lraised:
    .long   0
.Ltimer_port:
    .long   0
.Ldigits:
    .ascii  "0123456789abcdef"
.Lmodule_text:
    .asciz  "module "
.Lcolon:
    .asciz  ": "
.Lupper_text:
    .asciz  "upper "
.Lusable_text:
    .asciz  "usable "
.Ltable_text:
    .asciz  "table "
.Lprocessors_text:
    .asciz  "processors "
.Lonline_text:
    .asciz  "online "
.Lline_text:
    .asciz  "line raised\n"
.Lnewline:
    .asciz  "\n"
    .balign 8
.Lidt:
    .skip   (VECTOR + 1) * 8
END multiboot

#undef AT
#define AT(label) (((label) - exeunt_test_multiboot_reset) + BASE)

// Resets the machine once. The second time everything must be as it was the first, but for RAM that is not the image's.
BEGIN multiboot_reset
.Lreset_header:
    .long   0x1badb002, 0, -0x1badb002
    .long   0, 0, 0, 0, 0
    cmpl    $0x2badb002, %eax
    jne     1f
    cmpl    $0x24d, (%ebx)
    jne     2f
    cmpl    $0x5eed, AT(.Lreset_data)
    jne     3f
    cmpl    $0, BASE + 0x8000
    jne     4f
    movl    $0, AT(.Lreset_data)
    movl    $1, BASE + 0x8000
    movl    $0, (%ebx)
    incl    0x200000
    cmpl    $2, 0x200000
    je      5f
    movb    $0xfe, %al
    outb    %al, $PORT_RESET
6:  hlt
    jmp     6b
1:  EXIT    $100
2:  EXIT    $101
3:  EXIT    $102
4:  EXIT    $103
5:  EXIT    $3
    .balign 4
.Lreset_data:
    .long   0x5eed
END multiboot_reset

#undef AT
#define AT(label) (((label) - exeunt_test_multiboot_real) + BASE)
// Where the part in real mode is copied to, and a count that no reset clears.
#define REAL 0x8000
#define PASSES 0x7000
#define REAL_AT(label) (((label) - .Lreal_start) + REAL)

// Goes back to real mode, where interrupts arrive as firmware left it: the timer's, which is counted, and, through the
// second 8259, a line of the test device. Takes all that away and resets the machine, by port 0xcf9, then by port 0x92.
BEGIN multiboot_real
.Lreal_header:
    .long   0x1badb002, 0, -0x1badb002
    .long   0, 0, 0, 0, 0
    movl    $REAL, %esp
    movl    $AT(.Lreal_start), %esi
    movl    $REAL, %edi
    movl    $(.Lreal_end - .Lreal_start), %ecx
    cld
    rep movsb
    lgdt    REAL_AT(.Lreal_gdt_register)
    lidt    REAL_AT(.Lreal_idt_register)
    movl    $0x10, %eax
    movl    %eax, %ds
    movl    %eax, %ss
    ljmpl   $8, $REAL_AT(.Lreal_code)

.Lreal_start:
    .code16
.Lreal_code:
    movl    %cr0, %eax
    andb    $0xfe, %al
    movl    %eax, %cr0
    ljmp    $0, $REAL_AT(1f)
1:  xorw    %ax, %ax
    movw    %ax, %ds
    movw    %ax, %ss
    inb     $0x21, %al
    cmpb    $0xfa, %al
    jne     .Lreal_bad_mask
    inb     $0xa1, %al
    cmpb    $0xff, %al
    jne     .Lreal_bad_mask

    // Only the timer wakes from these.
    movl    0x46c, %ebx
    sti
    hlt
    hlt
    cli
    movl    0x46c, %eax
    subl    %ebx, %eax
    cmpl    $2, %eax
    jb      .Lreal_bad_count

    // The line, alone now, with a handler of its own first, which leaves the rest to firmware's.
    movb    $0xfb, %al
    outb    %al, $0x21
    outb    %al, $0xa1
    movl    0x72 * 4, %ebx
    movl    %ebx, REAL_AT(.Lreal_old)
    movl    $REAL_AT(.Lreal_handler), 0x72 * 4
    call    .Lreal_raise
    movl    %ebx, 0x72 * 4
    call    .Lreal_raise
    cmpb    $1, REAL_AT(.Lreal_count)
    jne     .Lreal_bad_line
    // Nothing is in service any more.
    movb    $0x0b, %al
    outb    %al, $0x20
    outb    %al, $0xa0
    inb     $0x20, %al
    movb    %al, %ah
    inb     $0xa0, %al
    orb     %ah, %al
    jnz     .Lreal_bad_line

    incb    PASSES
    cmpb    $3, PASSES
    je      .Lreal_done
    movb    $0xff, %al
    outb    %al, $0x21
    movb    $0x11, %al
    outb    %al, $0xa0
    movb    $0x30, %al
    outb    %al, $0x43
    movl    $0, 0x72 * 4
    cmpb    $2, PASSES
    je      2f
    movw    $0xcf9, %dx
    movb    $2, %al
    outb    %al, %dx
    movb    $6, %al
    outb    %al, %dx
1:  hlt
    jmp     1b
2:  inb     $0x92, %al
    orb     $1, %al
    outb    %al, $0x92
3:  hlt
    jmp     3b
.Lreal_bad_mask:
    EXIT    $100
.Lreal_bad_count:
    EXIT    $101
.Lreal_bad_line:
    EXIT    $102
.Lreal_done:
    EXIT    $3

.Lreal_raise:
    movw    $0x200a, %dx
    movb    $1, %al
    outb    %al, %dx
    decb    %al
    outb    %al, %dx
    sti
    hlt
    cli
    ret

.Lreal_handler:
    incb    %cs:REAL_AT(.Lreal_count)
    ljmp    *%cs:REAL_AT(.Lreal_old)

    .balign 8
.Lreal_gdt:
    .quad   0, 0x008f9b000000ffff, 0x008f93000000ffff
.Lreal_gdt_register:
    .word   23
    .long   REAL_AT(.Lreal_gdt)
.Lreal_idt_register:
    .word   0x3ff
    .long   0
.Lreal_old:
    .long   0
.Lreal_count:
    .byte   0
.Lreal_end:
    .code32
END multiboot_real

#undef AT
#define AT(label) (((label) - exeunt_test_module_heap) + BASE)

// Takes the 256 pages behind its last module for free, as many small kernels do; ends with 1 where its one module is not right behind
// its own page, 2 where a page keeps nothing.
BEGIN module_heap
.Lheap_header:
    .long   0x1badb002, 0, -0x1badb002
    .long   0, 0, 0, 0, 0
    cmpl    $1, 20(%ebx)
    jne     1f
    movl    24(%ebx), %esi
    cmpl    $(BASE + 0x1000), (%esi)
    jne     1f
    movl    4(%esi), %edi
    addl    $4095, %edi
    andl    $-4096, %edi
    movl    %edi, %ebp
    movl    $256, %ecx
2:  movl    %ecx, (%edi)
    addl    $4096, %edi
    decl    %ecx
    jnz     2b
    movl    $256, %ecx
3:  cmpl    %ecx, (%ebp)
    jne     4f
    addl    $4096, %ebp
    decl    %ecx
    jnz     3b
    EXIT    $3
1:  EXIT    $1
4:  EXIT    $2
END module_heap

#undef AT
#define AT(label) (((label) - exeunt_test_multiboot2) + BASE)

// Tells on the serial port what its loader says, tag by tag in the order of their numbers, and ends with the digit that its command
// line ends with. Does not mind where it runs: labels are reached from where it is entered.
BEGIN multiboot2
    .balign 8
.Lmb2_header:
    .long   0xe85250d6, 0, .Lmb2_end - .Lmb2_header, -(0xe85250d6 + .Lmb2_end - .Lmb2_header)
    // What it wants to know: command line, modules, memory, its own sections, ACPI.
    .balign 8
    .word   1, 0
    .long   8 + 5 * 4, 1, 3, 6, 9, 15
    .balign 8
    // A video mode, which it can do without.
    .word   5, 1
    .long   20, 800, 600, 32
    .balign 8
    .word   6, 0
    .long   8
    // Something of the future.
    .balign 8
    .word   77, 1
    .long   8
    .balign 8
    .word   0, 0
    .long   8
.Lmb2_end:
.Lmb2_entry:
    cmpl    $0x36d76289, %eax
    jne     .Lmb2_bad_magic
    call    1f
1:  popl    %ebp
    subl    $(1b - exeunt_test_multiboot2), %ebp
    // Nothing of it is read from outside of what it says it has.
    movl    (%ebx), %edx
    addl    %ebx, %edx
    leal    8(%ebx), %edi
.Lmb2_next:
    cmpl    %edx, %edi
    jae     .Lmb2_bad_end
    movl    (%edi), %eax
    testl   %eax, %eax
    jz      .Lmb2_done
    pushl   %edx
    call    .Lmb2_tag
    popl    %edx
    movl    4(%edi), %eax
    addl    $7, %eax
    andl    $-8, %eax
    addl    %eax, %edi
    jmp     .Lmb2_next
.Lmb2_done:
    addl    $8, %edi
    cmpl    %edx, %edi
    jne     .Lmb2_bad_end
    movl    (.Lmb2_digit - exeunt_test_multiboot2)(%ebp), %eax
    subl    $0x30, %eax
    movl    $PORT_DEBUG_EXIT, %edx
    outl    %eax, %dx
2:  hlt
    jmp     2b

// One tag, at edi: its number, and what is in it.
.Lmb2_tag:
    call    .Lmb2_puthex
    movl    (%edi), %eax
    cmpl    $1, %eax
    je      .Lmb2_command_line
    cmpl    $2, %eax
    je      .Lmb2_text
    cmpl    $3, %eax
    je      .Lmb2_module
    cmpl    $4, %eax
    je      .Lmb2_numbers
    cmpl    $6, %eax
    je      .Lmb2_map
    cmpl    $9, %eax
    je      .Lmb2_numbers
    cmpl    $14, %eax
    je      .Lmb2_pointer
    cmpl    $15, %eax
    je      .Lmb2_pointer
    cmpl    $21, %eax
    je      .Lmb2_base
    jmp     .Lmb2_line

// Ends with the digit that the run ends with.
.Lmb2_command_line:
    leal    8(%edi), %esi
3:  lodsb
    testb   %al, %al
    jz      .Lmb2_text
    movzbl  %al, %eax
    movl    %eax, (.Lmb2_digit - exeunt_test_multiboot2)(%ebp)
    jmp     3b
.Lmb2_text:
    leal    8(%edi), %esi
    call    .Lmb2_puts
    jmp     .Lmb2_line

// Its text, and what is in it.
.Lmb2_module:
    leal    16(%edi), %esi
    call    .Lmb2_puts
    movb    $':', %al
    call    .Lmb2_putc
    movl    8(%edi), %esi
4:  cmpl    12(%edi), %esi
    jae     .Lmb2_line
    lodsb
    call    .Lmb2_putc
    jmp     4b

.Lmb2_numbers:
    movl    8(%edi), %eax
    call    .Lmb2_puthex
    movl    12(%edi), %eax
    call    .Lmb2_puthex
    jmp     .Lmb2_line

// All that is usable, KiB.
.Lmb2_map:
    movl    4(%edi), %ecx
    addl    %edi, %ecx
    leal    16(%edi), %esi
    xorl    %eax, %eax
5:  cmpl    %ecx, %esi
    jae     6f
    cmpl    $1, 16(%esi)
    jne     7f
    movl    8(%esi), %edx
    shrl    $10, %edx
    addl    %edx, %eax
7:  addl    8(%edi), %esi
    jmp     5b
6:  call    .Lmb2_puthex
    jmp     .Lmb2_line

// The root pointer's revision, and the sum of its bytes.
.Lmb2_pointer:
    movzbl  23(%edi), %eax
    call    .Lmb2_puthex
    movl    4(%edi), %ecx
    subl    $8, %ecx
    leal    8(%edi), %esi
    xorl    %eax, %eax
8:  addb    (%esi), %al
    incl    %esi
    decl    %ecx
    jnz     8b
    call    .Lmb2_puthex
    jmp     .Lmb2_line

// Where it is, which it knows itself.
.Lmb2_base:
    movl    8(%edi), %eax
    cmpl    %ebp, %eax
    jne     .Lmb2_bad_base
    call    .Lmb2_puthex
.Lmb2_line:
    movb    $10, %al
    jmp     .Lmb2_putc

.Lmb2_bad_magic:
    EXIT    $100
.Lmb2_bad_end:
    EXIT    $101
.Lmb2_bad_base:
    EXIT    $102

.Lmb2_puts:
    lodsb
    testb   %al, %al
    jz      9f
    call    .Lmb2_putc
    jmp     .Lmb2_puts
9:  ret

// al: a character. Changes edx.
.Lmb2_putc:
    movl    $PORT_SERIAL, %edx
    outb    %al, %dx
    ret

// eax: a number, printed in hexadecimal without zeros in front and with a blank behind. Changes eax, ecx, edx.
.Lmb2_puthex:
    pushl   %esi
    xorl    %esi, %esi
    movl    $8, %ecx
1:  roll    $4, %eax
    pushl   %eax
    andl    $15, %eax
    orl     %eax, %esi
    cmpl    $1, %ecx
    je      2f
    testl   %esi, %esi
    jz      3f
2:  addb    $'0', %al
    cmpb    $'9', %al
    jbe     4f
    addb    $('a' - '0' - 10), %al
4:  call    .Lmb2_putc
3:  popl    %eax
    decl    %ecx
    jnz     1b
    movb    $' ', %al
    call    .Lmb2_putc
    popl    %esi
    ret
    .balign 4
.Lmb2_digit:
    .long   0
END multiboot2

