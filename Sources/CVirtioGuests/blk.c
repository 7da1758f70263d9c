// Requests to a disk: writes a part of it from beginning to end, then reads and writes that in the mix, the order and the
// depth that the parameters say, and checks all that it reads.
//
// The part is divided into places of one request each. A place has a generation: how often it was written. Each sector
// that is written has its number and the generation in its first and, inverted, in its last eight bytes, so that a read
// shows whether each sector is there, whole, in its place, and the last that was written. A place has one request under
// way at the most; who wants it waits. Requests go to the queues in turn.
#define GUEST_IMAGE "exeunt_guest_blk"
#include "virtio.h"

#define BLOCK_DEVICE 2
#define FEATURE_FLUSH (1ull << 9)
#define FEATURE_QUEUES (1ull << 12)
#define CONFIGURATION_CAPACITY 0
#define CONFIGURATION_QUEUES 34

#define SECTOR_BYTES 512
#define SECTOR_WORDS (SECTOR_BYTES / 8)
#define DEPTH_MAX 64
#define PLACES_MAX 4096

enum phase {
    PHASE_END = 0,
    PHASE_FILL = 1,
    PHASE_REQUESTS = 2,
};

enum block_type {
    BLOCK_READ = 0,
    BLOCK_WRITE = 1,
    BLOCK_FLUSH = 4,
};

// A request on its way; its number is that of a descriptor in each queue, which stays the same and leads to `table`.
struct request {
    struct descriptor table[3];
    // Section 5.2.6.
    struct { // little-endian
        uint32_t type;
        uint32_t reserved;
        uint64_t sector;
    } header;
    volatile uint8_t status;
    uint8_t is_busy;
    uint16_t generation;
    uint32_t place;
    uint32_t queue;
};
#define REQUEST(number) ((struct request *)(uintptr_t)(REQUESTS + 128 * (number)))
_Static_assert(sizeof(struct request) <= 128, "REQUEST");

struct place {
    uint16_t generation;
    uint16_t is_busy;
};
#define PLACE(number) ((struct place *)(uintptr_t)TABLES + (number))

struct disk {
    struct queue queues[QUEUES_MAX];
    uint32_t queue_count;
    // The queue of the next request.
    uint32_t turn;
    uint32_t bytes;
    uint32_t sectors;
    // Whether it has a cache to flush; else what is written is durable as it completes (section 5.2.6.2).
    uint32_t has_cache;
    // Requests that nobody uses, as a stack of their numbers.
    uint32_t free;
    uint8_t numbers[DEPTH_MAX];
};

static inline uint64_t *buffer(const struct disk *disk, uint32_t number) {
    return (uint64_t *)(BUFFERS + (uintptr_t)number * disk->bytes);
}

static inline uint64_t word(uint64_t sector, uint16_t generation) {
    return sector | (uint64_t)generation << 48;
}

static inline void write_pattern(const struct disk *disk, uint32_t number, uint16_t generation) {
    uint64_t sector = le64(REQUEST(number)->header.sector);
    uint64_t *words = buffer(disk, number);
    for (uint32_t left = disk->sectors; left > 0; left--, words += SECTOR_WORDS) {
        words[0] = le64(word(sector, generation));
        words[SECTOR_WORDS - 1] = ~le64(word(sector, generation));
        sector++;
    }
}

// What the buffer held before must not pass for what the disk delivers.
static inline void spoil(const struct disk *disk, uint32_t number) {
    uint64_t *words = buffer(disk, number);
    for (uint32_t left = disk->sectors; left > 0; left--, words += SECTOR_WORDS)
        words[0] = words[SECTOR_WORDS - 1] = 0;
}

static inline void check_pattern(const struct disk *disk, uint32_t number) {
    const struct request *request = REQUEST(number);
    uint64_t sector = le64(request->header.sector);
    const uint64_t *words = buffer(disk, number);
    for (uint32_t left = disk->sectors; left > 0; left--, words += SECTOR_WORDS) {
        if (words[0] != le64(word(sector, request->generation)) || words[SECTOR_WORDS - 1] != ~words[0])
            fail_at(FAILURE_WRONG_VALUE, sector);
        sector++;
    }
}

#ifdef KEEP_LATENCIES
// For analysis/bench/disk.py, which reads RAM afterwards: ticks from each request's kick to the moment that it was found.
#define LATENCY(completion) ((volatile uint32_t *)(uintptr_t)KEEP_LATENCIES)[completion]
#endif

