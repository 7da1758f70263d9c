// Serial output byte by byte, as a driver without a FIFO does it: wait until the transmitter is free, write the byte.
#pragma once

#define SERIAL_LINE_STATUS (PORT_SERIAL + 5)
#define SERIAL_TRANSMITTER_FREE 0x20

.Lserial_text:
    .ascii  "They have their exits and their entrances\n"
.Lserial_text_end:

// ecx: bytes of the text to write, over and over (not 0). Counts the accesses that it made.
.Lserial:
    movl    $AT(.Lserial_text), %esi
1:  movl    $SERIAL_LINE_STATUS, %edx
2:  COUNT   REPORT_PORT_ACCESSES, $1
    inb     %dx, %al
    testb   $SERIAL_TRANSMITTER_FREE, %al
    jz      2b
    movb    (%esi), %al
    movl    $PORT_SERIAL, %edx
    outb    %al, %dx
    COUNT   REPORT_PORT_ACCESSES, $1
    incl    %esi
    cmpl    $AT(.Lserial_text_end), %esi
    jne     3f
    movl    $AT(.Lserial_text), %esi
3:  SPACE
    decl    %ecx
    jnz     1b
    ret
