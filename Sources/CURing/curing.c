#define _GNU_SOURCE
#include "CURing.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

struct curing {
    struct io_uring ring;
};

curing *curing_make(unsigned requests, int *error) {
    curing *ring = calloc(1, sizeof *ring);
    if (ring == NULL) {
        *error = -ENOMEM;
        return NULL;
    }
    // Of the sizes that the kernel offers the next larger one; the queue of completions is twice as long.
    *error = io_uring_queue_init(requests, &ring->ring, 0);
    if (*error < 0) {
        free(ring);
        return NULL;
    }
    return ring;
}

curing *curing_make_shared(unsigned requests, unsigned completions, int *error) {
    curing *ring = calloc(1, sizeof *ring);
    if (ring == NULL) {
        *error = -ENOMEM;
        return NULL;
    }
    // What becomes ready while the thread that waits is busy does not interrupt it, and is told in memory (Linux 5.19).
    struct io_uring_params parameters = {
        .flags = IORING_SETUP_CQSIZE | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
        .cq_entries = completions,
    };
    *error = io_uring_queue_init_params(requests, &ring->ring, &parameters);
    if (*error == -EINVAL) {
        parameters = (struct io_uring_params){.flags = IORING_SETUP_CQSIZE, .cq_entries = completions};
        *error = io_uring_queue_init_params(requests, &ring->ring, &parameters);
    }
    if (*error < 0) {
        free(ring);
        return NULL;
    }
    const unsigned needed = IORING_FEAT_EXT_ARG | IORING_FEAT_NODROP;
    if ((parameters.features & needed) != needed) {
        curing_free(ring);
        *error = -ENOSYS;
        return NULL;
    }
    // `curing_publish` does not: each entry is at its own place for ever.
    for (unsigned place = 0; place < parameters.sq_entries; place++) ring->ring.sq.array[place] = place;
    return ring;
}

void curing_free(curing *ring) {
    io_uring_queue_exit(&ring->ring);
    free(ring);
}

int curing_descriptor(const curing *ring) { return ring->ring.ring_fd; }

bool curing_read(curing *ring, int file, const struct iovec *parts, unsigned count, uint64_t offset, uint64_t tag) {
    struct io_uring_sqe *entry = io_uring_get_sqe(&ring->ring);
    if (entry == NULL) return false;
    io_uring_prep_readv(entry, file, parts, count, offset);
    io_uring_sqe_set_data64(entry, tag);
    return true;
}

bool curing_write(
    curing *ring, int file, const struct iovec *parts, unsigned count, uint64_t offset, bool durable, uint64_t tag) {
    struct io_uring_sqe *entry = io_uring_get_sqe(&ring->ring);
    if (entry == NULL) return false;
    io_uring_prep_writev2(entry, file, parts, count, offset, durable ? RWF_DSYNC : 0);
    io_uring_sqe_set_data64(entry, tag);
    return true;
}

bool curing_synchronise(curing *ring, int file, uint64_t tag) {
    struct io_uring_sqe *entry = io_uring_get_sqe(&ring->ring);
    if (entry == NULL) return false;
    io_uring_prep_fsync(entry, file, IORING_FSYNC_DATASYNC);
    io_uring_sqe_set_data64(entry, tag);
    return true;
}

static int mode(enum curing_range change) {
    return FALLOC_FL_KEEP_SIZE | (change == CURING_DISCARD ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE);
}

bool curing_change_range(
    curing *ring, int file, enum curing_range change, uint64_t offset, uint64_t length, uint64_t tag) {
    struct io_uring_sqe *entry = io_uring_get_sqe(&ring->ring);
    if (entry == NULL) return false;
    io_uring_prep_fallocate(entry, file, mode(change), offset, length);
    io_uring_sqe_set_data64(entry, tag);
    return true;
}

bool curing_discard_blocks(curing *ring, int device, uint64_t offset, uint64_t length, uint64_t tag) {
    struct io_uring_sqe *entry = io_uring_get_sqe(&ring->ring);
    if (entry == NULL) return false;
    // Of <linux/blkdev.h>, which is younger than the headers that this is built with: _IO(0x12, 0).
    const uint32_t discard = 0x1200;
    io_uring_prep_rw(IORING_OP_URING_CMD, entry, device, NULL, 0, 0);
    entry->addr = offset;
    entry->addr3 = length;
    entry->cmd_op = discard;
    io_uring_sqe_set_data64(entry, tag);
    return true;
}

int curing_change_range_now(int file, enum curing_range change, uint64_t offset, uint64_t length) {
    return fallocate(file, mode(change), (off_t)offset, (off_t)length) == 0 ? 0 : -errno;
}

bool curing_poll(curing *ring, int descriptor, unsigned events, uint64_t tag) {
    struct io_uring_sqe *entry = io_uring_get_sqe(&ring->ring);
    if (entry == NULL) return false;
    io_uring_prep_poll_add(entry, descriptor, events);
    io_uring_sqe_set_data64(entry, tag);
    return true;
}

bool curing_end_poll(curing *ring, uint64_t poll, uint64_t tag) {
    struct io_uring_sqe *entry = io_uring_get_sqe(&ring->ring);
    if (entry == NULL) return false;
    io_uring_prep_poll_remove(entry, poll);
    io_uring_sqe_set_data64(entry, tag);
    return true;
}

bool curing_nothing(curing *ring, uint64_t tag) {
    struct io_uring_sqe *entry = io_uring_get_sqe(&ring->ring);
    if (entry == NULL) return false;
    io_uring_prep_nop(entry);
    io_uring_sqe_set_data64(entry, tag);
    return true;
}

int curing_submit(curing *ring, unsigned wait) {
    return wait > 0 ? io_uring_submit_and_wait(&ring->ring, wait) : io_uring_submit(&ring->ring);
}

unsigned curing_publish(curing *ring) {
    struct io_uring_sq *queue = &ring->ring.sq;
    if (queue->sqe_head != queue->sqe_tail) {
        queue->sqe_head = queue->sqe_tail;
        io_uring_smp_store_release(queue->ktail, queue->sqe_tail);
    }
    return queue->sqe_tail - io_uring_smp_load_acquire(queue->khead);
}

int curing_enter(const curing *ring, unsigned requests, unsigned wait, int64_t timeout) {
    struct __kernel_timespec time = {.tv_sec = timeout / 1000000000, .tv_nsec = timeout % 1000000000};
    struct io_uring_getevents_arg argument = {.ts = timeout < 0 ? 0 : (uintptr_t)&time};
    const unsigned flags = wait > 0 ? IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG : 0;
    const long result = syscall(
        __NR_io_uring_enter, ring->ring.ring_fd, requests, wait, flags, wait > 0 ? &argument : NULL,
        wait > 0 ? sizeof argument : 0);
    return result < 0 ? -errno : (int)result;
}

unsigned curing_take(curing *ring, struct curing_completion *completions, unsigned count) {
    struct io_uring_cqe *entry;
    unsigned taken = 0;
    while (taken < count && io_uring_peek_cqe(&ring->ring, &entry) == 0) {
        completions[taken].tag = entry->user_data;
        completions[taken].result = entry->res;
        io_uring_cqe_seen(&ring->ring, entry);
        taken++;
    }
    return taken;
}
