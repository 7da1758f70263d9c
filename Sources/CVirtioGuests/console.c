// Data over two ports of a console, the kernel's (hvc0) and another: what is written to a port has to come back, whole and in
// order, over that port or the other, depending on where they lead.
//
// Each port's data are words of eight bytes: the port's number + 1 in the first, a count in the others. So the first byte that
// comes over a port says whose data come there, and no word comes twice. A write is under way until all of it has come back.
#define GUEST_IMAGE "exeunt_guest_console"
#include "virtio.h"

#define CONSOLE_DEVICE 3
#define FEATURE_MULTIPORT (1ull << 1)
#define CONFIGURATION_PORTS 4

#define PORTS 2
#define DEPTH_MAX 64

enum phase {
    PHASE_END = 0,
    PHASE_PORTS = 1,
    PHASE_DATA = 2,
};

// Section 5.3.2. Of port 0 and port 1.
enum queue_number {
    CONTROL_RECEIVE = 2,
    CONTROL_TRANSMIT = 3,
    QUEUES = 6,
};
#define PORT_RECEIVE(port) ((port) == 0 ? 0 : 4)
#define PORT_TRANSMIT(port) (PORT_RECEIVE(port) + 1)

// Section 5.3.6.2.
struct message {
    uint32_t port;
    uint16_t event;
    uint16_t value;
};
enum event {
    DEVICE_READY = 0,
    PORT_ADD = 1,
    PORT_READY = 3,
    PORT_OPEN = 6,
};
// Buffers for the device's messages, with room for a port's name behind them.
#define MESSAGES 16
#define MESSAGE_BYTES 1024
#define MESSAGE(number) ((struct message *)(uintptr_t)(TABLES + MESSAGE_BYTES * (number)))
// This driver's own: one, and two for each port.
#define OWN_MESSAGES (1 + 2 * PORTS)
#define OWN_MESSAGE(number) ((struct message *)(uintptr_t)(TABLES + MESSAGE_BYTES * MESSAGES) + (number))

struct port_state {
    // Words that were written to it, and of those the ones that have come back, by whatever port.
    uint64_t written;
    uint64_t returned;
    // Whose data come here; PORTS while nobody knows.
    uint32_t origin;
    // Bytes of their next word that have come.
    uint32_t bytes;
    // Buffers that no write has, as a stack of their numbers, and those that one has.
    uint64_t busy;
    uint32_t free;
    uint8_t numbers[DEPTH_MAX];
};

struct console {
    struct queue queues[QUEUES];
    struct port_state ports[PORTS];
    // Ports to which somebody is connected, as bits.
    uint32_t open;
    uint32_t own_messages;
};

typedef uint64_t __attribute__((may_alias)) word;
typedef uint8_t __attribute__((may_alias)) byte;

// Each queue with data has its own `depth` buffers.
static inline word *buffer(uint32_t queue, uint32_t number) {
    uint32_t place = (queue < CONTROL_RECEIVE ? queue : queue - 2) * PARAMETERS->depth + number;
    return (word *)(BUFFERS + (uintptr_t)place * PARAMETERS->bytes);
}

static inline uint64_t pattern(uint32_t port, uint64_t index) { return port + 1 | index << 8; }

static inline void offer(struct console *console, uint32_t number, uint32_t head) {
    struct queue *queue = &console->queues[number];
    queue_offer(queue, (uint16_t)head);
    if ((uint16_t)(queue->offered - queue->kicked) >= PARAMETERS->batch)
        queue_kick(queue);
}

static inline void say(struct console *console, uint32_t port, enum event event) {
    if (console->own_messages == OWN_MESSAGES)
        fail_at(FAILURE_DEVICE, port);
    struct message *message = OWN_MESSAGE(console->own_messages);
    message->port = port;
    message->event = (uint16_t)event;
    message->value = 1;
    offer(console, CONTROL_TRANSMIT, console->own_messages++);
}

// What the device says about a port.
static inline void hear(struct console *console) {
    uint64_t taken = queue_take(&console->queues[CONTROL_RECEIVE]);
    uint32_t number = (uint32_t)taken, length = (uint32_t)(taken >> 32);
    if (number >= MESSAGES)
        fail_at(FAILURE_COMPLETION, number);
    if (length < sizeof(struct message) || length > MESSAGE_BYTES)
        fail_at(FAILURE_STATUS, length);
    const struct message *message = MESSAGE(number);
    uint32_t port = message->port;
    if (port < PORTS) {
        if (message->event == PORT_ADD) {
            say(console, port, PORT_READY);
            say(console, port, PORT_OPEN);
        } else if (message->event == PORT_OPEN) {
            // Who leaves takes away what is under way.
            if (!message->value && console->ports[port].written)
                fail_at(FAILURE_PEER, port);
            console->open &= ~(1u << port);
            console->open |= (uint32_t)(message->value & 1) << port;
        }
    }
    offer(console, CONTROL_RECEIVE, number);
}

