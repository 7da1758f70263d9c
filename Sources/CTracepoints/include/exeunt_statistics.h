// The counters that one `kvm_stats` event carries, in the order of its fields.
#ifndef EXEUNT_STATISTICS_H
#define EXEUNT_STATISTICS_H

#include <stdint.h>

struct exeunt_statistics {
    uint32_t known;  // bit n is set where counter n below is offered by this kernel
    uint64_t exits;
    uint64_t io_exits;
    uint64_t mmio_exits;
    uint64_t halt_exits;
    uint64_t halt_successful_poll;
    uint64_t halt_attempted_poll;
    uint64_t halt_wakeup;
    uint64_t halt_wait_ns;
    uint64_t irq_exits;
    uint64_t irq_window_exits;
    uint64_t irq_injections;
    uint64_t nmi_injections;
    uint64_t signal_exits;
    uint64_t request_irq_exits;
    uint64_t hypercalls;
    uint64_t insn_emulation;
    uint64_t insn_emulation_fail;
    uint64_t tlb_flush;
};

#endif
