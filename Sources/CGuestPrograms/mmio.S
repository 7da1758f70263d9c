// Each iteration writes the scratch register through its memory window and reads it back: two userspace exits.
#include "prelude.h"

GUEST mmio

#include "scratch.h"

.Lmain:
    movl    ITERATIONS, %ecx
    movl    PARAMETER, %eax
    call    .Lscratch_memory
    movl    ITERATIONS, %ecx
    COUNT   REPORT_ITERATIONS, %ecx
    jmp     .Lfinish

GUEST_END mmio
