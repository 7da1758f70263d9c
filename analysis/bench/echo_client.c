// Packets to somebody who sends them back, and how long each was on its way.
//
//   echo_client udp|ping ADDRESS PACKETS DEPTH BYTES LATENCIES
//
// Says "ready" when a first packet has come back, and waits for a line on standard input. Then it sends PACKETS of BYTES each, up to
// DEPTH of them under way, and says how many nanoseconds that took; the file LATENCIES has those of each packet from before it was
// sent until it had come back, 32 bits each. After another line it sends a last one and does not wait for it. Each packet has its
// number in front; one that is lost, changed or comes twice ends it.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { port = 7, bytes_max = 1400, answer_seconds = 10 };

static int is_ping, endpoint;
static size_t bytes;
static uint64_t *sent;

static void fail(const char *what) {
    fprintf(stderr, "echo_client: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

// RFC 1071.
static uint16_t checksum(const uint8_t *data, size_t count) {
    uint32_t sum = 0;
    for (size_t place = 0; place + 1 < count; place += 2) sum += (uint32_t)(data[place] << 8 | data[place + 1]);
    if (count & 1) sum += (uint32_t)(data[count - 1] << 8);
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return htons((uint16_t)~sum);
}

static void put(uint8_t *payload, uint64_t number) {
    memcpy(payload, &number, sizeof number);
    for (size_t place = sizeof number; place < bytes; place++) payload[place] = (uint8_t)(place + number);
}

static void transmit(uint64_t number) {
    uint8_t packet[sizeof(struct icmphdr) + bytes_max];
    size_t header = is_ping ? sizeof(struct icmphdr) : 0;
    put(packet + header, number);
    if (is_ping) {
        struct icmphdr icmp = {.type = ICMP_ECHO, .un.echo.id = htons((uint16_t)getpid())};
        memcpy(packet, &icmp, sizeof icmp);
        icmp.checksum = checksum(packet, header + bytes);
        memcpy(packet, &icmp, sizeof icmp);
    }
    sent[number] = now();
    if (send(endpoint, packet, header + bytes, 0) != (ssize_t)(header + bytes)) fail("sending");
}

// Returns the number of a packet that has come back; -1 where none has and `flags` say not to wait.
static int64_t receive(int flags) {
    uint8_t packet[2048], expected[bytes_max];
    size_t header = is_ping ? sizeof(struct iphdr) + sizeof(struct icmphdr) : 0;
    ssize_t length;
    do {
        length = recv(endpoint, packet, sizeof packet, flags);
        if (length < 0 && flags == MSG_DONTWAIT && errno == EAGAIN) return -1;
        if (length < 0) fail("no answer");
    } while (is_ping && packet[sizeof(struct iphdr)] != ICMP_ECHOREPLY);
    uint64_t number;
    if ((size_t)length != header + bytes) fail("an answer of another length");
    memcpy(&number, packet + header, sizeof number);
    put(expected, number);
    if (memcmp(packet + header, expected, bytes) != 0) fail("an answer that was changed");
    return (int64_t)number;
}

static void wait_for_line(void) {
    char line[16];
    if (!fgets(line, sizeof line, stdin)) exit(1);
}

int main(int argc, char **argv) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    if (argc != 7 || inet_pton(AF_INET, argv[2], &address.sin_addr) != 1) {
        fprintf(stderr, "usage: echo_client udp|ping ADDRESS PACKETS DEPTH BYTES LATENCIES\n");
        return 2;
    }
    is_ping = strcmp(argv[1], "ping") == 0;
    uint64_t packets = strtoull(argv[3], NULL, 0), depth = strtoull(argv[4], NULL, 0);
    bytes = strtoull(argv[5], NULL, 0);
    // The first and the last one, too.
    sent = calloc(packets + 2, sizeof *sent);
    uint32_t *latencies = calloc(packets, sizeof *latencies);
    if (!sent || !latencies || packets == 0 || depth == 0 || bytes < sizeof(uint64_t) || bytes > bytes_max) {
        fprintf(stderr, "echo_client: mistaken arguments\n");
        return 2;
    }
    endpoint = is_ping ? socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) : socket(AF_INET, SOCK_DGRAM, 0);
    struct timeval limit = {.tv_sec = answer_seconds};
    if (endpoint < 0 || connect(endpoint, (struct sockaddr *)&address, sizeof address) < 0 ||
        setsockopt(endpoint, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0)
        fail("socket");
    setbuf(stdout, NULL);

    // Waits in the kernel until somebody says that the address is theirs.
    transmit(0);
    receive(0);
    puts("ready");
    wait_for_line();

    // Those that were sent, and those that have come back, of the numbers from 1 on.
    uint64_t next = 1, back = 0, start = now();
    while (back < packets) {
        while (next <= packets && next - 1 - back < depth) transmit(next++);
        int flags = 0;
        do {
            int64_t number = receive(flags);
            if (number < 0) break;
            if (number == 0 || (uint64_t)number >= next || latencies[number - 1] != 0) fail("an answer that nobody waits for");
            uint64_t taken = now() - sent[number];
            latencies[number - 1] = taken > UINT32_MAX ? UINT32_MAX : (uint32_t)taken;
            back++;
            flags = MSG_DONTWAIT;
        } while (back < next - 1);
    }
    uint64_t wall = now() - start;
    FILE *file = fopen(argv[6], "wb");
    if (!file || fwrite(latencies, sizeof *latencies, packets, file) != packets || fclose(file) != 0) fail(argv[6]);
    printf("%llu\n", (unsigned long long)wall);
    wait_for_line();
    transmit(packets + 1);
    return 0;
}
