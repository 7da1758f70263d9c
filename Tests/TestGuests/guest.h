// Guests for tests: flat images that lie in the test program's read-only data and run at LOAD (docs/guest-abi.md).
#pragma once

#define LOAD 0x10000

#define PORT_DEBUG_EXIT 0xf4
#define PORT_SERIAL 0x3f8
#define PORT_POWER 0x604
#define PORT_DOORBELL 0xd00
#define PORT_RESET 0x64

    .section .rodata, "a", @progbits

.macro BEGIN name
    .balign 16
    .globl exeunt_test_\name
exeunt_test_\name:
.endm

.macro END name
    .globl exeunt_test_\name\()_end
exeunt_test_\name\()_end:
.endm

// Ends the run in good order. 16-bit and 32-bit code alike.
.macro POWER_OFF
    movw    $0x2000, %ax
    movw    $PORT_POWER, %dx
    outw    %ax, %dx
1:  hlt
    jmp     1b
.endm

// Ends the run with a code; the exit status is (code << 1) | 1.
.macro EXIT code
    movb    \code, %al
    outb    %al, $PORT_DEBUG_EXIT
1:  hlt
    jmp     1b
.endm
