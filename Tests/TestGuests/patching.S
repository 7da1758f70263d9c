// A guest in 64-bit mode with two processors: the second, in real mode, calls a routine again and again that the first changes; the
// first finds what the routine returned at each call. Ends in good order, or with 1 where it was what it was before, with 2 where the
// second processor does not answer.
#include "guest.h"

#define LOCAL_APIC 0xfee00000
#define STARTED 0x8000
#define ROUTINE 0x9000
#define ASKED 0xa000
#define ANSWERED 0xa002
#define RESULT 0xa004
#define ROUNDS 300

    .code64

BEGIN patching
    movq    $0x7000, %rsp
    // The second processor's code, and mov $0, %ax; lret.
    movl    $(.Lpatching_second - exeunt_test_patching + LOAD), %esi
    movl    $STARTED, %edi
    movl    $0x40, %ecx
    rep movsb
    movl    $0xcb0000b8, ROUTINE
    movl    $0, ASKED
    // Enabled; INIT and start-up messages to all but oneself.
    movl    $LOCAL_APIC, %esi
    movl    $0x1ff, 0xf0(%rsi)
    movl    $0xc4500, 0x300(%rsi)
    movl    $1000000, %ecx
1:  pause
    loop    1b
    movl    $(0xc4600 | STARTED >> 12), 0x300(%rsi)
    movl    $1, %r12d
2:  movw    %r12w, ROUTINE + 1
    mfence
    movw    %r12w, ASKED
    movl    $2000000000, %ecx
3:  pause
    decl    %ecx
    jz      8f
    cmpw    %r12w, ANSWERED
    jne     3b
    cmpw    %r12w, RESULT
    jne     9f
    incl    %r12d
    cmpl    $ROUNDS, %r12d
    jb      2b
    POWER_OFF
9:  EXIT    $1
8:  EXIT    $2

    .code16
.Lpatching_second:
    xorw    %ax, %ax
    movw    %ax, %ds
    movw    %ax, %ss
    movw    $0x6000, %sp
    movw    %ax, ANSWERED
1:  pause
    movw    ASKED, %bx
    cmpw    ANSWERED, %bx
    je      1b
    lcall   $0, $ROUTINE
    movw    %ax, RESULT
    movw    %bx, ANSWERED
    jmp     1b
END patching
