// Exits by port I/O and by memory-mapped I/O: write values to the scratch device's first register and read the last one back.
#pragma once

// One loop of the given access size. ecx: iterations (not 0); esi: writes in each (not 0).
// The register is spoiled between the last write and the read, so that a read that delivers nothing is noticed, and each
// write is of another value, so that one that comes too late, or too early, is.
.macro SCRATCH_PORT_LOOP out, in, value, result
    movl    $PORT_SCRATCH, %edx
    movl    $0x9e3779b9, %ebx
    movl    %esi, %ebp
1:  movl    %ebx, %eax
    \out    \result, %dx
    decl    %ebp
    jnz     3f
    notl    %eax
    \in     %dx, \result
    cmp     \value, \result
    jne     .Lfail_wrong_value
    movl    %esi, %ebp
    SPACE
    addl    $0x9e3779b9, %ebx
    decl    %ecx
    jnz     1b
    ret
3:  addl    $0x9e3779b9, %ebx
    jmp     1b
.endm

.macro SCRATCH_MEMORY_LOOP value, result
    movl    $SCRATCH_WINDOW, %edi
    movl    $0x9e3779b9, %ebx
    movl    %esi, %ebp
1:  mov     \value, (%edi)
    decl    %ebp
    jnz     3f
    mov     (%edi), \result
    cmp     \value, \result
    jne     .Lfail_wrong_value
    movl    %esi, %ebp
    SPACE
    addl    $0x9e3779b9, %ebx
    decl    %ecx
    jnz     1b
    ret
3:  addl    $0x9e3779b9, %ebx
    jmp     1b
.endm

// Counts ecx times esi writes, and ecx reads. Changes edx, ebp.
.macro SCRATCH_COUNT field
    movl    %eax, %ebp
    movl    %esi, %eax
    incl    %eax
    mull    %ecx
    addl    %eax, \field
    adcl    %edx, \field + 4
    movl    %ebp, %eax
.endm

// ecx: iterations (not 0); eax: bytes per access, 1, 2 or 4; esi: writes before each read (not 0).
.Lscratch_ports:
    SCRATCH_COUNT REPORT_PORT_ACCESSES
    cmpl    $4, %eax
    je      .Lscratch_ports_4
    cmpl    $2, %eax
    je      .Lscratch_ports_2
    cmpl    $1, %eax
    jne     .Lfail_parameters
    SCRATCH_PORT_LOOP outb, inb, %bl, %al
.Lscratch_ports_2:
    SCRATCH_PORT_LOOP outw, inw, %bx, %ax
.Lscratch_ports_4:
    SCRATCH_PORT_LOOP outl, inl, %ebx, %eax

// ecx: iterations (not 0); eax: bytes per access, 1, 2 or 4; esi: writes before each read (not 0).
.Lscratch_memory:
    SCRATCH_COUNT REPORT_MEMORY_ACCESSES
    cmpl    $4, %eax
    je      .Lscratch_memory_4
    cmpl    $2, %eax
    je      .Lscratch_memory_2
    cmpl    $1, %eax
    jne     .Lfail_parameters
    SCRATCH_MEMORY_LOOP %bl, %al
.Lscratch_memory_2:
    SCRATCH_MEMORY_LOOP %bx, %ax
.Lscratch_memory_4:
    SCRATCH_MEMORY_LOOP %ebx, %eax

// The size and the writes of the guests that have both in their parameter, in eax and esi.
.Lscratch_parameters:
    movzwl  PARAMETER, %eax
    movzwl  PARAMETER + 2, %esi
    testl   %esi, %esi
    jz      .Lfail_parameters
    ret
