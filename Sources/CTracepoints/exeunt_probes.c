// Instantiates the provider: LTTng generates the probes, the event descriptions and the registration here.
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include "CTracepoints.h"
