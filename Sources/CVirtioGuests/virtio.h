// The driver's side of virtio 1.2: a device behind memory-mapped registers (section 4.2) and its split queues (2.7), with
// the event index and indirect descriptors. Registers and rings are little-endian, whatever the processor is.
#pragma once

#include "guest.h"
#ifdef HAS_INTERRUPTS
#include "interrupts.h"
#endif

enum virtio_register {
    VIRTIO_MAGIC = 0x00,
    VIRTIO_VERSION = 0x04,
    VIRTIO_DEVICE = 0x08,
    VIRTIO_DEVICE_FEATURES = 0x10,
    VIRTIO_DEVICE_FEATURES_SELECT = 0x14,
    VIRTIO_DRIVER_FEATURES = 0x20,
    VIRTIO_DRIVER_FEATURES_SELECT = 0x24,
    VIRTIO_QUEUE_SELECT = 0x30,
    VIRTIO_QUEUE_SIZE_MAX = 0x34,
    VIRTIO_QUEUE_SIZE = 0x38,
    VIRTIO_QUEUE_READY = 0x44,
    VIRTIO_NOTIFY = 0x50,
    VIRTIO_INTERRUPT_STATUS = 0x60,
    VIRTIO_INTERRUPT_ACK = 0x64,
    VIRTIO_STATUS = 0x70,
    VIRTIO_DESCRIPTORS = 0x80,
    VIRTIO_AVAILABLE = 0x90,
    VIRTIO_USED = 0xa0,
    VIRTIO_GENERATION = 0xfc,
    VIRTIO_CONFIGURATION = 0x100,
};

enum virtio_status {
    STATUS_ACKNOWLEDGE = 1,
    STATUS_DRIVER = 2,
    STATUS_DRIVER_OK = 4,
    STATUS_FEATURES_OK = 8,
};

#define FEATURE_INDIRECT (1ull << 28)
#define FEATURE_EVENT_INDEX (1ull << 29)
#define FEATURE_VERSION_1 (1ull << 32)

#define INTERRUPT_USED_BUFFER 1u

struct descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags;
    uint16_t next;
};
enum descriptor_flags {
    DESCRIPTOR_NEXT = 1,
    DESCRIPTOR_WRITE = 2,
    DESCRIPTOR_INDIRECT = 4,
};

// The most entries that a queue has here.
#define QUEUE_SIZE_MAX 256
// Section 2.7.6 and 2.7.8. Behind the last entry of each ring is the index for which its reader wants to be told.
struct available_ring {
    uint16_t flags;
    volatile uint16_t index;
    uint16_t ring[QUEUE_SIZE_MAX];
};
struct used_ring {
    uint16_t flags;
    volatile uint16_t index;
    struct {
        uint32_t id;
        uint32_t length;
    } ring[QUEUE_SIZE_MAX];
};

// The time stamp counter as a request was shown to the device, by its first descriptor: the VMM reads it for the trace.
#define STAMP(number) ((volatile uint64_t *)(uintptr_t)STAMPS + QUEUE_SIZE_MAX * (number))

// A queue's parts, each at the beginning of a page of its own.
#define RING_BYTES 0x3000
#define QUEUES_MAX 8
struct queue {
    struct descriptor *descriptors;
    struct available_ring *available;
    struct used_ring *used;
    volatile uint16_t *used_event;
    volatile uint16_t *available_event;
    // Entries less one; there is a power of two of them.
    uint16_t mask;
    // Requests offered, of which the device may know; those that it was asked to look at; those seen completed.
    uint16_t offered;
    uint16_t kicked;
    uint16_t seen;
    uint32_t number;
};

static inline uint32_t virtio_read(enum virtio_register offset) {
    REPORT->memory_accesses++;
    return le32(*(volatile uint32_t *)REGISTER(PARAMETERS->registers + offset));
}

static inline void virtio_write(enum virtio_register offset, uint32_t value) {
    REPORT->memory_accesses++;
    *(volatile uint32_t *)REGISTER(PARAMETERS->registers + offset) = le32(value);
}

