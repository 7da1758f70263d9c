// What decoding costs where nothing has to be found out: reads the data files of an Exeunt recording whose layout is written
// down here, field by field, as LTTng-UST 2.13 lays it out (CTF 1.8; little-endian, byte-packed, large event headers) and
// Sources/CTracepoints/include/exeunt_catalogue.h declares it. `make bench` holds exeunt-analyze against it.
//
//   ctf_decode FILE...
//
// Prints the events, the sum of all fields (integers sign-extended, strings byte by byte) and the sum of the timestamps in
// cycles, both modulo 2^64: nothing is read in vain, and what was read can be checked. One thread; ends with 1 at the first
// byte that is not as expected.

#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct sums {
    uint64_t events, fields, timestamps;
};

// magic, uuid, stream_id, stream_instance_id; then timestamp_begin, timestamp_end, content_size, packet_size,
// packet_seq_num, events_discarded, cpu_id.
enum { PACKET_HEADER = 4 + 16 + 4 + 8, PACKET = PACKET_HEADER + 6 * 8 + 4, MAGIC = 0xC1FC1FC1 };

// Bytes of an event of each id, strings and the header apart. The ids are the catalogue's order.
enum {
    VCPU_RUN_ENTER, VCPU_RUN_EXIT, DISPATCH_BEGIN, DISPATCH_END, LOCK_WAIT, LOCK_ACQUIRED, LOCK_RELEASED, LOOP_WAIT,
    LOOP_WAKEUP, POLL_BEGIN, POLL_END, HANDLER_BEGIN, HANDLER_END, IOEVENTFD_SIGNAL, REQUEST_BEGIN, REQUEST_END, INTERRUPT,
    GUEST_MARK, GUEST_KICK_STAMP, KVM_STATS, KVM_COUNTER, THREAD_STATS, EVENT_TOTALS, VM_INFO, VCPU_INFO, LOOP_INFO,
    DEVICE_INFO, IOEVENTFD_INFO, CLOCK_SYNC, KVM_COUNTER_INFO, EVENT_COUNT
};
static const uint8_t event_bytes[EVENT_COUNT] = {
    6, 19, 13, 9, 9, 9, 9, 10, 8, 10, 7, 11, 11, 18, 20, 16, 14, 18, 23, 8 + 18 * 8, 16, 37, 14, 20, 19, 14, 25, 25, 28, 14};

#define READER(name, type)                                       \
    static inline uint64_t name(const uint8_t **at) {            \
        type value;                                              \
        memcpy(&value, *at, sizeof value);                       \
        *at += sizeof value;                                     \
        return (uint64_t)value;                                  \
    }
READER(u8, uint8_t)
READER(u16, uint16_t)
READER(u32, uint32_t)
READER(u64, uint64_t)
READER(i16, int16_t)
READER(i32, int32_t)

// A string up to its NUL, which has to come before `end`; what follows it is checked by the caller.
static inline uint64_t string(const uint8_t **at, const uint8_t *end) {
    uint64_t sum = 0;
    const uint8_t *nul = memchr(*at, 0, (size_t)(end - *at));
    if (!nul) errx(1, "a string does not end");
    for (const uint8_t *byte = *at; byte < nul; byte++) sum += *byte;
    *at = nul + 1;
    return sum;
}

static inline void need(const uint8_t *at, const uint8_t *end, long bytes) {
    if (end - at < bytes) errx(1, "an event ends behind its packet");
}

