// Guests for whole machines, in 32-bit protected mode: flat segments, paging off, ESP 0x8000, EBX the parameter block.
#include "guest.h"
#include "control.h"

    .code32

BEGIN undefined
    ud2
END undefined

BEGIN vmcall
1:  vmcall
    jmp     1b
END vmcall

// Jumps to where there is neither RAM nor a device.
BEGIN nowhere
    movl    $0xe0000000, %eax
    jmp     *%eax
END nowhere

// Three breakpoints, counted by a handler; ends with the count, the handler having seen the address behind each.
BEGIN breakpoints
    movl    $0x20000, %edi
    // Vector 3: a 32-bit interrupt gate.
    movl    $((9f - exeunt_test_breakpoints) + LOAD), %eax
    movw    %ax, 0x20018
    movw    $0x08, 0x2001a
    movw    $0x8e00, 0x2001c
    shrl    $16, %eax
    movw    %ax, 0x2001e
    movw    $0xff, 0x21000
    movl    $0x20000, 0x21002
    lidt    0x21000
    xorl    %ecx, %ecx
    movl    $((2f - exeunt_test_breakpoints) + LOAD), %ebp
    int3
2:  movl    $((3f - exeunt_test_breakpoints) + LOAD), %ebp
    int3
3:  movl    $((4f - exeunt_test_breakpoints) + LOAD), %ebp
    int3
4:  movb    %cl, %al
    outb    %al, $PORT_DEBUG_EXIT
1:  hlt
    jmp     1b
9:  cmpl    %ebp, (%esp)
    jne     8f
    incl    %ecx
    // What iret does; KVM's emulator has it in real mode only.
    popl    %eax
    addl    $4, %esp
    popfl
    jmp     *%eax
8:  EXIT    $100
END breakpoints

// Touches 32 768 ports and 70 000 addresses that nobody has, each once, and one of each three times more.
BEGIN scan
    movl    $0x3000, %edx
2:  inb     %dx, %al
    incl    %edx
    cmpl    $0xb000, %edx
    jne     2b
    movl    $0xe0000000, %edx
    movl    $70000, %ecx
3:  movb    %al, (%edx)
    addl    $8, %edx
    decl    %ecx
    jnz     3b
    movl    $0x3000, %edx
    inb     %dx, %al
    inb     %dx, %al
    inb     %dx, %al
    movl    $0xe0000000, %edx
    movb    %al, (%edx)
    movb    %al, (%edx)
    movb    %al, (%edx)
    POWER_OFF
END scan

// Resets the machine six times while a second vCPU and this one kick doorbell queues, then powers off. Each time it looks
// whether state was restored: the local APIC's spurious vector, the doorbell, RAM above the image left alone.
BEGIN reset_under_load
    movl    $0xfee000f0, %esi
    cmpl    $0xff, (%esi)
    jne     8f
    movl    $PORT_DOORBELL + 0x40, %edx
    inl     %dx, %eax
    testl   %eax, %eax
    jnz     8f
    incl    0x30000
    cmpl    $7, 0x30000
    je      7f
    movl    $0x12345678, %eax
    outl    %eax, %dx
    // Real-mode code for the second vCPU at 0x8000: SIPI vector 8.
    movl    $((5f - exeunt_test_reset_under_load) + LOAD), %esi
    movl    $0x8000, %edi
    movl    $(6f - 5f), %ecx
1:  movb    (%esi), %al
    movb    %al, (%edi)
    incl    %esi
    incl    %edi
    decl    %ecx
    jnz     1b
    movl    $0, 0x30004
    movl    $0xfee00000, %esi
    movl    $0x1ff, 0xf0(%esi)
    movl    $0x01000000, 0x310(%esi)
    movl    $0x00004500, 0x300(%esi)
    movl    $0x01000000, 0x310(%esi)
    movl    $0x00004608, 0x300(%esi)
    // Until it runs: a number of looks, so that a second vCPU that never comes is told.
    movl    $2000000, %ecx
