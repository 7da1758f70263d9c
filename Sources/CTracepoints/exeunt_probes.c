// Instantiates the provider: LTTng generates the probes, the event descriptions and the registration here.
//
// Its constructor would register the probes with liblttng-ust before main, and so that library would have to be there, with
// two threads and a wait for the session daemons, in every process of this program. It hands them to exeunt_loading.c
// instead.
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#define lttng_ust_probe_register exeunt_keep_probes
#define lttng_ust_probe_unregister exeunt_forget_probes
#include "CTracepoints.h"