// Whose data come over a port, of which these are the first.
static inline struct port_state *origin_of(struct console *console, struct port_state *port, const byte *bytes) {
    if (port->origin == PORTS)
        port->origin = bytes[0] - 1u;
    if (port->origin >= PORTS)
        fail_at(FAILURE_WRONG_VALUE, 0);
    return &console->ports[port->origin];
}

// Checks whole words. They have never been in this buffer before: what it held cannot pass for them.
static inline void check_words(const struct port_state *port, struct port_state *origin, const word *words, uint64_t count) {
    if (count > origin->written - origin->returned)
        fail_at(FAILURE_WRONG_VALUE, origin->written);
    uint64_t expected = pattern(port->origin, origin->returned);
    for (uint64_t index = 0; index < count; index++, expected += 1 << 8)
        if (words[index] != expected)
            fail_at(FAILURE_WRONG_VALUE, expected >> 8);
    origin->returned += count;
}

// Checks the next byte of a word that has come in part, or is about to.
static inline void check_byte(struct port_state *port, struct port_state *origin, byte value) {
    if (origin->returned == origin->written ||
        value != (uint8_t)(pattern(port->origin, origin->returned) >> 8 * port->bytes))
        fail_at(FAILURE_WRONG_VALUE, origin->returned);
    if (++port->bytes == 8) {
        port->bytes = 0;
        origin->returned++;
    }
}

// The last word of a buffer: 0 until the device has written so far.
static inline word *last_word(uint32_t queue, uint32_t number) {
    return buffer(queue, number) + PARAMETERS->bytes / 8 - 1;
}

static inline void receive(struct console *console, uint32_t number) {
    uint32_t queue = PORT_RECEIVE(number);
    struct port_state *port = &console->ports[number];
    uint64_t taken = queue_take(&console->queues[queue]);
    uint32_t head = (uint32_t)taken, length = (uint32_t)(taken >> 32);
    if (head >= PARAMETERS->depth)
        fail_at(FAILURE_COMPLETION, head);
    if (length == 0 || length > PARAMETERS->bytes)
        fail_at(FAILURE_STATUS, length);
    const byte *bytes = (const byte *)buffer(queue, head);
    struct port_state *origin = origin_of(console, port, bytes);
    for (uint32_t place = 0; place < length;) {
        if (port->bytes == 0 && length - place >= 8) {
            check_words(port, origin, (const word *)(bytes + place), (length - place) / 8);
            place += (length - place) & ~7u;
        } else {
            check_byte(port, origin, bytes[place++]);
        }
    }
    if (length <= PARAMETERS->bytes - 8 && *last_word(queue, head) != 0)
        fail_at(FAILURE_WRONG_VALUE, length);
    *last_word(queue, head) = 0;
    REPORT->completions++;
    REPORT->reads++;
    offer(console, queue, head);
}

static inline void take_back(struct console *console, uint32_t number) {
    uint64_t taken = queue_take(&console->queues[PORT_TRANSMIT(number)]);
    struct port_state *port = &console->ports[number];
    uint32_t head = (uint32_t)taken;
    if (head >= PARAMETERS->depth || !(port->busy & 1ull << head))
        fail_at(FAILURE_COMPLETION, head);
    if (taken >> 32 != 0)
        fail_at(FAILURE_STATUS, taken >> 32);
    port->busy &= ~(1ull << head);
    port->numbers[port->free++] = (uint8_t)head;
    REPORT->completions++;
    REPORT->writes++;
}

static inline void write(struct console *console, uint32_t number) {
    struct port_state *port = &console->ports[number];
    uint32_t head = port->numbers[--port->free];
    word *words = buffer(PORT_TRANSMIT(number), head);
    uint64_t value = pattern(number, port->written);
    for (uint32_t left = PARAMETERS->bytes / 8; left > 0; left--, value += 1 << 8)
        *words++ = value;
    port->written += PARAMETERS->bytes / 8;
    port->busy |= 1ull << head;
    offer(console, PORT_TRANSMIT(number), head);
}

static __attribute__((noinline)) void take_all(struct console *console) {
    struct queue *queues = console->queues;
    while (!queue_is_empty(&queues[CONTROL_RECEIVE]) || queue_ask(&queues[CONTROL_RECEIVE]))
        hear(console);
    while (!queue_is_empty(&queues[CONTROL_TRANSMIT]) || queue_ask(&queues[CONTROL_TRANSMIT]))
        if ((uint32_t)queue_take(&queues[CONTROL_TRANSMIT]) >= console->own_messages)
            fail(FAILURE_COMPLETION);
    for (uint32_t port = 0; port < PORTS; port++) {
        struct queue *transmitted = &queues[PORT_TRANSMIT(port)], *received = &queues[PORT_RECEIVE(port)];
        while (!queue_is_empty(transmitted) || queue_ask(transmitted))
            take_back(console, port);
        while (!queue_is_empty(received) || queue_ask(received))
            receive(console, port);
    }
}