2:  cmpl    $0, 0x30004
    jne     3f
    decl    %ecx
    jnz     2b
    EXIT    $2
3:  movl    $40, %ecx
    movl    $PORT_DOORBELL, %edx
4:  movl    %ecx, %eax
    andl    $15, %eax
    outl    %eax, %dx
    decl    %ecx
    jnz     4b
    movb    $0xfe, %al
    outb    %al, $PORT_RESET
    EXIT    $3
8:  EXIT    $1
7:  POWER_OFF
    .code16
5:  movw    $0x3000, %ax
    movw    %ax, %ds
    movb    $1, 4
    movw    $PORT_DOORBELL, %dx
    xorl    %eax, %eax
1:  outl    %eax, %dx
    incl    %eax
    andl    $15, %eax
    jmp     1b
6:
    .code32
END reset_under_load

// Reads a word each 64 KiB of 64 MiB of RAM, over and over; says when it has begun.
BEGIN walk
    outb    %al, $0x80
1:  movl    $0x100000, %esi
2:  movl    (%esi), %eax
    addl    $0x10000, %esi
    cmpl    $0x4000000, %esi
    jne     2b
    jmp     1b
END walk

// Has the doorbell look at a ring at 32 MiB over and over.
BEGIN ring_walk
    movl    $PORT_DOORBELL + 0x40, %edx
    movl    $0x2000000, %eax
    outl    %eax, %dx
    addl    $8, %edx
    movl    $16, %eax
    outl    %eax, %dx
    outb    %al, $0x80
    xorl    %eax, %eax
    movl    $PORT_DOORBELL, %edx
1:  outl    %eax, %dx
    jmp     1b
END ring_walk

// Checks the state in which protected mode is entered, and loads the segments again.
BEGIN entry_protected
    cmpl    $0x8000, %esp
    jne     8f
    cmpl    $0x7000, %ebx
    jne     8f
    movl    %cs, %eax
    cmpl    $0x08, %eax
    jne     8f
    movl    %ds, %eax
    cmpl    $0x10, %eax
    jne     8f
    movl    %cr0, %eax
    testl   $0x80000000, %eax
    jnz     8f
    movl    $0x10, %eax
    movl    %eax, %ds
    movl    %eax, %es
    movl    %eax, %ss
    ljmp    $0x08, $((1f - exeunt_test_entry_protected) + LOAD)
1:  POWER_OFF
8:  EXIT    $1
END entry_protected

// The real-time clock's interrupts through line 8, counted by a handler that reads register C:
//
// 0x30000 periodic, 0x30004 alarm, 0x30008 update-ended flags; 0x3000c interrupts without any; 0x30010 interrupts that
// came while the handler did not read register C; 0x30014 ticks of the power management timer that the periodic ones took.
#define CLOCK_VECTOR 0x28
.macro CLOCK_WRITE register, value
    movb    \register, %al
    outb    %al, $0x70
    movb    \value, %al
    outb    %al, $0x71
.endm
.macro CLOCK_READ register
    movb    \register, %al
    outb    %al, $0x70
    inb     $0x71, %al
.endm
// Waits with interrupts on, for so many ticks of the timer at port 0x608.
.macro WAIT ticks
    movl    $0x608, %edx
    inl     %dx, %eax
    movl    %eax, %ebx
    sti
1:  inl     %dx, %eax
    subl    %ebx, %eax
    andl    $0xffffff, %eax
    cmpl    $\ticks, %eax
    jb      1b
    cli
.endm
BEGIN clock_interrupts
    movl    $((9f - exeunt_test_clock_interrupts) + LOAD), %eax
    movw    %ax, 0x20000 + CLOCK_VECTOR * 8
    movw    $0x08, 0x20002 + CLOCK_VECTOR * 8
    movw    $0x8e00, 0x20004 + CLOCK_VECTOR * 8
    shrl    $16, %eax
    movw    %ax, 0x20006 + CLOCK_VECTOR * 8
    movw    $0x3ff, 0x21000
    movl    $0x20000, 0x21002
    lidt    0x21000
    movl    $0x30000, %edi
    movl    $16, %ecx
