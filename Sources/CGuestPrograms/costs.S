// Two planted costs, each of which can be left out: an iteration polls a port that no device claims, `polls` times, and
// then writes `writes` bytes to the serial port without asking whether the transmitter is free.
#include "prelude.h"

GUEST costs

#define PORT_STATUS 0x1f7
// The parameter is the number of polls in its low half and the number of bytes in its high half.
#define POLLS PARAMETER
#define WRITES (PARAMETER + 2)

.Ltext:
    .ascii  "They have their exits and their entrances\n"
.Ltext_end:

.Lmain:
    movl    ITERATIONS, %ebx
    movl    $AT(.Ltext), %esi
    movzwl  POLLS, %ebp
    movzwl  WRITES, %edi
1:  movl    %ebp, %ecx
    testl   %ecx, %ecx
    jz      3f
    movl    $PORT_STATUS, %edx
2:  inb     %dx, %al
    decl    %ecx
    jnz     2b
3:  movl    %edi, %ecx
    testl   %ecx, %ecx
    jz      6f
    movl    $PORT_SERIAL, %edx
4:  movb    (%esi), %al
    outb    %al, %dx
    incl    %esi
    cmpl    $AT(.Ltext_end), %esi
    jne     5f
    movl    $AT(.Ltext), %esi
5:  decl    %ecx
    jnz     4b
6:  SPACE
    decl    %ebx
    jnz     1b
    movl    ITERATIONS, %ecx
    COUNT   REPORT_ITERATIONS, %ecx
    leal    (%ebp, %edi), %eax
    mull    ITERATIONS
    addl    %eax, REPORT_PORT_ACCESSES
    adcl    %edx, REPORT_PORT_ACCESSES + 4
    jmp     .Lfinish

GUEST_END costs