// The events from `at` to `end`.
static void events(const uint8_t *at, const uint8_t *end, uint64_t clock, struct sums *result) {
    struct sums sums = *result;
    while (at < end) {
        need(at, end, 6);
        uint16_t id = (uint16_t)u16(&at);
        uint32_t low = (uint32_t)u32(&at);
        if (id == 0xFFFF) {
            // `low` is the id, a full timestamp follows.
            need(at, end, 8);
            id = low < 0xFFFF ? (uint16_t)low : 0xFFFF;
            clock = u64(&at);
        } else {
            // The clock's low half: it has wrapped where it is below the last.
            clock += (uint32_t)(low - (uint32_t)clock);
        }
        if (id >= EVENT_COUNT) errx(1, "no event has id %u", id);
        need(at, end, event_bytes[id]);
        uint64_t sum = 0;
        switch (id) {
        case VCPU_RUN_ENTER:
            sum += u16(&at), sum += u32(&at);  // vcpu, seq
            break;
        case VCPU_RUN_EXIT:
            sum += u16(&at), sum += u32(&at), sum += u8(&at), sum += u64(&at);  // vcpu, seq, reason, address
            sum += u8(&at), sum += u8(&at), sum += u16(&at);                    // size, direction, count
            break;
        case DISPATCH_BEGIN:
            sum += u8(&at), sum += u16(&at), sum += u32(&at);  // thread_kind, thread, seq
            sum += u16(&at), sum += u32(&at);                  // device, offset
            break;
        case DISPATCH_END:
            sum += u8(&at), sum += u16(&at), sum += u32(&at), sum += u16(&at);  // thread_kind, thread, seq, device
            break;
        case LOCK_WAIT:
        case LOCK_ACQUIRED:
        case LOCK_RELEASED:
            sum += u16(&at), sum += u8(&at), sum += u16(&at), sum += u32(&at);  // lock, thread_kind, thread, seq
            break;
        case LOOP_WAIT:
            sum += u16(&at), sum += u32(&at), sum += i32(&at);  // loop, seq, timeout
            break;
        case LOOP_WAKEUP:
            sum += u16(&at), sum += u32(&at), sum += u16(&at);  // loop, seq, ready
            break;
        case POLL_BEGIN:
            sum += u16(&at), sum += u32(&at), sum += u32(&at);  // loop, seq, budget
            break;
        case POLL_END:
            sum += u16(&at), sum += u32(&at), sum += u8(&at);  // loop, seq, outcome
            break;
        case HANDLER_BEGIN:
        case HANDLER_END:
            sum += u16(&at), sum += u32(&at), sum += u8(&at);  // loop, seq, source
            sum += u16(&at), sum += u16(&at);                  // device, queue
            break;
        case IOEVENTFD_SIGNAL:
            sum += u16(&at), sum += u32(&at), sum += u16(&at), sum += u16(&at);  // loop, seq, device, queue
            sum += u64(&at);                                                     // counter
            break;
        case REQUEST_BEGIN:
            sum += u8(&at), sum += u16(&at), sum += u32(&at), sum += u16(&at);  // thread_kind, thread, seq, device
            sum += u16(&at), sum += u32(&at), sum += u8(&at), sum += u32(&at);  // queue, id, kind, bytes
            break;
        case REQUEST_END:
            sum += u8(&at), sum += u16(&at), sum += u32(&at), sum += u16(&at);  // thread_kind, thread, seq, device
            sum += u16(&at), sum += u32(&at), sum += u8(&at);                   // queue, id, status
            break;
        case INTERRUPT:
            sum += u8(&at), sum += u16(&at), sum += u32(&at);  // thread_kind, thread, seq
            sum += u16(&at), sum += u32(&at), sum += u8(&at);  // device, line, mechanism
            break;
        case GUEST_MARK:
            sum += u16(&at), sum += u32(&at), sum += u32(&at), sum += u64(&at);  // vcpu, seq, value, guest_tsc
            break;
        case GUEST_KICK_STAMP:
            sum += u8(&at), sum += u16(&at), sum += u32(&at), sum += u16(&at);  // thread_kind, thread, seq, device
            sum += u16(&at), sum += u32(&at), sum += u64(&at);                  // queue, id, tsc
            break;
        case KVM_STATS:
            sum += u8(&at), sum += u16(&at), sum += u8(&at), sum += u32(&at);  // scope, id, moment, known
            for (int counter = 0; counter < 18; counter++) sum += u64(&at);    // exits ... tlb_flush
            break;
        case KVM_COUNTER:
            sum += u8(&at), sum += u16(&at), sum += u8(&at);     // scope, id, moment
            sum += u16(&at), sum += u16(&at), sum += u64(&at);  // counter, element, value
            break;
        case THREAD_STATS:
            sum += u8(&at), sum += u16(&at), sum += u8(&at), sum += u8(&at);     // thread_kind, thread, moment, known
            sum += u64(&at), sum += u64(&at), sum += u64(&at), sum += u64(&at);  // run, wait, both kinds of switches
            break;
        case EVENT_TOTALS:
            sum += u8(&at), sum += u16(&at), sum += u8(&at);  // thread_kind, thread, moment
            sum += u16(&at), sum += u64(&at);                 // threads, emitted
            break;
        case VM_INFO:
            for (int text = 0; text < 5; text++) sum += string(&at, end);  // version, guest, kvm, kernel, configuration
            need(at, end, event_bytes[VM_INFO]);
            sum += u32(&at), sum += u64(&at), sum += u32(&at);  // pid, ram_bytes, tsc_khz
            sum += u16(&at), sum += u16(&at);                   // vcpus, loops
            break;
        case VCPU_INFO:
            sum += u16(&at), sum += u32(&at), sum += string(&at, end);  // vcpu, tid, name
            need(at, end, 13);
            sum += i32(&at), sum += u64(&at), sum += u8(&at);  // cpu, tsc_offset, tsc_offset_known
            break;
        case LOOP_INFO:
            sum += u16(&at), sum += u32(&at), sum += string(&at, end);  // loop, tid, name
            need(at, end, 8);
            sum += i32(&at), sum += u32(&at);  // cpu, poll_budget
            break;
        case DEVICE_INFO:
            sum += u16(&at), sum += string(&at, end);  // device, name
            need(at, end, 23);
            sum += u8(&at), sum += u64(&at), sum += u64(&at);  // space, base, length
            sum += i32(&at), sum += u16(&at);                  // line, lock
            break;
        case IOEVENTFD_INFO:
            sum += u16(&at), sum += u16(&at), sum += u16(&at), sum += u8(&at);  // device, queue, loop, space
            sum += u64(&at), sum += u8(&at), sum += u8(&at), sum += u64(&at);   // address, size, matched, value
            break;
        case CLOCK_SYNC:
            sum += u64(&at), sum += u64(&at), sum += u64(&at), sum += u32(&at);  // tsc, monotonic, realtime, window
            break;
        case KVM_COUNTER_INFO:
            sum += u8(&at), sum += u16(&at), sum += string(&at, end);  // scope, counter, name
            need(at, end, 11);
            sum += u8(&at), sum += u8(&at), sum += u8(&at), sum += i16(&at);  // type, unit, base, exponent
            sum += u16(&at), sum += u32(&at);                                 // size, bucket_size
            break;
        }
        sums.events++;
        sums.fields += sum;
        sums.timestamps += clock;
    }
    *result = sums;
}

