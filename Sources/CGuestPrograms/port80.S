// The smallest loop of exits, in real mode: `out %al, $0x80`, the port that nobody answers. It is also the guest that
// `make bench` runs under Exeunt and its peers, so it is position-independent and finds its own way out on each:
// power-off on Exeunt, the debug exit device on QEMU, the keyboard controller's reset elsewhere.
//
// With a parameter block it takes its count from there; without one, from the immediate at offset 4 of the image,
// which the benchmark patches.
    .section .rodata, "a", @progbits
    .balign 16
    .globl exeunt_guest_port80
exeunt_guest_port80:
    .code16
    jmp     1f
    .balign 4, 0x90
    // Offset 4 is data: read with CS, since the load address is not known.
.Lcount:
    .long   200000
1:  cli
    call    2f
2:  popw    %bx
    movl    %cs:.Lcount - 2b(%bx), %ecx
    xorw    %ax, %ax
    movw    %ax, %ds
    cmpl    $0x4e584531, 0x7000
    jne     3f
    movl    0x7008, %ecx
3:  testl   %ecx, %ecx
    jz      5f
    movl    %ecx, %edx
4:  outb    %al, $0x80
    decl    %ecx
    jnz     4b
    movl    %edx, 0x7808
    movl    %edx, 0x7830
    movl    $0x54505245, 0x7800
5:  movw    $0x2000, %ax
    movw    $0x604, %dx
    outw    %ax, %dx
    xorw    %ax, %ax
    outb    %al, $0xf4
    movb    $0xfe, %al
    outb    %al, $0x64
6:  hlt
    jmp     6b
    .globl exeunt_guest_port80_end
exeunt_guest_port80_end:
    .section .note.GNU-stack, "", @progbits
