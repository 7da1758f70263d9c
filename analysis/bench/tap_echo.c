// What the built-in guest `net` does, by a program without any virtual machine: it reads packets from a tap, with virtio's header in
// front, and sends those back that ask for an answer. A read and a write for each.
//
//   tap_echo TAP MAC ADDRESS COUNT
//
// Ends when it has answered COUNT pings and datagrams. The kernel has made the packets: nothing is verified but lengths.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/if_ether.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

// virtio 1.2, section 5.1.6, with `num_buffers`.
enum { header_bytes = 12 };

struct packet {
    uint8_t header[header_bytes];
    struct ether_header ethernet;
    union {
        struct ether_arp arp;
        struct {
            struct iphdr ip;
            union {
                struct icmphdr icmp;
                struct udphdr udp;
            };
        };
    };
} __attribute__((packed));

static uint8_t mac[ETH_ALEN];
static struct in_addr address;

static int answer_arp(struct packet *packet) {
    if (packet->arp.ea_hdr.ar_op != htons(ARPOP_REQUEST) || memcmp(packet->arp.arp_tpa, &address, 4) != 0) return 0;
    packet->arp.ea_hdr.ar_op = htons(ARPOP_REPLY);
    memcpy(packet->arp.arp_tha, packet->arp.arp_sha, ETH_ALEN);
    memcpy(packet->arp.arp_tpa, packet->arp.arp_spa, 4);
    memcpy(packet->arp.arp_sha, mac, ETH_ALEN);
    memcpy(packet->arp.arp_spa, &address, 4);
    return 1;
}

static int answer_ip(struct packet *packet) {
    if (packet->ip.daddr != address.s_addr || packet->ip.ihl != 5) return 0;
    if (packet->ip.protocol == IPPROTO_ICMP && packet->icmp.type == ICMP_ECHO) {
        packet->icmp.type = ICMP_ECHOREPLY;
        // RFC 1624.
        uint32_t checksum = packet->icmp.checksum + (uint32_t)htons(ICMP_ECHO << 8);
        packet->icmp.checksum = (uint16_t)(checksum + (checksum >> 16));
    } else if (packet->ip.protocol == IPPROTO_UDP) {
        uint16_t port = packet->udp.source;
        packet->udp.source = packet->udp.dest;
        packet->udp.dest = port;
    } else {
        return 0;
    }
    packet->ip.daddr = packet->ip.saddr;
    packet->ip.saddr = address.s_addr;
    return 1;
}

int main(int argc, char **argv) {
    if (argc != 5 || inet_pton(AF_INET, argv[3], &address) != 1 ||
        sscanf(argv[2], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", mac, mac + 1, mac + 2, mac + 3, mac + 4, mac + 5) != ETH_ALEN) {
        fprintf(stderr, "usage: tap_echo TAP MAC ADDRESS COUNT\n");
        return 2;
    }
    unsigned long left = strtoul(argv[4], NULL, 0);
    int tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC), header = header_bytes;
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    strncpy(request.ifr_name, argv[1], IFNAMSIZ - 1);
    if (tap < 0 || ioctl(tap, TUNSETIFF, &request) < 0 || ioctl(tap, TUNSETVNETHDRSZ, &header) < 0) {
        perror(argv[1]);
        return 1;
    }
    while (left > 0) {
        union {
            struct packet packet;
            uint8_t bytes[2048];
        } it;
        ssize_t length = read(tap, &it, sizeof it);
        if (length < 0) {
            perror("reading the tap");
            return 1;
        }
        if ((size_t)length < sizeof it.packet) continue;
        int is_ip = it.packet.ethernet.ether_type == htons(ETHERTYPE_IP);
        if (is_ip ? !answer_ip(&it.packet)
                  : it.packet.ethernet.ether_type != htons(ETHERTYPE_ARP) || !answer_arp(&it.packet))
            continue;
        memcpy(it.packet.ethernet.ether_dhost, it.packet.ethernet.ether_shost, ETH_ALEN);
        memcpy(it.packet.ethernet.ether_shost, mac, ETH_ALEN);
        memset(it.packet.header, 0, header_bytes);
        if (write(tap, &it, (size_t)length) != length) {
            perror("writing to the tap");
            return 1;
        }
        left -= (unsigned long)is_ip;
    }
    return 0;
}
