// Each iteration writes the scratch register through its port, once or several times, and reads it back: a userspace exit each.
#include "prelude.h"

GUEST port_io

#include "scratch.h"

.Lmain:
    call    .Lscratch_parameters
    movl    ITERATIONS, %ecx
    call    .Lscratch_ports
    movl    ITERATIONS, %ecx
    COUNT   REPORT_ITERATIONS, %ecx
    jmp     .Lfinish

GUEST_END port_io
