// The built-in guests' flat images: where each begins in this executable's read-only data and how long it is.
// Functions rather than symbols, because Swift does not import arrays of unknown length.
#ifndef CGUESTPROGRAMS_H
#define CGUESTPROGRAMS_H

struct exeunt_guest_image {
    const void *bytes;
    unsigned long length;
};

#define EXEUNT_GUEST_IMAGE(name)                                                                               \
    extern const unsigned char exeunt_guest_##name[];                                                          \
    extern const unsigned char exeunt_guest_##name##_end[];                                                    \
    static inline struct exeunt_guest_image exeunt_guest_image_##name(void) {                                  \
        return (struct exeunt_guest_image){                                                                    \
            exeunt_guest_##name, (unsigned long)(exeunt_guest_##name##_end - exeunt_guest_##name)};            \
    }

EXEUNT_GUEST_IMAGE(costs)
EXEUNT_GUEST_IMAGE(doorbell)
EXEUNT_GUEST_IMAGE(kernel_exits)
EXEUNT_GUEST_IMAGE(mixed)
EXEUNT_GUEST_IMAGE(mmio)
EXEUNT_GUEST_IMAGE(multiqueue)
EXEUNT_GUEST_IMAGE(port80)
EXEUNT_GUEST_IMAGE(port_io)
EXEUNT_GUEST_IMAGE(serial)
EXEUNT_GUEST_IMAGE(smp)
EXEUNT_GUEST_IMAGE(timer)

#endif
