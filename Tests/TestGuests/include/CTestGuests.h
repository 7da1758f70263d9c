// Guests for tests: where each begins in this program's read-only data and how long it is.
#ifndef CTESTGUESTS_H
#define CTESTGUESTS_H

struct exeunt_test_image {
    const void *bytes;
    unsigned long length;
};

#define EXEUNT_TEST_IMAGE(name)                                                                                \
    extern const unsigned char exeunt_test_##name[];                                                           \
    extern const unsigned char exeunt_test_##name##_end[];                                                     \
    static inline struct exeunt_test_image exeunt_test_image_##name(void) {                                    \
        return (struct exeunt_test_image){                                                                     \
            exeunt_test_##name, (unsigned long)(exeunt_test_##name##_end - exeunt_test_##name)};               \
    }

// Opens a pseudo-terminal, whose functions Swift's Glibc module hides. The result is the master's descriptor, or -1.
int exeunt_test_open_terminal(int *other_side);

// For a bare vCPU.
EXEUNT_TEST_IMAGE(ports)
EXEUNT_TEST_IMAGE(strings)
EXEUNT_TEST_IMAGE(memory)
EXEUNT_TEST_IMAGE(kicks)
EXEUNT_TEST_IMAGE(interrupts)
EXEUNT_TEST_IMAGE(time_stamp)
EXEUNT_TEST_IMAGE(disorder)
EXEUNT_TEST_IMAGE(wide)

// For a machine, in real mode.
EXEUNT_TEST_IMAGE(spin)
EXEUNT_TEST_IMAGE(halt)
EXEUNT_TEST_IMAGE(resets)
EXEUNT_TEST_IMAGE(resets_slowly)
EXEUNT_TEST_IMAGE(kick_all)
EXEUNT_TEST_IMAGE(wrong_queues)
EXEUNT_TEST_IMAGE(nobody)
EXEUNT_TEST_IMAGE(echo_polling)
EXEUNT_TEST_IMAGE(echo_interrupts)
EXEUNT_TEST_IMAGE(serial_flood)
EXEUNT_TEST_IMAGE(entry_real)
EXEUNT_TEST_IMAGE(media_control_real)
EXEUNT_TEST_IMAGE(idle)
EXEUNT_TEST_IMAGE(controllers)

// In protected mode.
EXEUNT_TEST_IMAGE(undefined)
EXEUNT_TEST_IMAGE(vmcall)
EXEUNT_TEST_IMAGE(nowhere)
EXEUNT_TEST_IMAGE(breakpoints)
EXEUNT_TEST_IMAGE(scan)
EXEUNT_TEST_IMAGE(reset_under_load)
EXEUNT_TEST_IMAGE(walk)
EXEUNT_TEST_IMAGE(ring_walk)
EXEUNT_TEST_IMAGE(entry_protected)
EXEUNT_TEST_IMAGE(clock_interrupts)
EXEUNT_TEST_IMAGE(lock_contention)
EXEUNT_TEST_IMAGE(media_control_protected)
EXEUNT_TEST_IMAGE(exceptions_protected)
EXEUNT_TEST_IMAGE(two_processors_one_crashes)

// In 64-bit mode.
EXEUNT_TEST_IMAGE(hole)
EXEUNT_TEST_IMAGE(paging)
EXEUNT_TEST_IMAGE(patching)
EXEUNT_TEST_IMAGE(entry_long)
EXEUNT_TEST_IMAGE(unmapped)
EXEUNT_TEST_IMAGE(mended)
EXEUNT_TEST_IMAGE(task_priority)
EXEUNT_TEST_IMAGE(media_control)
EXEUNT_TEST_IMAGE(crash_twice)
EXEUNT_TEST_IMAGE(exceptions_long)

// Multiboot kernels, for 1 MiB.
EXEUNT_TEST_IMAGE(multiboot)
EXEUNT_TEST_IMAGE(multiboot_reset)
EXEUNT_TEST_IMAGE(multiboot_real)
EXEUNT_TEST_IMAGE(multiboot_processors)
EXEUNT_TEST_IMAGE(multiboot_keyboard)
EXEUNT_TEST_IMAGE(multiboot_sleep)
EXEUNT_TEST_IMAGE(multiboot_sleepless)
EXEUNT_TEST_IMAGE(multiboot2)
EXEUNT_TEST_IMAGE(module_heap)
// And one for 128 KiB.
EXEUNT_TEST_IMAGE(bios)

#endif
