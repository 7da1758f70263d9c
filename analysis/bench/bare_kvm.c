// The least that can be done with KVM: one vCPU in real mode, ioctl(KVM_RUN) and a switch. What every other contender
// of `make bench` is compared with.
//
//   bare_kvm IMAGE [kernel|none]     the second argument: an in-kernel interrupt controller or none
//
// The image is loaded at 0x10000 and ends the run by writing to port 0x604. Prints the number of exits.
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { load_address = 0x10000, power_port = 0x604 };
static const size_t ram_bytes = 64 << 20;

static int checked(int result, const char *what) {
    if (result < 0) {
        perror(what);
        exit(2);
    }
    return result;
}

static void load(uint8_t *ram, const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) checked(-1, path);
    size_t read = fread(ram + load_address, 1, 0x10000, file);
    fclose(file);
    if (read == 0) {
        fprintf(stderr, "%s: empty\n", path);
        exit(2);
    }
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: bare_kvm IMAGE [kernel|none]\n");
        return 2;
    }
    int kvm = checked(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
    int vm = checked(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
    if (argc < 3 || strcmp(argv[2], "none") != 0) checked(ioctl(vm, KVM_CREATE_IRQCHIP, 0), "KVM_CREATE_IRQCHIP");

    uint8_t *ram = mmap(NULL, ram_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (ram == MAP_FAILED) checked(-1, "guest memory");
    struct kvm_userspace_memory_region region = {.memory_size = ram_bytes, .userspace_addr = (uintptr_t)ram};
    checked(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
    load(ram, argv[1]);

    int vcpu = checked(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
    int run_bytes = checked(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
    struct kvm_run *run = mmap(NULL, run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
    if (run == MAP_FAILED) checked(-1, "kvm_run");
    struct kvm_sregs special;
    checked(ioctl(vcpu, KVM_GET_SREGS, &special), "KVM_GET_SREGS");
    special.cs.selector = load_address >> 4;
    special.cs.base = load_address;
    checked(ioctl(vcpu, KVM_SET_SREGS, &special), "KVM_SET_SREGS");
    struct kvm_regs registers = {.rip = 0, .rsp = 0x8000, .rflags = 2};
    checked(ioctl(vcpu, KVM_SET_REGS, &registers), "KVM_SET_REGS");

    for (unsigned long exits = 1;; exits++) {
        checked(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN");
        switch (run->exit_reason) {
        case KVM_EXIT_IO:
            if (run->io.port == power_port) {
                printf("%lu\n", exits);
                return 0;
            }
            break;
        default:
            fprintf(stderr, "unexpected exit reason %u\n", run->exit_reason);
            return 1;
        }
    }
}
