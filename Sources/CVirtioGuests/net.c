// Answers over Ethernet: requests for the address that it has, pings, and datagrams, which go back to where they came from.
//
// A packet is answered in the buffer that it came in: a buffer is a descriptor of the same number in both queues, and in one of
// them at a time. Without VIRTIO_NET_F_CSUM and its kin every packet has its checksums, and they are verified. What is for
// others, is a fragment or asks for nothing is passed over.
#define GUEST_IMAGE "exeunt_guest_net"
#include "virtio.h"

#define NETWORK_DEVICE 1
#define FEATURE_ADDRESS (1ull << 5)
#define CONFIGURATION_ADDRESS 0
#ifndef DRIVER_FEATURES
// analysis/bench/network.py has it agree on more, which changes nothing of what it does.
#define DRIVER_FEATURES 0
#endif

#define DEPTH_MAX 64
// Section 5.1.6.3.1: 1526 at the least.
#define BUFFER_BYTES 2048

enum phase {
    PHASE_END = 0,
    PHASE_ANSWERS = 1,
};

enum queue_number {
    RECEIVE = 0,
    TRANSMIT = 1,
    QUEUES = 2,
};

// Numbers are big-endian from the Ethernet header on.
struct __attribute__((packed)) ethernet {
    uint8_t to[6];
    uint8_t from[6];
    uint16_t type;
};
enum ethernet_type {
    TYPE_IPV4 = 0x0800,
    TYPE_ARP = 0x0806,
};

// RFC 826, for Ethernet and IPv4.
struct __attribute__((packed)) arp {
    uint16_t hardware;
    uint16_t protocol;
    uint8_t hardware_length;
    uint8_t protocol_length;
    uint16_t operation;
    uint8_t sender[6];
    uint32_t sender_address;
    uint8_t target[6];
    uint32_t target_address;
};
enum arp_operation {
    ARP_REQUEST = 1,
    ARP_REPLY = 2,
};

// RFC 791.
struct __attribute__((packed)) ipv4 {
    uint8_t version_and_length;
    uint8_t service;
    uint16_t length;
    uint16_t identification;
    uint16_t fragment;
    uint8_t time_to_live;
    uint8_t protocol;
    uint16_t checksum;
    uint32_t source;
    uint32_t destination;
};
#define IPV4_MORE_FRAGMENTS_OR_OFFSET 0x3fff
enum ipv4_protocol {
    PROTOCOL_ICMP = 1,
    PROTOCOL_UDP = 17,
};

// RFC 792.
struct __attribute__((packed)) icmp {
    uint8_t type;
    uint8_t code;
    uint16_t checksum;
    uint32_t echo;
};
enum icmp_type {
    ICMP_ECHO_REPLY = 0,
    ICMP_ECHO = 8,
};

// RFC 768.
struct __attribute__((packed)) udp {
    uint16_t source;
    uint16_t destination;
    uint16_t length;
    uint16_t checksum;
};

struct __attribute__((packed)) packet {
    // Section 5.1.6.
    struct __attribute__((packed)) {
        uint8_t flags;
        uint8_t segmentation;
        uint16_t header_length;
        uint16_t segment_length;
        uint16_t checksum_start;
        uint16_t checksum_offset;
        uint16_t buffers;
    } header;
    struct ethernet ethernet;
    union {
        struct arp arp;
        struct ipv4 ipv4;
    };
};
#define HEADER_BYTES 12
_Static_assert(sizeof(struct packet) == HEADER_BYTES + 14 + 28, "struct packet");

struct interface {
    struct queue queues[QUEUES];
    uint8_t ethernet[6];
    // Big-endian, as in packets.
    uint32_t address;
    // Buffers with the device for sending; the others are there to be filled.
    uint64_t sent;
};

static inline struct packet *packet(uint32_t number) {
    return (struct packet *)(uintptr_t)(BUFFERS + BUFFER_BYTES * number);
}

static inline uint16_t swap16(uint16_t value) { return (uint16_t)(value << 8 | value >> 8); }

