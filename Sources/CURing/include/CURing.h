// What disks need of liburing. Most of <liburing.h> is inline functions over C11 atomics, of which Swift imports few; and
// only who serves disks is linked with the library, which is why this is not in CLinux.
//
// One thread at a time uses a ring.
#ifndef CURING_H
#define CURING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

typedef struct curing curing;

struct curing_completion {
    // As it was given with the request.
    uint64_t tag;
    // Bytes, or -errno.
    int32_t result;
};

// A ring for so many requests under way at once. NULL with -errno in *error.
curing *curing_make(unsigned requests, int *error);
void curing_free(curing *ring);

// Can be read (poll(2)) while there are completions to be taken.
int curing_descriptor(const curing *ring);

// Each prepares a request, which `curing_submit` hands over; false where that has to come first to make room.
bool curing_read(curing *ring, int file, const struct iovec *parts, unsigned count, uint64_t offset, uint64_t tag);
// Durable: as with O_DSYNC.
bool curing_write(
    curing *ring, int file, const struct iovec *parts, unsigned count, uint64_t offset, bool durable, uint64_t tag);
// fdatasync(2).
bool curing_synchronise(curing *ring, int file, uint64_t tag);
// What becomes of a range of the file, which keeps its size: fallocate(2). A discarded range reads zeros where the file
// system lets go of it, and as before where it does not (-EOPNOTSUPP).
enum curing_range { CURING_DISCARD, CURING_ZERO };
// The same for a block device, to be discarded: BLOCK_URING_CMD_DISCARD of Linux 6.12; elsewhere -EINVAL or -EOPNOTSUPP.
bool curing_discard_blocks(curing *ring, int device, uint64_t offset, uint64_t length, uint64_t tag);
bool curing_change_range(
    curing *ring, int file, enum curing_range change, uint64_t offset, uint64_t length, uint64_t tag);
// The same at once: 0 or -errno.
int curing_change_range_now(int file, enum curing_range change, uint64_t offset, uint64_t length);
// Completes at once.
bool curing_nothing(curing *ring, uint64_t tag);

// Hands over what was prepared, and waits for so many completions. How many requests were taken, in their order; or -errno.
int curing_submit(curing *ring, unsigned wait);

// Takes completions, without waiting.
unsigned curing_take(curing *ring, struct curing_completion *completions, unsigned count);

#endif
