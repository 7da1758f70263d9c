// Writes packets with the functions that barectf generates: barectf.py compiles this once for each configuration.
//
// Arguments: the data file to write, the number of events of each kind, the packets' size in bytes. Every seventh
// packet cannot be opened, so that events are discarded.
#include "barectf.h"

#include <stdio.h>
#include <stdlib.h>

struct writer {
    struct barectf_main_ctx context;
    uint8_t *buffer;
    FILE *file;
    unsigned asked;
    uint64_t now;
};

static int is_full(void *data)
{
    struct writer *writer = data;
    return ++writer->asked % 7 == 0;
}

static void open_packet(void *data)
{
    struct writer *writer = data;
    barectf_main_open_packet(&writer->context EXTRA);
}

static void close_packet(void *data)
{
    struct writer *writer = data;
    barectf_main_close_packet(&writer->context);
    fwrite(writer->buffer, barectf_packet_buf_size(&writer->context), 1, writer->file);
}

#ifdef CLOCK
static CLOCK get_clock(void *data)
{
    struct writer *writer = data;
    return (CLOCK)(writer->now += 12345);
}
#endif

int main(int argc, char **argv)
{
    struct writer writer = {0};
    struct barectf_platform_callbacks callbacks = {
#ifdef CLOCK
        .ticks_clock_get_value = get_clock,
#endif
        .is_backend_full = is_full,
        .open_packet = open_packet,
        .close_packet = close_packet,
    };
    size_t size;

    if (argc < 4)
        return 2;
    size = strtoul(argv[3], NULL, 10);
    writer.buffer = calloc(1, size);
    writer.file = fopen(argv[1], "wb");
    if (!writer.buffer || !writer.file)
        return 1;
    barectf_init(&writer.context, writer.buffer, size, callbacks, &writer);
    open_packet(&writer);
    for (int i = 0; i < atoi(argv[2]); i++) {
        uint16_t numbers[3] = {i, i * 7, i * 49};
        static const char *const texts[] = {"zero", "one", "a longer text", "caf\xc3\xa9"};

        barectf_main_trace_numbers(&writer.context, i, -i, i * 0x1234567u, i * -0x123456789abll, i % 32, -i % 8,
                                   i % 3, i / 3.0f, i * 1e10);
        barectf_main_trace_texts(&writer.context, texts[i % 4], numbers, i % 4, numbers, i);
        if (i % 3 == 0)
            barectf_main_trace_empty(&writer.context);
    }
    if (barectf_packet_is_open(&writer.context) && !barectf_packet_is_empty(&writer.context))
        close_packet(&writer);
    return fclose(writer.file) != 0;
}