// The one's complement sum of 16-bit words (RFC 1071), in whatever order their bytes are; 0xffff over what has a right checksum.
static __attribute__((noinline)) uint16_t sum_of(const uint8_t *bytes, uint32_t length, uint64_t sum) {
    typedef uint32_t __attribute__((aligned(1), may_alias)) word;
    typedef uint16_t __attribute__((aligned(1), may_alias)) half;
    for (; length >= 4; length -= 4, bytes += 4)
        sum += *(const word *)bytes;
    if (length & 2) {
        sum += *(const half *)bytes;
        bytes += 2;
    }
    if (length & 1)
        sum += *bytes;
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

static inline void offer(struct interface *me, enum queue_number to, uint32_t number, uint32_t length) {
    struct queue *queue = &me->queues[to];
    queue->descriptors[number].length = length;
    if (to == TRANSMIT)
        me->sent |= 1ull << number;
    else
        me->sent &= ~(1ull << number);
    queue_offer(queue, (uint16_t)number);
    if ((uint16_t)(queue->offered - queue->kicked) >= PARAMETERS->batch)
        queue_kick(queue);
}

// Makes the answer to an ARP request of the request.
static inline int answer_arp(const struct interface *me, struct packet *packet) {
    struct arp *arp = &packet->arp;
    if (arp->operation != swap16(ARP_REQUEST) || arp->protocol != swap16(TYPE_IPV4) ||
        arp->target_address != me->address)
        return 0;
    arp->operation = swap16(ARP_REPLY);
    arp->target_address = arp->sender_address;
    arp->sender_address = me->address;
    for (uint32_t index = 0; index < 6; index++) {
        arp->target[index] = arp->sender[index];
        arp->sender[index] = me->ethernet[index];
    }
    return 1;
}

// Makes an answer of what asks for one: a ping or a datagram.
static inline int answer_ipv4(const struct interface *me, struct packet *packet, uint32_t length) {
    struct ipv4 *ip = &packet->ipv4;
    uint32_t header = 4 * (ip->version_and_length & 15);
    uint32_t total = swap16(ip->length);
    if (ip->version_and_length >> 4 != 4 || header < sizeof *ip || total < header + sizeof(struct icmp) ||
        total > length || ip->destination != me->address ||
        ip->fragment & swap16(IPV4_MORE_FRAGMENTS_OR_OFFSET))
        return 0;
    uint8_t *payload = (uint8_t *)ip + header;
    uint32_t count = total - header;
    if (sum_of((const uint8_t *)ip, header, 0) != 0xffff)
        fail_at(FAILURE_WRONG_VALUE, REPORT->reads);
    // Sums are the same whatever the order of what is summed up: those with both ends changed over stay right.
    if (ip->protocol == PROTOCOL_ICMP) {
        struct icmp *icmp = (struct icmp *)payload;
        if (icmp->type != ICMP_ECHO || icmp->code != 0)
            return 0;
        if (sum_of(payload, count, 0) != 0xffff)
            fail_at(FAILURE_WRONG_VALUE, REPORT->reads);
        icmp->type = ICMP_ECHO_REPLY;
        // RFC 1624: what one word has lost, its checksum gains.
        uint32_t checksum = (uint32_t)icmp->checksum + ICMP_ECHO;
        icmp->checksum = (uint16_t)(checksum + (checksum >> 16));
    } else if (ip->protocol == PROTOCOL_UDP) {
        struct udp *udp = (struct udp *)payload;
        uint64_t pseudo_header =
            (uint64_t)ip->source + ip->destination + swap16(PROTOCOL_UDP) + (uint64_t)udp->length;
        if (udp->checksum != 0 && sum_of(payload, count, pseudo_header) != 0xffff)
            fail_at(FAILURE_WRONG_VALUE, REPORT->reads);
        uint16_t port = udp->source;
        udp->source = udp->destination;
        udp->destination = port;
    } else {
        return 0;
    }
    ip->destination = ip->source;
    ip->source = me->address;
    return 1;
}

// Takes a packet out of the ring, checks what the device said of it, and sends it back where it asks for an answer.
static inline void receive(struct interface *me) {
    uint64_t taken = queue_take(&me->queues[RECEIVE]);
    uint32_t number = (uint32_t)taken, length = (uint32_t)(taken >> 32);
    if (number >= PARAMETERS->depth || me->sent & 1ull << number)
        fail_at(FAILURE_COMPLETION, number);
    if (length < HEADER_BYTES + sizeof(struct ethernet) || length > BUFFER_BYTES)
        fail_at(FAILURE_STATUS, length);
    REPORT->completions++;
    REPORT->reads++;
    struct packet *it = packet(number);
    // No feature was agreed on that would allow anything else.
    if (it->header.flags || it->header.segmentation || it->header.buffers != 1)
        fail_at(FAILURE_WRONG_VALUE, REPORT->reads);
    uint32_t payload = length - HEADER_BYTES - (uint32_t)sizeof(struct ethernet);
    int is_answer = 0;
    if (REPORT->iterations < PARAMETERS->iterations && payload >= sizeof(struct arp)) {
        if (it->ethernet.type == swap16(TYPE_ARP)) {
            is_answer = answer_arp(me, it);
        } else if (it->ethernet.type == swap16(TYPE_IPV4)) {
            is_answer = answer_ipv4(me, it, payload);
            REPORT->iterations += (uint64_t)is_answer;
        }
    }
    if (!is_answer) {
        offer(me, RECEIVE, number, BUFFER_BYTES);
        return;
    }
    it->header.buffers = 0;
    for (uint32_t index = 0; index < 6; index++) {
        it->ethernet.to[index] = it->ethernet.from[index];
        it->ethernet.from[index] = me->ethernet[index];
    }
    offer(me, TRANSMIT, number, length);
    space();
}

// Takes a packet that was sent out of the ring; its buffer can be filled again.
static inline void take_back(struct interface *me) {
    uint64_t taken = queue_take(&me->queues[TRANSMIT]);
    uint32_t number = (uint32_t)taken;
    if (number >= PARAMETERS->depth || !(me->sent & 1ull << number))
        fail_at(FAILURE_COMPLETION, number);
    if (taken >> 32 != 0)
        fail_at(FAILURE_STATUS, taken >> 32);
    REPORT->completions++;
    REPORT->writes++;
    offer(me, RECEIVE, number, BUFFER_BYTES);
}

static inline void check_parameters(void) {
    const struct parameters *given = PARAMETERS;
    if (given->depth == 0 || given->depth > DEPTH_MAX || given->batch == 0)
        fail(FAILURE_PARAMETERS);
    if (waits_for_interrupts() && !(given->flags & FLAG_INTERRUPT_CONTROLLER))
        fail(FAILURE_PARAMETERS);
}

static inline void guest_main(void) {
    const struct parameters *given = PARAMETERS;
    check_parameters();
    struct interface me;
    me.sent = 0;
    me.address = __builtin_bswap32(given->parameter);
    virtio_open(NETWORK_DEVICE, FEATURE_ADDRESS | DRIVER_FEATURES, 0);
    for (uint32_t index = 0; index < 6; index++)
        me.ethernet[index] = virtio_configuration8(CONFIGURATION_ADDRESS + index);
    for (uint32_t queue = 0; queue < QUEUES; queue++)
        queue_open(&me.queues[queue], queue, given->depth);
    if (waits_for_interrupts())
        interrupts_enable(given->line);
    for (uint32_t number = 0; number < given->depth; number++) {
        for (uint32_t queue = 0; queue < QUEUES; queue++) {
            struct descriptor *descriptor = &me.queues[queue].descriptors[number];
            descriptor->address = (uintptr_t)packet(number);
            descriptor->flags = queue == RECEIVE ? DESCRIPTOR_WRITE : 0;
        }
    }
    virtio_start();

    mark(PHASE_ANSWERS);
    for (uint32_t number = 0; number < given->depth; number++)
        offer(&me, RECEIVE, number, BUFFER_BYTES);
    struct queue *received = &me.queues[RECEIVE], *transmitted = &me.queues[TRANSMIT];
    while (REPORT->iterations < given->iterations || me.sent != 0) {
        queue_kick(transmitted);
        queue_kick(received);
        // Somebody outside may take their time; the device may not.
        queues_wait_for(me.queues, QUEUES, me.sent ? SECONDS_TO_GIVE_UP : FOR_EVER);
        while (!queue_is_empty(transmitted) || queue_ask(transmitted))
            take_back(&me);
        while (!queue_is_empty(received) || queue_ask(received))
            receive(&me);
    }
    mark(PHASE_END);
    virtio_close();
}

#pragma clang attribute pop
