#define _GNU_SOURCE
#include "CSlirp.h"

#include <dlfcn.h>
#include <stddef.h>

static __typeof__(slirp_new) *new;
static __typeof__(slirp_cleanup) *cleanup;
static __typeof__(slirp_pollfds_fill) *pollfds_fill;
static __typeof__(slirp_pollfds_poll) *pollfds_poll;
static __typeof__(slirp_input) *input;
static __typeof__(slirp_add_hostfwd) *add_hostfwd;

const char *cslirp_load(void) {
    static void *library;
    if (library != NULL) return NULL;
    // The number is that of its interface.
    void *found = dlopen("libslirp.so.0", RTLD_NOW | RTLD_LOCAL);
    if (found == NULL) return dlerror();
    // POSIX's way to have a function of a pointer to an object.
#define FIND(name)                                            \
    do {                                                      \
        *(void **)&(name) = dlsym(found, "slirp_" #name);     \
        if ((name) == NULL) return dlerror();                 \
    } while (0)
    FIND(new);
    FIND(cleanup);
    FIND(pollfds_fill);
    FIND(pollfds_poll);
    FIND(input);
    FIND(add_hostfwd);
#undef FIND
    library = found;
    return NULL;
}

Slirp *cslirp_new(const SlirpConfig *configuration, const SlirpCb *callbacks, void *opaque) {
    return new(configuration, callbacks, opaque);
}

void cslirp_cleanup(Slirp *slirp) { cleanup(slirp); }

void cslirp_pollfds_fill(Slirp *slirp, uint32_t *timeout, SlirpAddPollCb add_poll, void *opaque) {
    pollfds_fill(slirp, timeout, add_poll, opaque);
}

void cslirp_pollfds_poll(Slirp *slirp, int select_error, SlirpGetREventsCb get_revents, void *opaque) {
    pollfds_poll(slirp, select_error, get_revents, opaque);
}

void cslirp_input(Slirp *slirp, const uint8_t *packet, int length) { input(slirp, packet, length); }

int cslirp_add_hostfwd(
    Slirp *slirp, int is_udp, struct in_addr host_address, int host_port, struct in_addr guest_address, int guest_port) {
    return add_hostfwd(slirp, is_udp, host_address, host_port, guest_address, guest_port);
}
