// Each iteration writes the scratch register through its memory window, once or several times, and reads it back: a userspace
// exit each.
#include "prelude.h"

GUEST mmio

#include "scratch.h"

.Lmain:
    call    .Lscratch_parameters
    movl    ITERATIONS, %ecx
    call    .Lscratch_memory
    movl    ITERATIONS, %ecx
    COUNT   REPORT_ITERATIONS, %ecx
    jmp     .Lfinish

GUEST_END mmio
