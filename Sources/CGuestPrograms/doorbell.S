// Each iteration posts a request with a time stamp in queue 0's ring and kicks the doorbell; after every `batch` of them
// it waits for completion, by polling the ring or halted until the interrupt. Then the same with the next doorbell.
#include "prelude.h"

GUEST doorbell

#include "doorbell.h"

    .balign 4
.Ldoorbells_left:
    .long   0

.Lmain:
    movl    FLAGS, %eax
    shrl    $FLAGS_DOORBELLS_SHIFT, %eax
    andl    $FLAGS_DOORBELLS_MASK, %eax
    movl    %eax, AT(.Ldoorbells_left)
.Lone_doorbell:
    call    .Ldoorbell_identify
    xorl    %edi, %edi
    call    .Ldoorbell_open
    movl    ITERATIONS, %ecx
    testl   $FLAG_INTERRUPTS, FLAGS
    jnz     1f
    movl    PARAMETER, %eax
    call    .Ldoorbell_polled
    jmp     2f
1:  testl   $FLAG_INTERRUPT_CONTROLLER, FLAGS
    jz      .Lfail_parameters
    call    .Linterrupts_enable
    call    .Lwatchdog_start
    movl    PARAMETER, %eax
    call    .Ldoorbell_interrupted
    call    .Lwatchdog_stop
2:  call    .Ldoorbell_close
    call    .Ldoorbell_errors
    movl    $7, %ecx
    call    .Ldoorbell_count
    movl    ITERATIONS, %ecx
    COUNT   REPORT_KICKS, %ecx
    COUNT   REPORT_COMPLETIONS, %ecx
    COUNT   REPORT_ITERATIONS, %ecx
    call    .Ldoorbell_next
    decl    AT(.Ldoorbells_left)
    jns     .Lone_doorbell
    movl    AT(.Ldoorbell_interrupts), %eax
    COUNT   REPORT_INTERRUPTS, %eax
    jmp     .Lfinish

GUEST_END doorbell