2:  movl    $0, (%edi)
    addl    $4, %edi
    decl    %ecx
    jnz     2b
    movl    $0x10000, 0xfee00350
    movl    $0x12f, 0xfee000f0
    movl    $(0x10 + 2 * 8 + 1), 0xfec00000
    movl    0xfee00020, %eax
    movl    %eax, 0xfec00010
    movl    $(0x10 + 2 * 8), 0xfec00000
    movl    $CLOCK_VECTOR, 0xfec00010

    // 1024 times a second, a hundred times.
    CLOCK_WRITE $0x0a, $0x26
    CLOCK_READ $0x0c
    movl    $0x608, %edx
    inl     %dx, %eax
    movl    %eax, %ebp
    CLOCK_WRITE $0x0b, $0x42
3:  sti
    hlt
    cli
    cmpl    $100, 0x30000
    jb      3b
    movl    $0x608, %edx
    inl     %dx, %eax
    subl    %ebp, %eax
    andl    $0xffffff, %eax
    movl    %eax, 0x30014
    CLOCK_WRITE $0x0b, $0x02
    WAIT    35795

    // 8192 times a second for 50 ms, without anybody who reads register C.
    CLOCK_WRITE $0x0a, $0x23
    CLOCK_READ $0x0c
    movl    $1, 0x30020
    CLOCK_WRITE $0x0b, $0x42
    WAIT    178977
    CLOCK_READ $0x0c
    cmpb    $0xf0, %al
    je      4f
    cmpb    $0xc0, %al
    je      4f
    cmpb    $0xd0, %al
    jne     8f
4:  CLOCK_WRITE $0x0b, $0x02
    WAIT    35795
    movl    $0, 0x30020

    // 23:59:58; an alarm at the 59th second of any minute, half a second later; two updates.
    CLOCK_WRITE $0x0b, $0x82
    CLOCK_WRITE $0x0a, $0x70
    CLOCK_WRITE $0x00, $0x58
    CLOCK_WRITE $0x02, $0x59
    CLOCK_WRITE $0x04, $0x23
    CLOCK_WRITE $0x01, $0x59
    CLOCK_WRITE $0x03, $0xc0
    CLOCK_WRITE $0x05, $0xff
    CLOCK_READ $0x0c
    // Seconds may have ended before, whose flags came along with the periodic ones.
    movl    $0, 0x30004
    movl    $0, 0x30008
    CLOCK_WRITE $0x0b, $0x32
    CLOCK_WRITE $0x0a, $0x20
5:  sti
    hlt
    cli
    cmpl    $2, 0x30008
    jb      5b
    CLOCK_WRITE $0x0b, $0x02
    CLOCK_READ $0x04
    testb   %al, %al
    jnz     7f
    CLOCK_READ $0x02
    testb   %al, %al
    jnz     7f
    POWER_OFF
8:  outb    %al, $PORT_DEBUG_EXIT
7:  EXIT    $2

9:  pushl   %eax
    cmpl    $0, 0x30020
    jne     6f
    // The index is the guest's own; interrupts are on only where it does not matter.
    CLOCK_READ $0x0c
    testb   $0x80, %al
    jnz     1f
    incl    0x3000c
    jmp     7f
1:  testb   $0x40, %al
    jz      2f
    incl    0x30000
2:  testb   $0x20, %al
    jz      3f
    incl    0x30004
3:  testb   $0x10, %al
    jz      7f
    incl    0x30008
    jmp     7f
