#include "CLinux.h"

#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static int result(int status) { return status < 0 ? -errno : 0; }

static struct ifreq request(const char *name) {
    struct ifreq request;
    memset(&request, 0, sizeof request);
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    return request;
}

int clinux_tap_attach(int tun, const char *name, bool has_several) {
    struct ifreq wanted = request(name);
    wanted.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (has_several ? IFF_MULTI_QUEUE : 0));
    return result(ioctl(tun, TUNSETIFF, &wanted));
}

int clinux_tap_use_queue(int tun, bool is_used) {
    struct ifreq wanted = {.ifr_flags = is_used ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE};
    return result(ioctl(tun, TUNSETQUEUE, &wanted));
}

int clinux_tap_set_header_length(int tun, int length) {
    return result(ioctl(tun, TUNSETVNETHDRSZ, &length));
}

int clinux_tap_set_offloads(int tun, unsigned offloads) {
    unsigned long flags = 0;
    if (offloads & 1) flags |= TUN_F_CSUM;
    if (offloads & 2) flags |= TUN_F_TSO4;
    if (offloads & 4) flags |= TUN_F_TSO6;
    if (offloads & 8) flags |= TUN_F_TSO_ECN;
    return result(ioctl(tun, TUNSETOFFLOAD, flags));
}

int clinux_interface_is_up(const char *name) {
    int socket_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket_ < 0) return -errno;
    struct ifreq wanted = request(name);
    int status = result(ioctl(socket_, SIOCGIFFLAGS, &wanted));
    close(socket_);
    return status == 0 ? (wanted.ifr_flags & IFF_UP) != 0 : status;
}

int clinux_interface_up(const char *name) {
    int socket_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket_ < 0) return -errno;
    struct ifreq wanted = request(name);
    int status = result(ioctl(socket_, SIOCGIFFLAGS, &wanted));
    if (status == 0) {
        wanted.ifr_flags |= IFF_UP;
        status = result(ioctl(socket_, SIOCSIFFLAGS, &wanted));
    }
    close(socket_);
    return status;
}
