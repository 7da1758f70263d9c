// The requests of the built-in guest `blk`, made by a program without any virtual machine: each place of a file is written once,
// then reads and writes alternate among them, in order, with up to DEPTH under way, through io_uring and with one system call
// for each batch.
//
//   disk_io FILE REQUESTS DEPTH BYTES PLACES
#include <fcntl.h>
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DEPTH_MAX 64

static struct io_uring ring;
static char *buffers;
static unsigned long bytes;
static unsigned depth, free_count, numbers[DEPTH_MAX];

static void complete(void) {
    struct io_uring_cqe *entry;
    unsigned head, seen = 0;
    if (io_uring_submit_and_wait(&ring, 1) < 0) {
        perror("disk_io");
        exit(1);
    }
    io_uring_for_each_cqe(&ring, head, entry) {
        if (entry->res != (int)bytes) {
            fprintf(stderr, "disk_io: a request ended with %d\n", entry->res);
            exit(1);
        }
        numbers[free_count++] = (unsigned)entry->user_data;
        seen++;
    }
    io_uring_cq_advance(&ring, seen);
}

static void transfer(int file, int writes, unsigned long place) {
    while (free_count == 0)
        complete();
    unsigned number = numbers[--free_count];
    struct io_uring_sqe *entry = io_uring_get_sqe(&ring);
    if (writes)
        io_uring_prep_write(entry, file, buffers + number * bytes, (unsigned)bytes, place * bytes);
    else
        io_uring_prep_read(entry, file, buffers + number * bytes, (unsigned)bytes, place * bytes);
    entry->user_data = number;
}

int main(int argc, char **argv) {
    if (argc != 6) {
        fprintf(stderr, "usage: disk_io FILE REQUESTS DEPTH BYTES PLACES\n");
        return 2;
    }
    unsigned long requests = strtoul(argv[2], NULL, 0), places = strtoul(argv[5], NULL, 0);
    depth = (unsigned)strtoul(argv[3], NULL, 0);
    bytes = strtoul(argv[4], NULL, 0);
    int file = open(argv[1], O_RDWR | O_CLOEXEC);
    if (file < 0 || depth == 0 || depth > DEPTH_MAX || bytes == 0 || places == 0 ||
        !(buffers = calloc(depth, bytes)) || io_uring_queue_init(DEPTH_MAX, &ring, 0) < 0) {
        perror("disk_io");
        return 1;
    }
    for (free_count = 0; free_count < depth; free_count++)
        numbers[free_count] = free_count;
    for (unsigned long place = 0; place < places; place++)
        transfer(file, 1, place);
    unsigned long next_write = 0, next_read = places / 2;
    for (unsigned long done = 0; done < requests; done++) {
        unsigned long *next = done & 1 ? &next_read : &next_write;
        transfer(file, !(done & 1), *next);
        if (++*next == places)
            *next = 0;
    }
    while (free_count < depth)
        complete();
    return 0;
}
