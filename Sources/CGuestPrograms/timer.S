// Each iteration sets the local APIC's timer and halts until it fires: HLT inside KVM, a wakeup, no userspace exit.
#include "prelude.h"

GUEST timer

#include "timer.h"

.Lmain:
    testl   $FLAG_INTERRUPT_CONTROLLER, FLAGS
    jz      .Lfail_parameters
    call    .Lapic_enable
    lidt    AT(.Lidt_register)
    movl    ITERATIONS, %ecx
    movl    PARAMETER, %eax
    call    .Ltimer
    movl    ITERATIONS, %ecx
    COUNT   REPORT_ITERATIONS, %ecx
    jmp     .Lfinish

GUEST_END timer
