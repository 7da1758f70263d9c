// Each iteration executes CPUID and RDMSR, which KVM answers itself: the VMM never sees them.
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
