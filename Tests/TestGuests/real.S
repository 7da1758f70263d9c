// Guests for whole machines, in real mode: CS is the load address, DS, ES and SS are 0, SP is 0x8000.
#include "guest.h"
#include "control.h"

    .code16

BEGIN spin
1:  jmp     1b
END spin

BEGIN halt
    cli
1:  hlt
    jmp     1b
END halt

// Resets the machine four times, counting in RAM that no reset clears, then powers off. What a reset restores is looked
// at each time: a scratch register, a serial register, the doorbell's count, and this image itself.
BEGIN resets
    movl    %cs:(5f - exeunt_test_resets), %eax
    cmpl    $0x600df00d, %eax
    jne     2f
    movw    $0x590, %dx
    inl     %dx, %eax
    testl   %eax, %eax
    jnz     2f
    movw    $PORT_SERIAL + 7, %dx
    inb     %dx, %al
    testb   %al, %al
    jnz     2f
    movw    $PORT_DOORBELL + 0x4c, %dx
    inl     %dx, %eax
    testl   %eax, %eax
    jnz     2f
    incl    0x9000
    cmpl    $5, 0x9000
    je      3f
    movl    $0xffffffff, %eax
    movw    $0x590, %dx
    outl    %eax, %dx
    movw    $PORT_SERIAL + 7, %dx
    outb    %al, %dx
    xorl    %eax, %eax
    movw    $PORT_DOORBELL, %dx
    outl    %eax, %dx
    movl    %eax, %cs:(5f - exeunt_test_resets)
    movw    $0x1000, %ax
    movw    %ax, %ds
    movl    $0, (5f - exeunt_test_resets)
    movw    %ax, %ss
    std
    movb    $0xfe, %al
    outb    %al, $PORT_RESET
    EXIT    $9
2:  EXIT    $1
3:  POWER_OFF
5:  .long   0x600df00d
END resets

// Kicks all sixteen queues and powers off in the same breath.
BEGIN kick_all
    xorl    %eax, %eax
    movw    $PORT_DOORBELL, %dx
2:  outl    %eax, %dx
    incl    %eax
    cmpl    $16, %eax
    jne     2b
    POWER_OFF
END kick_all

// Kicks queues that do not exist, and ends with the doorbell's count of errors.
BEGIN wrong_queues
    movw    $PORT_DOORBELL, %dx
    movl    $16, %eax
    outl    %eax, %dx
    movl    $17, %eax
    outl    %eax, %dx
    movl    $0xffffffff, %eax
    outl    %eax, %dx
    movl    $0x80000003, %eax
    outl    %eax, %dx
    movw    $PORT_DOORBELL + 0x0c, %dx
    inl     %dx, %eax
    outb    %al, $PORT_DEBUG_EXIT
1:  hlt
    jmp     1b
END wrong_queues

// Reads ports that nobody has, each of the three sizes, and a word half outside scratch0: all ones, or it says which.
BEGIN nobody
    movw    $0x1234, %dx
    xorl    %eax, %eax
    inb     %dx, %al
    cmpl    $0xff, %eax
    jne     2f
    inw     %dx, %ax
    cmpl    $0xffff, %eax
    jne     2f
    inl     %dx, %eax
    cmpl    $0xffffffff, %eax
    jne     2f
    outl    %eax, %dx
    movw    $0x596, %dx
    xorl    %eax, %eax
    inl     %dx, %eax
    cmpl    $0xffffffff, %eax
    jne     3f
    // A string of them.
    movw    $0x1234, %dx
    movw    $0x3000, %di
    movw    $8, %cx
    cld
    rep insw
    cmpl    $0xffffffff, 0x300c
    jne     4f
    POWER_OFF
2:  EXIT    $1
3:  EXIT    $2
4:  EXIT    $3
END nobody