// Finds a device of this kind and agrees with it on `needed` features of its own, all of which it has to have, on those of
// `welcome` that it has, and on what this driver needs of the rings (section 3.1.1, up to step 6).
//
// Returns the features agreed on.
static inline uint64_t virtio_open(uint32_t kind, uint64_t needed, uint64_t welcome) {
    needed |= FEATURE_VERSION_1 | FEATURE_EVENT_INDEX | FEATURE_INDIRECT;
    if (virtio_read(VIRTIO_MAGIC) != 0x74726976 || virtio_read(VIRTIO_VERSION) != 2 ||
        virtio_read(VIRTIO_DEVICE) != kind)
        fail(FAILURE_DEVICE);
    virtio_write(VIRTIO_STATUS, 0);
    if (virtio_read(VIRTIO_STATUS) != 0)
        fail(FAILURE_DEVICE);
    virtio_write(VIRTIO_STATUS, STATUS_ACKNOWLEDGE);
    virtio_write(VIRTIO_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
    uint64_t offered = 0;
    for (uint32_t half = 0; half < 2; half++) {
        virtio_write(VIRTIO_DEVICE_FEATURES_SELECT, half);
        offered |= (uint64_t)virtio_read(VIRTIO_DEVICE_FEATURES) << 32 * half;
    }
    if (needed & ~offered)
        fail_at(FAILURE_FEATURES, needed & ~offered);
    uint64_t agreed = needed | (welcome & offered);
    for (uint32_t half = 0; half < 2; half++) {
        virtio_write(VIRTIO_DRIVER_FEATURES_SELECT, half);
        virtio_write(VIRTIO_DRIVER_FEATURES, (uint32_t)(agreed >> 32 * half));
    }
    uint32_t status = STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK;
    virtio_write(VIRTIO_STATUS, status);
    if (virtio_read(VIRTIO_STATUS) != status)
        fail(FAILURE_DEVICE);
    return agreed;
}

// Reads a number of 64 bits from the configuration, whole (section 2.5.3).
static inline uint64_t virtio_configuration(uint32_t offset) {
    for (;;) {
        uint32_t before = virtio_read(VIRTIO_GENERATION);
        uint64_t low = virtio_read(VIRTIO_CONFIGURATION + offset);
        uint64_t high = virtio_read(VIRTIO_CONFIGURATION + offset + 4);
        if (virtio_read(VIRTIO_GENERATION) == before)
            return high << 32 | low;
    }
}

// Reads a byte from the configuration.
static inline uint8_t virtio_configuration8(uint32_t offset) {
    REPORT->memory_accesses++;
    return *(volatile uint8_t *)REGISTER(PARAMETERS->registers + VIRTIO_CONFIGURATION + offset);
}

// Reads a number of 16 bits from the configuration.
static inline uint16_t virtio_configuration16(uint32_t offset) {
    REPORT->memory_accesses++;
    return le16(*(volatile uint16_t *)REGISTER(PARAMETERS->registers + VIRTIO_CONFIGURATION + offset));
}

static inline void virtio_set_part(enum virtio_register offset, const volatile void *part) {
    virtio_write(offset, (uint32_t)PHYSICAL(part));
    virtio_write(offset + 4, 0);
}

// Whether the guest sleeps until interrupts; else it polls.
static inline int waits_for_interrupts(void) { return PARAMETERS->flags & FLAG_INTERRUPTS; }

// Tells the device of a queue, which has room for `least` requests. RAM is zero where nobody has written, but not after a
// reset of the machine.
static inline void queue_open(struct queue *queue, uint32_t number, uint32_t least) {
    virtio_write(VIRTIO_QUEUE_SELECT, number);
    uint32_t size = virtio_read(VIRTIO_QUEUE_SIZE_MAX);
    if (virtio_read(VIRTIO_QUEUE_READY) != 0)
        fail(FAILURE_DEVICE);
    if (size < least)
        fail_at(FAILURE_ENTRIES, size);
    if (size > QUEUE_SIZE_MAX)
        size = QUEUE_SIZE_MAX;
    uintptr_t base = RINGS + RING_BYTES * (uintptr_t)number;
    queue->descriptors = (struct descriptor *)base;
    queue->available = (struct available_ring *)(base + 0x1000);
    queue->used = (struct used_ring *)(base + 0x2000);
    queue->used_event = (volatile uint16_t *)&queue->available->ring[size];
    queue->available_event = (volatile uint16_t *)&queue->used->ring[size];
    queue->mask = (uint16_t)(size - 1);
    queue->offered = queue->kicked = queue->seen = 0;
    queue->number = number;
    queue->available->flags = 0;
    queue->available->index = 0;
    // An interrupt for the first completion, or as late as can be.
    *queue->used_event = le16(waits_for_interrupts() ? 0 : 0x8000);
    queue->used->index = 0;
    *queue->available_event = 0;
    virtio_write(VIRTIO_QUEUE_SIZE, size);
    virtio_set_part(VIRTIO_DESCRIPTORS, queue->descriptors);
    virtio_set_part(VIRTIO_AVAILABLE, queue->available);
    virtio_set_part(VIRTIO_USED, queue->used);
    virtio_write(VIRTIO_QUEUE_READY, 1);
}

// The driver is ready.
static inline void virtio_start(void) {
    virtio_write(
        VIRTIO_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK);
}

// The device has found nothing wrong with its driver, and forgets it.
static inline void virtio_close(void) {
    if (virtio_read(VIRTIO_STATUS) !=
        (STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK))
        fail(FAILURE_DEVICE);
    virtio_write(VIRTIO_STATUS, 0);
    if (virtio_read(VIRTIO_STATUS) != 0)
        fail(FAILURE_DEVICE);
}

// Puts a chain into the available ring; the device may not see it before `queue_kick`.
static inline void queue_offer(struct queue *queue, uint16_t head) {
    queue->available->ring[queue->offered & queue->mask] = le16(head);
    queue->offered++;
}

// Shows the device what was offered, and kicks it where it asked for that (section 2.7.13).
static inline void queue_kick(struct queue *queue) {
    if (queue->offered == queue->kicked)
        return;
    // As late as the protocol allows: what is shown has its stamp.
#ifdef HAS_TIME_STAMPS
    uint64_t now = time_stamp();
    for (uint16_t entry = queue->kicked; entry != queue->offered; entry++)
        STAMP(queue->number)[queue->available->ring[entry & queue->mask]] = now;
#endif
    write_fence();
    queue->available->index = le16(queue->offered);
    full_fence();
    uint16_t event = le16(*queue->available_event);
    if ((uint16_t)(queue->offered - event - 1) < (uint16_t)(queue->offered - queue->kicked)) {
        REPORT->kicks++;
        *(volatile uint32_t *)REGISTER(PARAMETERS->registers + VIRTIO_NOTIFY) = le32(queue->number);
    }
    queue->kicked = queue->offered;
}

static inline int queue_is_empty(const struct queue *queue) {
    return le16(queue->used->index) == queue->seen;
}

// Takes a completed chain: its head in the low half, the bytes that the device has written in the high half. There is one.
static inline uint64_t queue_take(struct queue *queue) {
    read_fence();
    uint32_t entry = queue->seen & queue->mask;
    queue->seen++;
    return le32(queue->used->ring[entry].id) | (uint64_t)le32(queue->used->ring[entry].length) << 32;
}

// Says for which completion an interrupt is wanted: the next, or none.
//
// Returns whether there are completions meanwhile for which no interrupt may come.
static inline int queue_ask(struct queue *queue) {
    *queue->used_event = le16((uint16_t)(waits_for_interrupts() ? queue->seen : queue->seen + 0x8000));
    full_fence();
    return !queue_is_empty(queue);
}

// Waiting is for all queues of a device, which have one interrupt line.

static inline int all_are_empty(const struct queue *queues, uint32_t count) {
    for (; count > 0; count--, queues++)
        if (!queue_is_empty(queues))
            return 0;
    return 1;
}

#define SECONDS_TO_GIVE_UP 30
#define FOR_EVER 0
// What an interrupt may be late.
#define SECONDS_OF_GRACE 1
#define SPINS_BETWEEN_CLOCK_READINGS 1024

static inline void queues_poll(const struct queue *queues, uint32_t count, uint32_t seconds) {
    uint64_t start = time_stamp();
    for (uint32_t spins = SPINS_BETWEEN_CLOCK_READINGS; all_are_empty(queues, count); pause())
        if (--spins == 0) {
            if (seconds != FOR_EVER && time_stamp() - start > ticks_in_seconds(seconds))
                fail(FAILURE_COMPLETION);
            spins = SPINS_BETWEEN_CLOCK_READINGS;
        }
}

#ifdef HAS_INTERRUPTS
// Sleeps until the device has interrupted, and acknowledges that (section 4.2.3.3). Rings are looked at only then: after
// `queue_ask` an interrupt comes for whatever is completed.
static inline void queues_sleep(const struct queue *queues, uint32_t count, uint32_t seconds) {
    uint32_t limit = (seconds == FOR_EVER ? SECONDS_TO_GIVE_UP : seconds) * WATCHDOG_TICKS_A_SECOND;
    uint32_t ticks = INTERRUPT_COUNTS->timer;
    do {
        uint32_t before = INTERRUPT_COUNTS->device;
        while (INTERRUPT_COUNTS->device == before) {
            uint32_t waited = INTERRUPT_COUNTS->timer - ticks;
            if (waited > limit) {
                if (!all_are_empty(queues, count)) {
                    // One that has just been completed has its interrupt under way.
                    if (waited > limit + SECONDS_OF_GRACE * WATCHDOG_TICKS_A_SECOND)
                        fail(FAILURE_INTERRUPT);
                } else if (seconds == FOR_EVER) {
                    ticks = INTERRUPT_COUNTS->timer;
                } else {
                    fail(FAILURE_COMPLETION);
                }
            }
            halt();
        }
        REPORT->interrupts++;
        // 0 where the interrupt before was acknowledged after this one had been raised.
        uint32_t causes = virtio_read(VIRTIO_INTERRUPT_STATUS);
        if (causes & ~INTERRUPT_USED_BUFFER)
            fail(FAILURE_DEVICE);
        virtio_write(VIRTIO_INTERRUPT_ACK, causes);
    } while (all_are_empty(queues, count));
}
#endif

// Waits until something is completed, so many seconds at the most.
static inline void queues_wait_for(const struct queue *queues, uint32_t count, uint32_t seconds) {
#ifdef HAS_INTERRUPTS
    if (waits_for_interrupts()) {
        queues_sleep(queues, count, seconds);
        return;
    }
#endif
    queues_poll(queues, count, seconds);
}

// Waits until something is completed, which the device alone has to do.
static inline void queues_wait(const struct queue *queues, uint32_t count) {
    queues_wait_for(queues, count, SECONDS_TO_GIVE_UP);
}
