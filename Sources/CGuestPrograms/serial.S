// Each iteration writes a byte to the serial port: two userspace exits, the status read and the byte.
#include "prelude.h"

GUEST serial

#include "serial.h"

.Lmain:
    movl    ITERATIONS, %ecx
    call    .Lserial
    movl    ITERATIONS, %ecx
    COUNT   REPORT_ITERATIONS, %ecx
    jmp     .Lfinish

GUEST_END serial
