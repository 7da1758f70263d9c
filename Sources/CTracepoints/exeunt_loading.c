#include "CTracepoints.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>

struct lttng_ust_probe_desc;
struct lttng_ust_registered_probe;

typedef struct lttng_ust_registered_probe *probe_register(const struct lttng_ust_probe_desc *);
typedef void probe_unregister(struct lttng_ust_registered_probe *);

static const struct lttng_ust_probe_desc *probes;
static struct lttng_ust_registered_probe *registered;
static probe_unregister *unregister;

// The provider's constructor calls it, before main: what comes back stands for the registration that is to come.
struct lttng_ust_registered_probe *exeunt_keep_probes(const struct lttng_ust_probe_desc *description);
struct lttng_ust_registered_probe *exeunt_keep_probes(const struct lttng_ust_probe_desc *description) {
    probes = description;
    return (struct lttng_ust_registered_probe *)&probes;
}

// Its destructor, at the process's end.
void exeunt_forget_probes(struct lttng_ust_registered_probe *kept);
void exeunt_forget_probes(struct lttng_ust_registered_probe *kept) {
    (void)kept;
    if (registered) unregister(registered);
    registered = NULL;
}

int exeunt_tracing_is_loaded(void) { return registered != NULL; }

const char *exeunt_load_tracing(void) {
    static char message[512];
    if (registered) return NULL;
    // Never closed: its threads run until the process ends.
    void *library = dlopen("liblttng-ust.so.1", RTLD_NOW | RTLD_LOCAL);
    probe_register *enter = library ? (probe_register *)dlsym(library, "lttng_ust_probe_register") : NULL;
    unregister = library ? (probe_unregister *)dlsym(library, "lttng_ust_probe_unregister") : NULL;
    if (!enter || !unregister) {
        const char *reason = dlerror();
        snprintf(message, sizeof message, "%s", reason ? reason : "liblttng-ust.so.1 is another library");
        return message;
    }
    registered = enter(probes);
    return registered ? NULL : "LTTng-UST does not take the probes";
}
