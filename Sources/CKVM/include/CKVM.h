// What Swift cannot import from <linux/kvm.h>, and nothing else.
//
// Swift imports the structs, the unions and plain integer macros (KVM_EXIT_*, KVM_CAP_*). It does not import
// function-like macros, so the request numbers made by _IO/_IOR/_IOW/_IOWR, nor flags written as shifts; each stands
// here as a constant under the kernel's name with the prefix C. Structs that end in a flexible array are given a
// fixed size, and the variadic ioctl(2) gets two typed forms.
#ifndef CKVM_H
#define CKVM_H

#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

#define CKVM_REQUEST(name) static const unsigned long C##name = name

CKVM_REQUEST(KVM_GET_API_VERSION);
CKVM_REQUEST(KVM_CREATE_VM);
CKVM_REQUEST(KVM_CHECK_EXTENSION);
CKVM_REQUEST(KVM_GET_VCPU_MMAP_SIZE);
CKVM_REQUEST(KVM_GET_SUPPORTED_CPUID);
CKVM_REQUEST(KVM_CREATE_VCPU);
CKVM_REQUEST(KVM_SET_USER_MEMORY_REGION);
CKVM_REQUEST(KVM_SET_TSS_ADDR);
CKVM_REQUEST(KVM_SET_IDENTITY_MAP_ADDR);
CKVM_REQUEST(KVM_ENABLE_CAP);
CKVM_REQUEST(KVM_CREATE_IRQCHIP);
CKVM_REQUEST(KVM_GET_IRQCHIP);
CKVM_REQUEST(KVM_SET_IRQCHIP);
CKVM_REQUEST(KVM_CREATE_PIT2);
CKVM_REQUEST(KVM_GET_PIT2);
CKVM_REQUEST(KVM_SET_PIT2);
CKVM_REQUEST(KVM_IRQ_LINE);
CKVM_REQUEST(KVM_SET_GSI_ROUTING);
CKVM_REQUEST(KVM_SIGNAL_MSI);
CKVM_REQUEST(KVM_IOEVENTFD);
CKVM_REQUEST(KVM_IRQFD);
CKVM_REQUEST(KVM_REGISTER_COALESCED_MMIO);
CKVM_REQUEST(KVM_GET_STATS_FD);
CKVM_REQUEST(KVM_RUN);
CKVM_REQUEST(KVM_GET_REGS);
CKVM_REQUEST(KVM_SET_REGS);
CKVM_REQUEST(KVM_GET_SREGS);
CKVM_REQUEST(KVM_SET_SREGS);
CKVM_REQUEST(KVM_GET_FPU);
CKVM_REQUEST(KVM_SET_FPU);
CKVM_REQUEST(KVM_GET_DEBUGREGS);
CKVM_REQUEST(KVM_SET_DEBUGREGS);
CKVM_REQUEST(KVM_GET_XSAVE);
CKVM_REQUEST(KVM_SET_XSAVE);
CKVM_REQUEST(KVM_GET_XCRS);
CKVM_REQUEST(KVM_SET_XCRS);
CKVM_REQUEST(KVM_GET_MSRS);
CKVM_REQUEST(KVM_SET_MSRS);
CKVM_REQUEST(KVM_SET_CPUID2);
CKVM_REQUEST(KVM_GET_MSR_INDEX_LIST);
CKVM_REQUEST(KVM_GET_NESTED_STATE);
CKVM_REQUEST(KVM_SET_NESTED_STATE);
CKVM_REQUEST(KVM_GET_LAPIC);
CKVM_REQUEST(KVM_SET_LAPIC);
CKVM_REQUEST(KVM_GET_MP_STATE);
CKVM_REQUEST(KVM_SET_MP_STATE);
CKVM_REQUEST(KVM_GET_VCPU_EVENTS);
CKVM_REQUEST(KVM_SET_VCPU_EVENTS);
CKVM_REQUEST(KVM_TRANSLATE);
CKVM_REQUEST(KVM_GET_TSC_KHZ);
CKVM_REQUEST(KVM_GET_DEVICE_ATTR);
CKVM_REQUEST(KVM_SET_DEVICE_ATTR);
CKVM_REQUEST(KVM_HAS_DEVICE_ATTR);

// Flags that <linux/kvm.h> writes as shifts.
static const uint32_t CKVM_IOEVENTFD_FLAG_DATAMATCH = KVM_IOEVENTFD_FLAG_DATAMATCH;
static const uint32_t CKVM_IOEVENTFD_FLAG_PIO = KVM_IOEVENTFD_FLAG_PIO;
static const uint32_t CKVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES =
    KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;

static const uint64_t CKVM_SYNC_X86_REGS = KVM_SYNC_X86_REGS;
static const uint32_t CKVM_CPUID_FLAG_SIGNIFCANT_INDEX = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
static const uint64_t CKVM_BUS_LOCK_DETECTION_EXIT = KVM_BUS_LOCK_DETECTION_EXIT;
static const uint64_t CKVM_X86_NOTIFY_VMEXIT_ENABLED = KVM_X86_NOTIFY_VMEXIT_ENABLED;
static const uint64_t CKVM_X86_NOTIFY_VMEXIT_USER = KVM_X86_NOTIFY_VMEXIT_USER;
static const uint32_t CKVM_NOTIFY_CONTEXT_INVALID = KVM_NOTIFY_CONTEXT_INVALID;
static const uint64_t CKVM_PMU_CAP_DISABLE = KVM_PMU_CAP_DISABLE;

// ioctl(2) is variadic, which Swift does not import. The result is the kernel's, or -errno.
static inline long ckvm_ioctl(int descriptor, unsigned long request, unsigned long argument);
static inline long ckvm_ioctl_pointer(int descriptor, unsigned long request, void *argument);

