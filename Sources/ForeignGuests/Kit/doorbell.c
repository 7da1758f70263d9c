// Each iteration posts a request in queue 0's ring and kicks the doorbell; after every `batch` of them it polls the ring until
// all are completed. Then the same with the next doorbell. What CGuestPrograms/doorbell.S does on a PC, with the same accesses, but
// without time stamps: the entries are zero.
#include "guest.h"

#define IDENTITY 0x42445845u
#define QUEUES 16
#define RING_SIZE 256
#define SECONDS_TO_GIVE_UP 30
#define SPINS_BETWEEN_CLOCK_READINGS 1024

enum doorbell_register {
    DOORBELL_KICK = 0x00,
    DOORBELL_ID = 0x04,
    DOORBELL_QUEUES = 0x08,
    DOORBELL_ERRORS = 0x0c,
    DOORBELL_RING_LOW = 0x40,
    DOORBELL_RING_HIGH = 0x44,
    DOORBELL_RING_SIZE = 0x48,
    DOORBELL_COMPLETED = 0x4c,
};

// Little-endian.
struct ring {
    volatile uint32_t posted;
    volatile uint32_t completed;
    volatile uint32_t flags;
    uint32_t reserved;
    volatile uint64_t stamps[RING_SIZE];
};
#define RING ((struct ring *)(uintptr_t)RINGS)

static inline uint32_t doorbell_read(uintptr_t doorbell, enum doorbell_register offset) {
    REPORT->memory_accesses++;
    return read32(doorbell + offset);
}

static inline void doorbell_write(uintptr_t doorbell, enum doorbell_register offset, uint32_t value) {
    REPORT->memory_accesses++;
    write32(doorbell + offset, value);
}

static void wait_for(uint32_t posted) {
    uint64_t start = time_stamp();
    for (uint32_t spins = SPINS_BETWEEN_CLOCK_READINGS; le32(RING->completed) != posted; pause()) {
        // As numbers that wrap: more was completed than was asked for.
        if ((int32_t)(posted - le32(RING->completed)) < 0)
            fail(FAILURE_COMPLETION);
        if (--spins == 0) {
            if (time_stamp() - start > ticks_in_seconds(SECONDS_TO_GIVE_UP))
                fail(FAILURE_COMPLETION);
            spins = SPINS_BETWEEN_CLOCK_READINGS;
        }
    }
    read_fence();
}

static void drive(uintptr_t doorbell) {
    if (doorbell_read(doorbell, DOORBELL_ID) != IDENTITY || doorbell_read(doorbell, DOORBELL_QUEUES) != QUEUES)
        fail(FAILURE_WRONG_VALUE);
    RING->posted = RING->completed = RING->flags = 0;
    doorbell_write(doorbell, DOORBELL_RING_LOW, (uint32_t)PHYSICAL(RING));
    doorbell_write(doorbell, DOORBELL_RING_HIGH, 0);
    doorbell_write(doorbell, DOORBELL_RING_SIZE, RING_SIZE);
    uint32_t posted = 0;
    for (uint64_t left = PARAMETERS->iterations; left > 0;) {
        for (uint32_t batch = PARAMETERS->parameter; batch > 0 && left > 0; batch--, left--) {
            RING->stamps[posted & (RING_SIZE - 1)] = 0;
            write_fence();
            RING->posted = le32(++posted);
            full_fence();
            write32(doorbell + DOORBELL_KICK, 0);
            REPORT->kicks++;
        }
        wait_for(posted);
        space();
    }
    if (doorbell_read(doorbell, DOORBELL_COMPLETED) != posted || doorbell_read(doorbell, DOORBELL_ERRORS) != 0)
        fail(FAILURE_COMPLETION);
    REPORT->completions += PARAMETERS->iterations;
    REPORT->iterations += PARAMETERS->iterations;
}

static inline void guest_main(void) {
    if (PARAMETERS->parameter == 0 || PARAMETERS->parameter > RING_SIZE || PARAMETERS->flags & FLAG_INTERRUPTS)
        fail(FAILURE_PARAMETERS);
    uint32_t doorbells = (PARAMETERS->flags >> 8 & 15) + 1;
    for (uint32_t index = 0; index < doorbells; index++)
        drive(DEVICE_DOORBELL + (uintptr_t)DOORBELL_STRIDE * index);
}

#pragma clang attribute pop
