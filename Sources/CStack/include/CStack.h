// Where the calling thread's stack is in use down to.
#ifndef CSTACK_H
#define CSTACK_H

#include <stdint.h>

// The frame's own address. That of a local variable would be somewhere else under the address sanitizer, which keeps variables whose
// address is taken on the heap.
static inline uintptr_t cstack_frame(void) { return (uintptr_t)__builtin_frame_address(0); }

#endif