// Kicks, and waits until something has happened.
static inline void wait(struct console *console, uint32_t seconds) {
    for (uint32_t queue = 0; queue < QUEUES; queue++)
        queue_kick(&console->queues[queue]);
    queues_wait_for(console->queues, QUEUES, seconds);
    take_all(console);
}

static inline void describe(struct console *console, uint32_t queue, uint32_t head, const volatile void *place,
    uint32_t length, uint16_t flags) {
    struct descriptor *descriptor = &console->queues[queue].descriptors[head];
    descriptor->address = (uintptr_t)place;
    descriptor->length = length;
    descriptor->flags = flags;
}

static inline void prepare(struct console *console) {
    for (uint32_t number = 0; number < MESSAGES; number++) {
        describe(console, CONTROL_RECEIVE, number, MESSAGE(number), MESSAGE_BYTES, DESCRIPTOR_WRITE);
        queue_offer(&console->queues[CONTROL_RECEIVE], (uint16_t)number);
    }
    for (uint32_t number = 0; number < OWN_MESSAGES; number++)
        describe(console, CONTROL_TRANSMIT, number, OWN_MESSAGE(number), sizeof(struct message), 0);
    for (uint32_t number = 0; number < PORTS; number++) {
        struct port_state *port = &console->ports[number];
        port->written = port->returned = port->busy = 0;
        port->origin = PORTS;
        port->bytes = port->free = 0;
        uint32_t receiving = PORT_RECEIVE(number), transmitting = PORT_TRANSMIT(number);
        for (uint32_t head = 0; head < PARAMETERS->depth; head++) {
            describe(
                console, receiving, head, buffer(receiving, head), PARAMETERS->bytes, DESCRIPTOR_WRITE);
            describe(console, transmitting, head, buffer(transmitting, head), PARAMETERS->bytes, 0);
            *last_word(receiving, head) = 0;
            queue_offer(&console->queues[receiving], (uint16_t)head);
            port->numbers[port->free++] = (uint8_t)head;
        }
    }
}

static inline void check_parameters(void) {
    const struct parameters *given = PARAMETERS;
    if (given->bytes == 0 || given->bytes % 8 || given->depth == 0 || given->depth > DEPTH_MAX ||
        given->batch == 0)
        fail(FAILURE_PARAMETERS);
    if (waits_for_interrupts() && !(given->flags & FLAG_INTERRUPT_CONTROLLER))
        fail(FAILURE_PARAMETERS);
}

static inline uint64_t words_under_way(const struct console *console) {
    uint64_t words = 0;
    for (const struct port_state *port = console->ports; port < console->ports + PORTS; port++)
        words += port->written - port->returned;
    return words;
}

static inline void guest_main(void) {
    const struct parameters *given = PARAMETERS;
    check_parameters();
    struct console console;
    console.open = console.own_messages = 0;
    virtio_open(CONSOLE_DEVICE, FEATURE_MULTIPORT, 0);
    uint32_t ports = virtio_read(VIRTIO_CONFIGURATION + CONFIGURATION_PORTS);
    if (ports < PORTS)
        fail_at(FAILURE_PORTS, ports);
    for (uint32_t queue = 0; queue < QUEUES; queue++)
        queue_open(&console.queues[queue], queue, queue == CONTROL_RECEIVE ? MESSAGES : given->depth);
    if (waits_for_interrupts())
        interrupts_enable(given->line);
    prepare(&console);
    virtio_start();

    mark(PHASE_PORTS);
    say(&console, 0xffffffff, DEVICE_READY);
    while (console.open != (1u << PORTS) - 1)
        wait(&console, FOR_EVER);

    mark(PHASE_DATA);
    uint32_t port = 0, words = given->bytes / 8;
    uint64_t room = (uint64_t)(given->depth - 1) * words;
    for (uint64_t left = given->iterations; left > 0; left--) {
        while (words_under_way(&console) > room || console.ports[port].free == 0)
            wait(&console, SECONDS_TO_GIVE_UP);
        write(&console, port);
        REPORT->iterations++;
        port = port + 1 == PORTS ? 0 : port + 1;
        space();
    }
    while (words_under_way(&console) > 0 || console.ports[0].busy || console.ports[1].busy)
        wait(&console, SECONDS_TO_GIVE_UP);
    mark(PHASE_END);
    virtio_close();
}

#pragma clang attribute pop
