// Emits every kind of field that LTTng-UST has. Argument: how often.
#define LTTNG_UST_TRACEPOINT_DEFINE
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#include "kinds_tp.h"

#include <stdlib.h>

int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 1;
    int32_t numbers[16];
    // No empty string: babeltrace2 2.0.4 shows the string of an earlier event for it.
    const char *texts[] = {"zulu", "abcd", "quote \" back\\slash ' ?", "tab\tnl\nbell\a\x01 end",
                           "caf\xc3\xa9 \xff tail"};

    for (int i = 0; i < 16; i++)
        numbers[i] = i * -1000003;
    for (int i = 0; i < n; i++) {
        lttng_ust_tracepoint(kinds, numbers, (int64_t)i * 0x123456789abLL * (i & 1 ? -1 : 1));
        lttng_ust_tracepoint(kinds, numbers, i);
        lttng_ust_tracepoint(kinds, texts, texts[i % 5], numbers, 1 + i % 4);
        lttng_ust_tracepoint(kinds, empty);
    }
    return 0;
}
