// What a compiler may call without being asked.
#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t count);
void *memset(void *to, int value, size_t count);

void *memcpy(void *restrict to, const void *restrict from, size_t count) {
    unsigned char *bytes = to;
    const unsigned char *source = from;
    while (count-- > 0)
        *bytes++ = *source++;
    return to;
}

void *memset(void *to, int value, size_t count) {
    unsigned char *bytes = to;
    while (count-- > 0)
        *bytes++ = (unsigned char)value;
    return to;
}
