// A ROM of 64 KiB that starts a built-in guest under another virtual machine monitor: from the reset vector to 64-bit mode
// with the first 4 GiB mapped one to one, as docs/guest-abi.md promises, with the parameter block and the image where the guest
// expects them. Made by disk.py, which appends PARAMETERS and IMAGE as files.

#define PARAMETER_ADDRESS 0x7000
#define LOAD 0x10000
// Six pages of tables, in RAM that no guest uses.
#define TABLES 0x70000
#define ROM 0xf0000

.code16
rom:
start16:
    cli
    cld
    lgdtl %cs:(descriptors - rom)
    movl $0x11, %eax
    movl %eax, %cr0
    ljmpl $0x18, $(ROM + start32 - rom)

.code32
start32:
    movw $0x10, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movw %ax, %fs
    movw %ax, %gs
    // Level 4, level 3, and four tables of 512 entries of 2 MiB each.
    movl $TABLES, %edi
    xorl %eax, %eax
    movl $(6 * 1024), %ecx
    rep stosl
    movl $(TABLES + 0x1000 + 3), TABLES
    movl $(TABLES + 0x2000 + 3), TABLES + 0x1000
    movl $(TABLES + 0x3000 + 3), TABLES + 0x1008
    movl $(TABLES + 0x4000 + 3), TABLES + 0x1010
    movl $(TABLES + 0x5000 + 3), TABLES + 0x1018
    movl $(TABLES + 0x2000), %edi
    movl $0x83, %eax
1:  movl %eax, (%edi)
    addl $8, %edi
    addl $0x200000, %eax
    jnc 1b

    movl $(ROM + parameters - rom), %esi
    movl $PARAMETER_ADDRESS, %edi
    movl $(parameters_end - parameters), %ecx
    rep movsb
    movl $(ROM + image - rom), %esi
    movl $LOAD, %edi
    movl $(image_end - image), %ecx
    rep movsb

    movl $TABLES, %eax
    movl %eax, %cr3
    movl $0x20, %eax  // PAE
    movl %eax, %cr4
    movl $0xc0000080, %ecx  // EFER
    rdmsr
    orl $0x100, %eax  // LME
    wrmsr
    movl $0x80000011, %eax
    movl %eax, %cr0
    ljmpl $8, $LOAD

.balign 8
table:
    .quad 0
    .quad 0x00af9b000000ffff  // 64-bit code, which the guests' interrupt gates name
    .quad 0x00cf93000000ffff  // data
    .quad 0x00cf9b000000ffff  // 32-bit code
descriptors:
    .word descriptors - table - 1
    .long ROM + table - rom

.balign 16
parameters:
    .incbin PARAMETERS
parameters_end:
.balign 16
image:
    .incbin IMAGE
image_end:

    .org 0xfff0, 0xff
.code16
    ljmpw $0xf000, $(start16 - rom)
    .org 0x10000, 0xff
