// Each iteration writes the scratch register through its port and reads it back: two userspace exits.
#include "prelude.h"

GUEST port_io

#include "scratch.h"

.Lmain:
    movl    ITERATIONS, %ecx
    movl    PARAMETER, %eax
    call    .Lscratch_ports
    movl    ITERATIONS, %ecx
    COUNT   REPORT_ITERATIONS, %ecx
    jmp     .Lfinish

GUEST_END port_io