#include <errno.h>
static inline long ckvm_ioctl(int descriptor, unsigned long request, unsigned long argument) {
    int result = ioctl(descriptor, request, argument);
    return result < 0 ? -(long)errno : result;
}
static inline long ckvm_ioctl_pointer(int descriptor, unsigned long request, void *argument) {
    int result = ioctl(descriptor, request, argument);
    return result < 0 ? -(long)errno : result;
}

// kvm_run.immediate_exit is written by one thread while another is inside KVM_RUN. Atomic, so that neither compiler
// nor processor moves the store across the request that it announces.
static inline void ckvm_set_immediate_exit(struct kvm_run *run, uint8_t value) {
    __atomic_store_n(&run->immediate_exit, value, __ATOMIC_SEQ_CST);
}

// Where a memory access's bytes are in the shared page: Swift has no offset of a field inside an anonymous union.
static const size_t CKVM_RUN_MMIO_DATA_OFFSET = offsetof(struct kvm_run, mmio.data);

// Where the instruction pointer is in it, with KVM_CAP_SYNC_REGS.
static const size_t CKVM_RUN_RIP_OFFSET = offsetof(struct kvm_run, s.regs.regs.rip);

// KVM_EXIT_MEMORY_FAULT is of Linux 6.8, newer than the headers of some distributions.
static const uint32_t CKVM_EXIT_MEMORY_FAULT = 39;
struct ckvm_memory_fault {
    uint64_t flags;
    uint64_t gpa;
    uint64_t size;
};
static const size_t CKVM_RUN_REASON_OFFSET = offsetof(struct kvm_run, hw);

// The writes that KVM keeps (kvm_coalesced_mmio_ring) end in a flexible array, and how many there is room for is said in terms of
// a PAGE_SIZE that user space's headers do not have; on x86 it is 4096. The kernel fills the ring from `last` while this
// process empties it from `first`: what is read of an entry is read after `last`, and it is given back after that.
#define CKVM_COALESCED_CAPACITY \
    ((4096 - sizeof(struct kvm_coalesced_mmio_ring)) / sizeof(struct kvm_coalesced_mmio))
struct ckvm_coalesced_ring {
    uint32_t first;
    uint32_t last;
    struct kvm_coalesced_mmio entries[CKVM_COALESCED_CAPACITY];
};
static const uint32_t CKVM_COALESCED_ENTRIES = CKVM_COALESCED_CAPACITY;
static const size_t CKVM_COALESCED_RING_SIZE = sizeof(struct ckvm_coalesced_ring);
// The pages of a vCPU's mapping, whatever the host's are.
static const size_t CKVM_MAPPING_PAGE = 4096;

static inline uint32_t ckvm_coalesced_first(const struct ckvm_coalesced_ring *ring) {
    return __atomic_load_n(&ring->first, __ATOMIC_ACQUIRE);
}
static inline uint32_t ckvm_coalesced_last(const struct ckvm_coalesced_ring *ring) {
    return __atomic_load_n(&ring->last, __ATOMIC_ACQUIRE);
}
static inline void ckvm_coalesced_give_back(struct ckvm_coalesced_ring *ring, uint32_t first) {
    __atomic_store_n(&ring->first, first, __ATOMIC_RELEASE);
}
// Copies an entry; `index` is less than CKVM_COALESCED_ENTRIES.
static inline struct kvm_coalesced_mmio ckvm_coalesced_entry(
    const struct ckvm_coalesced_ring *ring, uint32_t index) {
    return ring->entries[index];
}

_Static_assert(sizeof(struct ckvm_coalesced_ring) <= 4096, "one page");
_Static_assert(
    offsetof(struct ckvm_coalesced_ring, entries) == sizeof(struct kvm_coalesced_mmio_ring), "same layout");

// Where the entries of an I/O APIC's lines are in its state, 8 bytes each.
static const size_t CKVM_IOAPIC_TABLE_OFFSET = offsetof(struct kvm_ioapic_state, redirtbl);

// kvm_cpuid2, kvm_msrs and kvm_irq_routing end in flexible arrays. Capacities: KVM itself allows 256 CPUID entries
// (KVM_MAX_CPUID_ENTRIES); the other two are what this VMM ever sets at once.
#define CKVM_CPUID_CAPACITY 256
struct ckvm_cpuid {
    uint32_t nent;
    uint32_t padding;
    struct kvm_cpuid_entry2 entries[CKVM_CPUID_CAPACITY];
};

#define CKVM_MSR_CAPACITY 32
struct ckvm_msrs {
    uint32_t nmsrs;
    uint32_t pad;
    struct kvm_msr_entry entries[CKVM_MSR_CAPACITY];
};

// KVM lists what it keeps of each vCPU: some two hundred registers at the most (KVM_GET_MSR_INDEX_LIST).
#define CKVM_MSR_INDEX_CAPACITY 1024
struct ckvm_msr_list {
    uint32_t nmsrs;
    uint32_t indices[CKVM_MSR_INDEX_CAPACITY];
};

#define CKVM_ROUTE_CAPACITY 64
struct ckvm_irq_routing {
    uint32_t nr;
    uint32_t flags;
    struct kvm_irq_routing_entry entries[CKVM_ROUTE_CAPACITY];
};

_Static_assert(offsetof(struct ckvm_cpuid, entries) == offsetof(struct kvm_cpuid2, entries), "same layout");
_Static_assert(offsetof(struct ckvm_msrs, entries) == offsetof(struct kvm_msrs, entries), "same layout");
_Static_assert(offsetof(struct ckvm_msr_list, indices) == offsetof(struct kvm_msr_list, indices), "same layout");
_Static_assert(offsetof(struct ckvm_irq_routing, entries) == offsetof(struct kvm_irq_routing, entries), "same layout");

#endif