// The packets of a file, one behind the other.
static void packets(const uint8_t *at, uint64_t rest, struct sums *sums) {
    while (rest > 0) {
        if (rest < PACKET) errx(1, "the last packet is cut short");
        const uint8_t *field = at;
        if (u32(&field) != MAGIC) errx(1, "a packet does not begin with CTF's magic number");
        field = at + PACKET_HEADER;
        uint64_t begin = u64(&field);
        u64(&field);
        uint64_t content = u64(&field) / 8, size = u64(&field) / 8;
        if (content < PACKET || content > size || size > rest) errx(1, "a packet's sizes cannot be");
        events(at + PACKET, at + content, begin, sums);
        at += size;
        rest -= size;
    }
}

int main(int argc, char **argv) {
    struct sums sums = {0, 0, 0};
    for (int argument = 1; argument < argc; argument++) {
        int file = open(argv[argument], O_RDONLY);
        struct stat status;
        if (file < 0 || fstat(file, &status) < 0) err(1, "%s", argv[argument]);
        uint64_t size = (uint64_t)status.st_size;
        if (size > 0) {
            void *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
            if (bytes == MAP_FAILED) err(1, "%s", argv[argument]);
            packets(bytes, size, &sums);
            munmap(bytes, size);
        }
        close(file);
    }
    printf("%lu %lu %lu\n", sums.events, sums.fields, sums.timestamps);
    return 0;
}