// Takes a completed request out of the ring and checks everything about it.
static inline void complete(struct disk *disk, struct queue *queue) {
    uint64_t taken = queue_take(queue);
    uint32_t number = (uint32_t)taken;
    if (number >= PARAMETERS->depth)
        fail_at(FAILURE_COMPLETION, number);
#ifdef KEEP_LATENCIES
    LATENCY(REPORT->completions) = (uint32_t)(time_stamp() - STAMP(queue->number)[number]);
#endif
    struct request *request = REQUEST(number);
    if (!request->is_busy || request->queue != queue->number)
        fail_at(FAILURE_COMPLETION, number);
    if (request->status != 0)
        fail_at(FAILURE_STATUS, le64(request->header.sector));
    uint32_t written = 1;
    switch (le32(request->header.type)) {
    case BLOCK_READ:
        REPORT->reads++;
        written += disk->bytes;
        check_pattern(disk, number);
        break;
    case BLOCK_WRITE:
        REPORT->writes++;
        break;
    default:
        REPORT->flushes++;
    }
    if (taken >> 32 != written)
        fail_at(FAILURE_STATUS, le64(request->header.sector));
    REPORT->completions++;
    if (le32(request->header.type) != BLOCK_FLUSH)
        PLACE(request->place)->is_busy = 0;
    request->is_busy = 0;
    disk->numbers[disk->free++] = (uint8_t)number;
}

// Kicks, and waits until at least one request has completed.
static __attribute__((noinline)) void wait(struct disk *disk) {
    struct queue *end = disk->queues + disk->queue_count;
    for (struct queue *queue = disk->queues; queue < end; queue++)
        queue_kick(queue);
    queues_wait(disk->queues, disk->queue_count);
    for (struct queue *queue = disk->queues; queue < end; queue++)
        while (!queue_is_empty(queue) || queue_ask(queue))
            complete(disk, queue);
}

static inline void wait_for_all(struct disk *disk) {
    while (disk->free < PARAMETERS->depth)
        wait(disk);
}

static inline uint32_t take_request(struct disk *disk) {
    while (disk->free == 0)
        wait(disk);
    return disk->numbers[--disk->free];
}

// Offers a request, of which header and buffer are ready.
static inline void submit(struct disk *disk, uint32_t number) {
    struct request *request = REQUEST(number);
    request->status = 0xff;
    request->is_busy = 1;
    struct queue *queue = &disk->queues[disk->turn];
    if (++disk->turn == disk->queue_count)
        disk->turn = 0;
    request->queue = queue->number;
    queue_offer(queue, (uint16_t)number);
    if ((uint16_t)(queue->offered - queue->kicked) >= PARAMETERS->batch)
        queue_kick(queue);
}

static __attribute__((noinline)) void transfer(struct disk *disk, enum block_type type, uint32_t place) {
    while (PLACE(place)->is_busy)
        wait(disk);
    uint32_t number = take_request(disk);
    struct request *request = REQUEST(number);
    request->place = place;
    request->header.type = le32(type);
    request->header.sector = le64((uint64_t)place * disk->sectors);
    PLACE(place)->is_busy = 1;
    if (type == BLOCK_WRITE) {
        PLACE(place)->generation++;
        write_pattern(disk, number, PLACE(place)->generation);
        request->table[1].flags = le16(DESCRIPTOR_NEXT);
    } else {
        spoil(disk, number);
        request->table[1].flags = le16(DESCRIPTOR_NEXT | DESCRIPTOR_WRITE);
    }
    request->generation = PLACE(place)->generation;
    request->table[0].next = le16(1);
    submit(disk, number);
}

static inline void request_flush(struct disk *disk) {
    uint32_t number = take_request(disk);
    struct request *request = REQUEST(number);
    request->header.type = le32(BLOCK_FLUSH);
    request->header.sector = 0;
    request->table[0].next = le16(2);
    submit(disk, number);
    wait_for_all(disk);
}

// Has what was written before durable, as fsync(2) does: the writes have completed before the flush is asked for.
static inline void flush(struct disk *disk) {
    wait_for_all(disk);
    if (disk->has_cache)
        request_flush(disk);
    if (PARAMETERS->flags & FLAG_ANNOUNCE)
        write_serial('.');
}

