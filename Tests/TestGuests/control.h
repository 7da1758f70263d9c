// For guests that try what is done for KVM's emulator where that lacks an instruction.
#pragma once

// Sets MXCSR from memory and reads it back to where it came from, with one form of operand after the other. What is meant by a
// form is what mov means by it.
.macro CONTROL number, form:vararg
    movl    $(0x1f80 + \number), \form
    ldmxcsr \form
    movl    $0, RESULT
    stmxcsr RESULT
    cmpl    $(0x1f80 + \number), RESULT
    jne     8f
    movl    $0, \form
    stmxcsr \form
    cmpl    $(0x1f80 + \number), \form
    jne     7f
.endm
