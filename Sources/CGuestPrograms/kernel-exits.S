// Each iteration executes CPUID and RDMSR: two exits that KVM handles itself and the VMM never sees.
#include "prelude.h"

GUEST kernel_exits

#include "kernel-exits.h"

.Lmain:
    movl    ITERATIONS, %ecx
    call    .Lkernel_exits
    movl    ITERATIONS, %ecx
    COUNT   REPORT_ITERATIONS, %ecx
    jmp     .Lfinish

GUEST_END kernel_exits
