// What a kick costs where nothing is around it: the built-in guest `doorbell` kicks an eventfd through KVM, and a thread wakes up in
// epoll_wait. What `make bench` compares Exeunt's I/O thread with.
//
//   bare_kick IMAGE PARAMETERS LATENCIES [VCPU_CPU LOOP_CPU]
//
// The doorbell is that of docs/guest-abi.md as far as the guest uses one: queue 0, behind ports, polled. The file LATENCIES gets the
// nanoseconds of each kick, 32 bits each: from the time stamp that the guest leaves just before it to the return from
// epoll_wait.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

enum { load_address = 0x10000, parameter_address = 0x7000, iterations_offset = 8, ring_entries = 16 };
enum { kick_port = 0xd00, power_port = 0x604 };
static const size_t ram_bytes = 64 << 20;

static uint8_t *ram;
static int eventfd_of_kicks, poller, loop_cpu = -1;
// The guest's address of its ring.
static uint32_t ring;
static uint64_t *ticks, kicks;

static int checked(int result, const char *what) {
    if (result < 0) {
        perror(what);
        exit(2);
    }
    return result;
}

static void load(size_t address, const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) checked(-1, path);
    if (fread(ram + address, 1, 0x10000, file) == 0) {
        fprintf(stderr, "%s: empty\n", path);
        exit(2);
    }
    fclose(file);
}

static void pin(int cpu) {
    cpu_set_t set;
    if (cpu < 0) return;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    checked(sched_setaffinity(0, sizeof set, &set), "sched_setaffinity");
}

// The I/O thread: ends when all kicks have come.
static void *loop(void *nothing) {
    (void)nothing;
    pin(loop_cpu);
    for (uint64_t seen = 0; seen < kicks;) {
        struct epoll_event event;
        int ready = epoll_wait(poller, &event, 1, -1);
        uint64_t awake = __rdtsc(), count;
        if (ready < 0 && errno == EINTR) continue;
        if (ready != 1 || read(eventfd_of_kicks, &count, sizeof count) != sizeof count) checked(-1, "epoll_wait");
        volatile uint32_t *posted = (uint32_t *)(ram + ring);
        // The guest waits for each before it makes the next.
        volatile uint64_t *stamp = (uint64_t *)(ram + ring + ring_entries + 8 * ((*posted - 1) & 255));
        ticks[seen++] = awake - *stamp;
        posted[1] = *posted;
    }
    return NULL;
}

// A register of the doorbell but the kick's. Returns what it reads; 0 for a port that is none.
static uint32_t access_register(uint16_t offset, int is_write, uint32_t value) {
    if (is_write) {
        if (offset == 0x40) ring = value;
        if (ring > ram_bytes - 0x1000) checked(-1, "the guest's ring");
        return 0;
    }
    switch (offset) {
    case 0x04: return 0x42445845;
    case 0x08: return 16;
    case 0x4c: return *(volatile uint32_t *)(ram + ring + 4);
    default: return 0;
    }
}

static void prepare(int vcpu) {
    struct kvm_sregs special;
    checked(ioctl(vcpu, KVM_GET_SREGS, &special), "KVM_GET_SREGS");
    // 32-bit flat segments.
    special.cs = (struct kvm_segment){
        .limit = 0xffffffff, .selector = 8, .type = 11, .present = 1, .db = 1, .s = 1, .g = 1};
    special.ds = special.es = special.fs = special.gs = special.ss = (struct kvm_segment){
        .limit = 0xffffffff, .selector = 16, .type = 3, .present = 1, .db = 1, .s = 1, .g = 1};
    special.cr0 |= 1;
    checked(ioctl(vcpu, KVM_SET_SREGS, &special), "KVM_SET_SREGS");
    struct kvm_regs registers = {.rip = load_address, .rsp = 0x8000, .rbx = parameter_address, .rflags = 2};
    checked(ioctl(vcpu, KVM_SET_REGS, &registers), "KVM_SET_REGS");
    // The guest's counter is the host's.
    uint64_t offset = 0;
    struct kvm_device_attr attribute = {
        .group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET, .addr = (uintptr_t)&offset};
    checked(ioctl(vcpu, KVM_SET_DEVICE_ATTR, &attribute), "KVM_VCPU_TSC_OFFSET");
}

static void run(int kvm, int vcpu) {
    int run_bytes = checked(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
    struct kvm_run *run = mmap(NULL, run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
    if (run == MAP_FAILED) checked(-1, "kvm_run");
    for (;;) {
        checked(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN");
        if (run->exit_reason != KVM_EXIT_IO) {
            fprintf(stderr, "unexpected exit reason %u\n", run->exit_reason);
            exit(1);
        }
        if (run->io.port == power_port) return;
        uint32_t *data = (uint32_t *)((uint8_t *)run + run->io.data_offset);
        if (run->io.port < kick_port || run->io.size != 4) {
            fprintf(stderr, "unexpected access to port %#x\n", run->io.port);
            exit(1);
        }
        uint32_t value = access_register(run->io.port - kick_port, run->io.direction == KVM_EXIT_IO_OUT, *data);
        if (run->io.direction == KVM_EXIT_IO_IN) *data = value;
    }
}

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

int main(int argc, char **argv) {
    if (argc != 4 && argc != 6) {
        fprintf(stderr, "usage: bare_kick IMAGE PARAMETERS LATENCIES [VCPU_CPU LOOP_CPU]\n");
        return 2;
    }
    int kvm = checked(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
    int vm = checked(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
    checked(ioctl(vm, KVM_CREATE_IRQCHIP, 0), "KVM_CREATE_IRQCHIP");
    ram = mmap(NULL, ram_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (ram == MAP_FAILED) checked(-1, "guest memory");
    struct kvm_userspace_memory_region region = {.memory_size = ram_bytes, .userspace_addr = (uintptr_t)ram};
    checked(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
    load(load_address, argv[1]);
    load(parameter_address, argv[2]);
    memcpy(&kicks, ram + parameter_address + iterations_offset, sizeof kicks);
    ticks = calloc(kicks, sizeof *ticks);
    if (!ticks) checked(-1, "calloc");

    eventfd_of_kicks = checked(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd");
    struct kvm_ioeventfd kick = {
        .addr = kick_port, .len = 4, .fd = eventfd_of_kicks, .datamatch = 0,
        .flags = KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_DATAMATCH};
    checked(ioctl(vm, KVM_IOEVENTFD, &kick), "KVM_IOEVENTFD");
    poller = checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    struct epoll_event wanted = {.events = EPOLLIN};
    checked(epoll_ctl(poller, EPOLL_CTL_ADD, eventfd_of_kicks, &wanted), "epoll_ctl");

    pthread_t thread;
    if (argc == 6) loop_cpu = atoi(argv[5]);
    if (pthread_create(&thread, NULL, loop, NULL) != 0) checked(-1, "pthread_create");
    if (argc == 6) pin(atoi(argv[4]));
    int vcpu = checked(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
    prepare(vcpu);
    uint64_t start = now(), start_ticks = __rdtsc();
    run(kvm, vcpu);
    double rate = (double)(now() - start) / (double)(__rdtsc() - start_ticks);
    pthread_join(thread, NULL);

    FILE *file = fopen(argv[3], "wb");
    if (!file) checked(-1, argv[3]);
    for (uint64_t kick = 0; kick < kicks; kick++) {
        uint32_t nanoseconds = (uint32_t)((double)ticks[kick] * rate);
        fwrite(&nanoseconds, sizeof nanoseconds, 1, file);
    }
    return fclose(file) == 0 ? 0 : 1;
}
