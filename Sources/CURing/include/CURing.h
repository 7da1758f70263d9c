// What disks and event loops need of liburing. Most of <liburing.h> is inline functions over C11 atomics, of which Swift
// imports few; and only who serves devices is linked with the library, which is why this is not in CLinux.
//
// One thread at a time uses a ring, but for `curing_enter`.
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
// One that is waited in by `curing_enter`, while other threads hand requests over. Completions that there is no room for are
// kept by the kernel. -ENOSYS before Linux 5.11.
curing *curing_make_shared(unsigned requests, unsigned completions, int *error);
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
// Completes once the descriptor is ready for one of the events (poll(2)), with those that it is ready for.
bool curing_poll(curing *ring, int descriptor, unsigned events, uint64_t tag);
// Ends one that has not completed, by its tag: it completes with -ECANCELED, and this with 0 or -ENOENT.
bool curing_end_poll(curing *ring, uint64_t poll, uint64_t tag);
// Completes at once.
bool curing_nothing(curing *ring, uint64_t tag);

// Hands over what was prepared, and waits for so many completions. How many requests were taken, in their order; or -errno.
int curing_submit(curing *ring, unsigned wait);

// Of a ring that is shared: shows the kernel what was prepared. How many it has still to take.
unsigned curing_publish(curing *ring);
// Has it take so many of these, and waits for so many completions, or until so many ns are over; -1: without end. How many
// were taken, or -errno; -ETIME when the time is over. Any thread at any time.
int curing_enter(const curing *ring, unsigned requests, unsigned wait, int64_t timeout);

// Takes completions, without waiting; without a system call where the kernel has none to add.
unsigned curing_take(curing *ring, struct curing_completion *completions, unsigned count);

#endif
