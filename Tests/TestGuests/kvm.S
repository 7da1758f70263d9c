// Guests for a bare vCPU (KVMTests): entered in real mode at 0x1000 with DS, ES and SS 0, or in 64-bit mode. They end
// with HLT.
#include "guest.h"

    .code16

// Every kind of port access, out and in.
BEGIN ports
    movw    $0x510, %dx
    movl    $0x11223344, %eax
    outb    %al, %dx
    outw    %ax, %dx
    outl    %eax, %dx
    outb    %al, $0x80
    inb     %dx, %al
    inw     %dx, %ax
    inl     %dx, %eax
    hlt
END ports

// String instructions: 100 bytes out and 25 words of four bytes out of 0x2000, 60 words of two bytes into 0x3000.
BEGIN strings
    cld
    movw    $0x511, %dx
    movw    $0x2000, %si
    movw    $100, %cx
    rep outsb
    movw    $0x2000, %si
    movw    $25, %cx
    rep outsl
    movw    $0x3000, %di
    movw    $60, %cx
    rep insw
    hlt
END strings

// Accesses to addresses where there is no RAM, from 0x20000 on; the last two cross a page.
BEGIN memory
    movw    $0x2000, %ax
    movw    %ax, %ds
    xorw    %bx, %bx
    movl    $0x11223344, %eax
    movb    %al, (%bx)
    movw    %ax, 2(%bx)
    movl    %eax, 4(%bx)
    movb    8(%bx), %cl
    movw    10(%bx), %si
    movl    12(%bx), %edi
    movl    %eax, 0xffd(%bx)
    movl    0xfff(%bx), %ebp
    hlt
END memory

// Kicks of port 0x600 and address 0x20000: values 5 and 6 in four bytes, then 5 in two bytes and one.
BEGIN kicks
    movw    $0x600, %dx
    movw    $0x2000, %ax
    movw    %ax, %ds
    xorw    %bx, %bx
    movl    $5, %eax
    outl    %eax, %dx
    movl    %eax, (%bx)
    movl    $6, %eax
    outl    %eax, %dx
    movl    %eax, (%bx)
    movl    $5, %eax
    outw    %ax, %dx
    movw    %ax, (%bx)
    outb    %al, %dx
    movb    %al, (%bx)
    hlt
END kicks

// Line 4 of the 8259 as vector 0x24; each interrupt is a write to port 0x80, after which it waits again.
BEGIN interrupts
    movw    $0x24 * 4, %bx
    call    1f
1:  popw    %ax
    addw    $(3f - 1b), %ax
    movw    %ax, (%bx)
    movw    %cs, 2(%bx)
    movb    $0x11, %al
    outb    %al, $0x20
    movb    $0x20, %al
    outb    %al, $0x21
    movb    $0x04, %al
    outb    %al, $0x21
    movb    $0x01, %al
    outb    %al, $0x21
    movb    $0xef, %al
    outb    %al, $0x21
    outb    %al, $0x81
    sti
2:  hlt
    jmp     2b
3:  outb    %al, $0x80
    movb    $0x20, %al
    outb    %al, $0x20
    iretw
END interrupts

BEGIN time_stamp
    rdtsc
    hlt
END time_stamp

// Leaves nothing as it was: registers, segments, SSE, CR4, debug registers, model-specific registers.
BEGIN disorder
    movl    $0x200, %eax
    movl    %eax, %cr4
    movups  0x1000, %xmm0
    movw    $0x3000, %ax
    movw    %ax, %ds
    movw    %ax, %es
    movl    $0x176, %ecx
    movl    $0x12345678, %eax
    xorl    %edx, %edx
    wrmsr
    movl    $0xc0000082, %ecx
    wrmsr
    // KVM's clock page at 0x8000, as Linux asks for it.
    movl    $0x4b564d01, %ecx
    movl    $0x8001, %eax
    wrmsr
    movl    $0x4000, %eax
    movl    %eax, %dr0
    movl    $0x403, %eax
    movl    %eax, %dr7
    movl    $0x55555555, %esi
    movl    %esi, %edi
    movl    %esi, %ebp
    std
    hlt
END disorder

    .code64

// Eight bytes at once, and across pages, at 0xd0000000, where there is no RAM; and across the end of RAM at 0x100000.
BEGIN wide
    movabsq $0x1122334455667788, %rax
    movl    $0xd0000000, %ebx
    movq    %rax, (%rbx)
    movq    %rax, 0xffd(%rbx)
    movq    8(%rbx), %rcx
    movq    0xffb(%rbx), %rdx
    movq    %rax, 0xffffd
    movq    0xffffb, %rsi
    hlt
END wide

    .section .note.GNU-stack, "", @progbits
