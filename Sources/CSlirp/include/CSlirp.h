// libslirp, found when it is needed: few guests have user networking, and others need neither the library nor the time to
// load it with all that it is linked with. The functions below are the library's without their prefix; none may be called
// before `cslirp_load`.
#ifndef CSLIRP_H
#define CSLIRP_H

#include <slirp/libslirp.h>

// Loads the library, once. NULL, or what went wrong.
const char *cslirp_load(void);

Slirp *cslirp_new(const SlirpConfig *configuration, const SlirpCb *callbacks, void *opaque);
void cslirp_cleanup(Slirp *slirp);
void cslirp_pollfds_fill(Slirp *slirp, uint32_t *timeout, SlirpAddPollCb add_poll, void *opaque);
void cslirp_pollfds_poll(Slirp *slirp, int select_error, SlirpGetREventsCb get_revents, void *opaque);
void cslirp_input(Slirp *slirp, const uint8_t *packet, int length);
// Addresses in the network's byte order. 0, or -1 and errno.
int cslirp_add_hostfwd(
    Slirp *slirp, int is_udp, struct in_addr host_address, int host_port, struct in_addr guest_address, int guest_port);

#endif