6:  incl    0x30010
7:  movl    $0, 0xfee000b0
    // What iret does; KVM's emulator has it in real mode only.
    movl    4(%esp), %eax
    xchgl   12(%esp), %eax
    movl    %eax, 8(%esp)
    popl    %eax
    addl    $4, %esp
    popfl
    ret
END clock_interrupts

// Has the entropy device answer 64 requests of 4 KiB at a time, 200 times. Once there are bytes in the first buffer, when the device
// is at work on the others, it reads a register until all are there. The register's address is in the first instruction, behind its first byte.
#define ENTROPY 0xd0110000
#define DESCRIPTORS 0x30000
#define AVAILABLE 0x31000
#define USED 0x32000
#define BUFFERS 0x100000
BEGIN lock_contention
    movl    $(ENTROPY + 0x70), %esi
    movl    $ENTROPY, %edi
    movl    $0, 0x70(%edi)
    movl    $1, 0x70(%edi)
    movl    $3, 0x70(%edi)
    // VIRTIO_F_VERSION_1, bit 32, and nothing else.
    movl    $0, 0x24(%edi)
    movl    $0, 0x20(%edi)
    movl    $1, 0x24(%edi)
    movl    $1, 0x20(%edi)
    movl    $0x0b, 0x70(%edi)
    movl    $0, 0x30(%edi)
    movl    $64, 0x38(%edi)
    movl    $DESCRIPTORS, 0x80(%edi)
    movl    $0, 0x84(%edi)
    movl    $AVAILABLE, 0x90(%edi)
    movl    $0, 0x94(%edi)
    movl    $USED, 0xa0(%edi)
    movl    $0, 0xa4(%edi)
    movl    $1, 0x44(%edi)
    movl    $0x0f, 0x70(%edi)
    // No interrupts; each request is one buffer that the device writes, and the ring is as it stays.
    movl    $1, AVAILABLE
    xorl    %ecx, %ecx
    movl    $DESCRIPTORS, %ebx
    movl    $BUFFERS, %edx
1:  movl    %edx, (%ebx)
    movl    $0, 4(%ebx)
    movl    $4096, 8(%ebx)
    movl    $2, 12(%ebx)
    movw    %cx, AVAILABLE + 4(, %ecx, 2)
    addl    $16, %ebx
    addl    $4096, %edx
    incl    %ecx
    cmpl    $64, %ecx
    jne     1b
    movl    $0, USED
    movl    $200, %ebp
2:  addl    $64, %ecx
    leal    -64(%ecx), %eax
    movl    $0, BUFFERS
    movw    %ax, AVAILABLE + 2
    movl    $0, 0x50(%edi)
3:  movw    USED + 2, %dx
    cmpw    %dx, %ax
    je      4f
    cmpl    $0, BUFFERS
    je      3b
4:  movl    (%esi), %edx
    movw    USED + 2, %dx
    cmpw    %dx, %ax
    jne     4b
    decl    %ebp
    jnz     2b
    POWER_OFF
END lock_contention

    .set    RESULT, 0x38000

// Addresses of 32 bits, and of 16.
BEGIN media_control_protected
    movl    %cr4, %eax
    orl     $0x200, %eax
    movl    %eax, %cr4
    movl    $0x32000, %eax
    movl    $0x40, %ecx
    movl    $0x33000, %ebx
    movl    $0x33800, %ebp
    movl    $0x34000, %esi
    movl    $0x6100, %edi
    CONTROL 1, (%eax)
    CONTROL 2, 8(%ebx)
    CONTROL 3, -8(%ebp)
    CONTROL 4, (%esp)
    CONTROL 5, 0x12345(%esp,%ecx,2)
    CONTROL 6, 0x30000(,%ecx,8)
    CONTROL 7, 0x30000
    CONTROL 8, %gs:(%ebp,%ecx)
    CONTROL 9, (%di)
    CONTROL 10, 4(%si)
    EXIT    $9
8:  EXIT    $1
7:  EXIT    $2
END media_control_protected

    .section .note.GNU-stack, "", @progbits
