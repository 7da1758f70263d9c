// Exits by port I/O and by memory-mapped I/O: write a value to the scratch device's first register and read it back.
#pragma once

// One loop of the given access size. ecx: iterations (not 0).
// The register is spoiled between the write and the read, so that a read that delivers nothing is noticed.
.macro SCRATCH_PORT_LOOP out, in, value, result
    movl    $PORT_SCRATCH, %edx
    movl    $0x9e3779b9, %ebx
1:  movl    %ebx, %eax
    \out    \result, %dx
    notl    %eax
    \in     %dx, \result
    cmp     \value, \result
    jne     .Lfail_wrong_value
    SPACE
    addl    $0x9e3779b9, %ebx
    decl    %ecx
    jnz     1b
    ret
.endm

.macro SCRATCH_MEMORY_LOOP value, result
    movl    $SCRATCH_WINDOW, %edi
    movl    $0x9e3779b9, %ebx
1:  mov     \value, (%edi)
    mov     (%edi), \result
    cmp     \value, \result
    jne     .Lfail_wrong_value
    SPACE
    addl    $0x9e3779b9, %ebx
    decl    %ecx
    jnz     1b
    ret
.endm

// ecx: iterations (not 0); eax: bytes per access, 1, 2 or 4. Counts two port accesses an iteration.
.Lscratch_ports:
    COUNT   REPORT_PORT_ACCESSES, %ecx
    COUNT   REPORT_PORT_ACCESSES, %ecx
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

// ecx: iterations (not 0); eax: bytes per access, 1, 2 or 4. Counts two memory-mapped accesses an iteration.
.Lscratch_memory:
    COUNT   REPORT_MEMORY_ACCESSES, %ecx
    COUNT   REPORT_MEMORY_ACCESSES, %ecx
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
