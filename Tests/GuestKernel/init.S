/* The first and only program of the guest kernel's ramdisk: says a word on the console and switches the machine off.
   Where the host lacks hardware virtualization, a guest's programs cannot call their kernel (SYSCALL faults): the
   kernel then has no first program and panics, which with panic=-1 on its command line resets the machine. */
    .global _start
_start:
    mov $1, %eax                /* write(1, greeting, length) */
    mov $1, %edi
    lea greeting(%rip), %rsi
    mov $(end - greeting), %edx
    syscall
    mov $162, %eax              /* sync() */
    syscall
    mov $169, %eax              /* reboot(LINUX_REBOOT_MAGIC1, MAGIC2, LINUX_REBOOT_CMD_RESTART) */
    mov $0xfee1dead, %edi
    mov $672274793, %esi
    mov $0x01234567, %edx
    syscall
1:  pause
    jmp 1b

    .section .rodata
greeting:
    .ascii "init: a program runs\n"
end:
    .section .note.GNU-stack, "", @progbits
