// Requests to an entropy source: `depth` buffers of `bytes` each are filled again and again.
//
// Randomness cannot be checked, but what is none shows: an answer without bytes or with more than there was room for, bytes
// that nobody has written, bytes behind the answer's end, words that repeat, and bits that are the same in all words.
#define GUEST_IMAGE "exeunt_guest_rng"
#include "virtio.h"

#define ENTROPY_DEVICE 4
#define DEPTH_MAX 64
// From here on a bit that was the same in all words is not chance.
#define WORDS_TO_JUDGE 64

enum phase {
    PHASE_END = 0,
    PHASE_REQUESTS = 1,
};

struct source {
    struct queue queue;
    uint64_t ones;
    uint64_t zeros;
    uint64_t words;
    uint64_t last;
    // Buffers that no request has, as a stack of their numbers.
    uint32_t free;
    uint8_t numbers[DEPTH_MAX];
};

static inline uint64_t *buffer(uint32_t number) {
    return (uint64_t *)(BUFFERS + (uintptr_t)number * PARAMETERS->bytes);
}

static inline void offer(struct source *source, uint32_t number) {
    uint64_t *words = buffer(number);
    for (uint32_t left = PARAMETERS->bytes / 8; left > 0; left--)
        *words++ = 0;
    queue_offer(&source->queue, (uint16_t)number);
    if ((uint16_t)(source->queue.offered - source->queue.kicked) >= PARAMETERS->batch)
        queue_kick(&source->queue);
}

// Takes an answer out of the ring and checks it.
static inline void complete(struct source *source) {
    uint64_t taken = queue_take(&source->queue);
    uint32_t number = (uint32_t)taken, length = (uint32_t)(taken >> 32);
    if (number >= PARAMETERS->depth || source->free == PARAMETERS->depth)
        fail_at(FAILURE_COMPLETION, number);
    if (length == 0 || length > PARAMETERS->bytes)
        fail_at(FAILURE_STATUS, length);
    const uint64_t *words = buffer(number);
    for (uint32_t index = 0; index < length / 8; index++) {
        // Eight zero bytes, or the eight bytes before once more: once in 2^64 times.
        if (words[index] == 0 || words[index] == source->last)
            fail_at(FAILURE_WRONG_VALUE, index);
        source->last = words[index];
        source->ones |= words[index];
        source->zeros |= ~words[index];
        source->words++;
    }
    for (uint32_t index = length / 8 + 1; index < PARAMETERS->bytes / 8; index++)
        if (words[index] != 0)
            fail_at(FAILURE_WRONG_VALUE, index);
    source->numbers[source->free++] = (uint8_t)number;
    REPORT->completions++;
    REPORT->iterations++;
}

static inline void check_parameters(void) {
    const struct parameters *given = PARAMETERS;
    if (given->bytes == 0 || given->bytes % 8 || given->depth == 0 || given->depth > DEPTH_MAX ||
        given->batch == 0)
        fail(FAILURE_PARAMETERS);
    if (waits_for_interrupts() && !(given->flags & FLAG_INTERRUPT_CONTROLLER))
        fail(FAILURE_PARAMETERS);
}

static inline void guest_main(void) {
    const struct parameters *given = PARAMETERS;
    check_parameters();
    struct source source;
    source.ones = source.zeros = source.words = source.last = 0;
    source.free = 0;
    virtio_open(ENTROPY_DEVICE, 0, 0);
    queue_open(&source.queue, 0, given->depth);
    if (waits_for_interrupts())
        interrupts_enable(given->line);
    for (uint32_t number = 0; number < given->depth; number++) {
        struct descriptor *descriptor = &source.queue.descriptors[number];
        descriptor->address = (uintptr_t)buffer(number);
        descriptor->length = given->bytes;
        descriptor->flags = DESCRIPTOR_WRITE;
        source.numbers[source.free++] = (uint8_t)number;
    }
    virtio_start();

    mark(PHASE_REQUESTS);
    for (uint64_t left = given->iterations; left > 0 || source.free < given->depth;) {
        for (; left > 0 && source.free > 0; left--)
            offer(&source, source.numbers[--source.free]);
        queue_kick(&source.queue);
        queues_wait(&source.queue, 1);
        while (!queue_is_empty(&source.queue) || queue_ask(&source.queue)) {
            complete(&source);
            space();
        }
    }
    if (source.words >= WORDS_TO_JUDGE && ~(source.ones & source.zeros))
        fail_at(FAILURE_WRONG_VALUE, ~(source.ones & source.zeros));
    mark(PHASE_END);
    virtio_close();
}

#pragma clang attribute pop