// Sends back what the serial port receives, until a `q`: polling.
BEGIN echo_polling
2:  movw    $PORT_SERIAL + 5, %dx
    inb     %dx, %al
    testb   $1, %al
    jz      2b
    movw    $PORT_SERIAL, %dx
    inb     %dx, %al
    cmpb    $'q', %al
    je      3f
    outb    %al, %dx
    jmp     2b
3:  POWER_OFF
END echo_polling

// The same by interrupts of line 4 through the 8259, halted in between.
BEGIN echo_interrupts
    cli
    movw    $(4f - exeunt_test_echo_interrupts), 0x24 * 4
    movw    %cs, 0x24 * 4 + 2
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
    movw    $PORT_SERIAL + 4, %dx
    movb    $0x0b, %al
    outb    %al, %dx
    movw    $PORT_SERIAL + 1, %dx
    movb    $0x01, %al
    outb    %al, %dx
2:  sti
    hlt
    jmp     2b
4:  movw    $PORT_SERIAL + 5, %dx
    inb     %dx, %al
    testb   $1, %al
    jz      5f
    movw    $PORT_SERIAL, %dx
    inb     %dx, %al
    cmpb    $'q', %al
    je      3f
    outb    %al, %dx
    jmp     4b
5:  movb    $0x20, %al
    outb    %al, $0x20
    iretw
3:  POWER_OFF
END echo_interrupts

// Sends strings of 0xff00 bytes to the serial port for ever.
BEGIN serial_flood
    cld
2:  xorw    %si, %si
    movw    $0xff00, %cx
    movw    $PORT_SERIAL, %dx
    rep outsb
    jmp     2b
END serial_flood

// Resets the machine each time that the real-time clock's second changes, counting in RAM; powers off the tenth time.
BEGIN resets_slowly
    incl    0x9000
    cmpl    $10, 0x9000
    je      3f
    xorb    %al, %al
    outb    %al, $0x70
    inb     $0x71, %al
    movb    %al, %bl
2:  xorb    %al, %al
    outb    %al, $0x70
    inb     $0x71, %al
    cmpb    %al, %bl
    je      2b
    movb    $0xfe, %al
    outb    %al, $0x64
1:  jmp     1b
3:  POWER_OFF
END resets_slowly

// Checks the state in which real mode is entered.
BEGIN entry_real
    cmpw    $0x8000, %sp
    jne     2f
    movw    %cs, %ax
    cmpw    $0x1000, %ax
    jne     2f
    movw    %ds, %ax
    movw    %es, %bx
    orw     %bx, %ax
    movw    %ss, %bx
    orw     %bx, %ax
    jnz     2f
    pushfw
    popw    %ax
    testw   $0x200, %ax
    jnz     2f
    POWER_OFF
2:  EXIT    $1
END entry_real

    .set    RESULT, 0x3000

// Addresses of 16 bits, and of 32.
BEGIN media_control_real
    movl    %cr4, %eax
    orl     $0x200, %eax
    movl    %eax, %cr4
    movw    $0x4000, %bx
    movw    $0x5000, %bp
    movw    $0x0120, %si
    movw    $0xfff0, %di
    movl    $0x6200, %edx
    movw    $0x400, %ax
    movw    %ax, %es
    CONTROL 1, (%bx,%si)
    CONTROL 2, (%bx,%di)
    CONTROL 3, (%bp,%si)
    CONTROL 4, (%bp,%di)
    CONTROL 5, 0x4000(%si)
    CONTROL 6, 0x4800(%di)
    CONTROL 7, 8(%bp)
    CONTROL 8, -8(%bp)
    CONTROL 9, (%bx)
    CONTROL 10, 0x6000
    CONTROL 11, %es:(%si)
    CONTROL 12, (%edx)
    CONTROL 13, %es:4(%edx)
    EXIT    $9
8:  EXIT    $1
7:  EXIT    $2
END media_control_real

// Halts with interrupts on, of which there are none.
BEGIN idle
    sti
1:  hlt
    jmp     1b
END idle

    .section .note.GNU-stack, "", @progbits