static inline void prepare_requests(struct disk *disk) {
    disk->bytes = PARAMETERS->bytes;
    disk->sectors = disk->bytes / SECTOR_BYTES;
    disk->free = 0;
    for (uint32_t number = PARAMETERS->depth; number-- > 0;) {
        struct request *request = REQUEST(number);
        for (uint32_t queue = 0; queue < disk->queue_count; queue++) {
            struct descriptor *descriptor = &disk->queues[queue].descriptors[number];
            descriptor->address = le64(PHYSICAL(request->table));
            descriptor->length = le32(sizeof request->table);
            descriptor->flags = le16(DESCRIPTOR_INDIRECT);
        }
        request->table[0].address = le64(PHYSICAL(&request->header));
        request->table[0].length = le32(sizeof request->header);
        request->table[0].flags = le16(DESCRIPTOR_NEXT);
        request->table[1].address = le64(PHYSICAL(buffer(disk, number)));
        request->table[1].length = le32(disk->bytes);
        request->table[1].next = le16(2);
        request->table[2].address = le64(PHYSICAL(&request->status));
        request->table[2].length = le32(1);
        request->table[2].flags = le16(DESCRIPTOR_WRITE);
        request->header.reserved = 0;
        request->is_busy = 0;
        disk->numbers[disk->free++] = (uint8_t)number;
    }
    for (uint32_t place = 0; place < PARAMETERS->places; place++) {
        PLACE(place)->generation = 0;
        PLACE(place)->is_busy = 0;
    }
}

static inline void check_parameters(void) {
    const struct parameters *given = PARAMETERS;
    if (given->bytes == 0 || given->bytes % SECTOR_BYTES || given->depth == 0 || given->depth > DEPTH_MAX ||
        given->batch == 0 || given->parameter == 0 || given->parameter > QUEUES_MAX || given->reads > 100 || given->places == 0 || given->places > PLACES_MAX)
        fail(FAILURE_PARAMETERS);
    if (waits_for_interrupts() && !(given->flags & FLAG_INTERRUPT_CONTROLLER))
        fail(FAILURE_PARAMETERS);
}

static inline void guest_main(void) {
    const struct parameters *given = PARAMETERS;
    check_parameters();
    struct disk disk;
    disk.queue_count = given->parameter;
    disk.turn = 0;
    uint64_t features = virtio_open(BLOCK_DEVICE, disk.queue_count > 1 ? FEATURE_QUEUES : 0, FEATURE_FLUSH);
    disk.has_cache = (features & FEATURE_FLUSH) != 0;
    uint64_t capacity = virtio_configuration(CONFIGURATION_CAPACITY);
    if (capacity < (uint64_t)given->places * (given->bytes / SECTOR_BYTES))
        fail_at(FAILURE_DISK_TOO_SMALL, capacity);
    if (disk.queue_count > 1) {
        uint16_t queues = virtio_configuration16(CONFIGURATION_QUEUES);
        if (queues < disk.queue_count)
            fail_at(FAILURE_QUEUES, queues);
    }
    for (uint32_t queue = 0; queue < disk.queue_count; queue++)
        queue_open(&disk.queues[queue], queue, given->depth);
#ifdef HAS_INTERRUPTS
    if (waits_for_interrupts())
        interrupts_enable(given->line);
#endif
    prepare_requests(&disk);
    virtio_start();

    mark(PHASE_FILL);
    for (uint32_t place = 0; place < given->places; place++)
        transfer(&disk, BLOCK_WRITE, place);
    wait_for_all(&disk);

    mark(PHASE_REQUESTS);
    // Reads follow writes half a round behind, so that both are rarely about one place.
    uint32_t next_write = 0, next_read = given->places / 2, random = 1, share = 0, unflushed = 0;
    for (uint64_t left = given->iterations; left > 0; left--) {
        // Reads are spread evenly among all requests.
        share += given->reads;
        int is_read = share >= 100;
        uint32_t *next = is_read ? &next_read : &next_write;
        uint32_t place = *next;
        if (given->flags & FLAG_RANDOM) {
            // Numerical Recipes' generator; its upper bits are the better ones.
            random = random * 1664525 + 1013904223;
            place = (uint32_t)((uint64_t)(random >> 16) * given->places >> 16);
        } else if (++*next == given->places) {
            *next = 0;
        }
        transfer(&disk, is_read ? BLOCK_READ : BLOCK_WRITE, place);
        if (is_read) {
            share -= 100;
        } else if (++unflushed == given->flush) {
            unflushed = 0;
            flush(&disk);
        }
        REPORT->iterations++;
        space();
    }
    wait_for_all(&disk);
    mark(PHASE_END);
    virtio_close();
}

#pragma clang attribute pop
