// The 8259s and the 8254, in real mode, as kernels use them. What is read from them goes to the serial port, and what depends on
// time does not: the test knows every byte.
#include "guest.h"

    .code16

    .set    TICKS, 0x9000
    .set    ENDS, 0x9001
    .set    CLOCKS, 0x9002
    .set    SERVED, 0x9003

.macro OUT value, port
    movb    $\value, %al
    outb    %al, $\port
.endm

.macro OUTX value, port
    movw    $\port, %dx
    movb    $\value, %al
    outb    %al, %dx
.endm

.macro PUT
    call    .Lcontrollers_put
.endm

// Reads a port and tells what it said, but for bits that are left out.
.macro TELL port, mask=0xff
    inb     $\port, %al
    andb    $\mask, %al
    PUT
.endm

// Both controllers, with a fourth word, and all lines masked.
.macro INITIALIZE mode
    OUT     0x11, 0x20
    OUT     0x20, 0x21
    OUT     0x04, 0x21
    OUT     \mode, 0x21
    OUT     0x11, 0xa0
    OUT     0x28, 0xa1
    OUT     0x02, 0xa1
    OUT     \mode, 0xa1
    OUT     0xff, 0x21
    OUT     0xff, 0xa1
.endm

// Sleeps until a counter has come so far.
.macro AWAIT counter, value
1:  cli
    cmpb    $\value, \counter
    jae     2f
    sti
    hlt
    jmp     1b
2:
.endm

BEGIN controllers
    cli
    movw    $(.Lcontrollers_tick - exeunt_test_controllers), 0x20 * 4
    movw    %cs, 0x20 * 4 + 2
    movw    $(.Lcontrollers_clock - exeunt_test_controllers), 0x28 * 4
    movw    %cs, 0x28 * 4 + 2
    movl    $0, TICKS
    movw    $0, SERVED

    INITIALIZE 0x01
    TELL    0x21
    TELL    0xa1
    // Which lines may be level-triggered.
    OUTX    0xff, 0x4d0
    inb     %dx, %al
    PUT
    OUTX    0xff, 0x4d1
    inb     %dx, %al
    PUT
    OUTX    0, 0x4d0
    OUTX    0, 0x4d1

    // A count to its end is asked for at the first line, masked, and found there by a poll.
    OUT     0x30, 0x43
    OUT     100, 0x40
    OUT     0, 0x40
    OUT     0x0a, 0x20
1:  inb     $0x20, %al
    testb   $0x01, %al
    jz      1b
    OUT     0x0c, 0x20
    TELL    0x20
    OUT     0xfe, 0x21
    OUT     0x0c, 0x20
    TELL    0x20
    OUT     0x60, 0x20
    OUT     0x0a, 0x20
    TELL    0x20, 0x01
    OUT     0x0c, 0x20
    TELL    0x20

    // A thousand times a second, each ended by its handler, which has seen the line in service.
    movb    $1, ENDS
    OUT     0x34, 0x43
    OUT     0xa9, 0x40
    OUT     0x04, 0x40
    AWAIT   TICKS, 5
    OUT     0xff, 0x21
    movb    SERVED, %al
    PUT
    OUT     0x0b, 0x20
    TELL    0x20

    // Not ended by anybody.
    INITIALIZE 0x03
    movw    $0, TICKS
    OUT     0xfe, 0x21
    AWAIT   TICKS, 3
    OUT     0xff, 0x21
    movb    SERVED, %al
    PUT
    // The timer is left with nothing to come.
    OUT     0x30, 0x43

    // The real-time clock, by way of the second controller.
    INITIALIZE 0x01
    movb    $1, ENDS
    OUT     0xfb, 0x21
    OUT     0xfe, 0xa1
    OUT     0x0a, 0x70
    OUT     0x26, 0x71
    OUT     0x0b, 0x70
    OUT     0x42, 0x71
    AWAIT   CLOCKS, 3
    OUT     0x0b, 0x70
    OUT     0x02, 0x71
    movb    SERVED, %al
    PUT
    movb    SERVED + 1, %al
    PUT

    // The third counter, by its gate and its output, as clocks are measured with.
    OUT     0x00, 0x61
    OUT     0xb0, 0x43
    OUT     0x88, 0x42
    OUT     0x13, 0x42
    OUT     0x01, 0x61
1:  inb     $0x61, %al
    testb   $0x20, %al
    jz      1b
    andb    $0x23, %al
    PUT
    // Its status, and status and count at once.
    OUT     0xe8, 0x43
    TELL    0x42, 0xbf
    OUT     0xc8, 0x43
    TELL    0x42, 0xbf
    inb     $0x42, %al
    inb     $0x42, %al
    // Decimal, mode 3, the high byte alone.
    OUT     0xa7, 0x43
    OUT     0x10, 0x42
    OUT     0xe8, 0x43
    TELL    0x42, 0x3f
    // The second word of mode 2 again: its highest bit says nothing.
    OUT     0xbc, 0x43
    OUT     0x00, 0x42
    OUT     0x00, 0x42
    OUT     0xe8, 0x43
    inb     $0x42, %al
    andb    $0x37, %al
    PUT
    POWER_OFF

.Lcontrollers_put:
    movw    $PORT_SERIAL, %dx
    outb    %al, %dx
    ret

.Lcontrollers_tick:
    pushw   %ax
    OUT     0x0b, 0x20
    inb     $0x20, %al
    movb    %al, SERVED
    incb    TICKS
    cmpb    $0, ENDS
    je      1f
    OUT     0x20, 0x20
1:  popw    %ax
    iretw

.Lcontrollers_clock:
    pushw   %ax
    OUT     0x0b, 0x20
    inb     $0x20, %al
    movb    %al, SERVED
    OUT     0x0b, 0xa0
    inb     $0xa0, %al
    movb    %al, SERVED + 1
    OUT     0x0c, 0x70
    inb     $0x71, %al
    incb    CLOCKS
    OUT     0x20, 0xa0
    OUT     0x20, 0x20
    popw    %ax
    iretw
END controllers
