#include "foreign.h"
#include "library.h"
#include <stdatomic.h>
#include <stdlib.h>

struct foreign_io {
  cuc_foreign *processor;
  uint64_t address;
};

struct cuc_foreign {
  uc_engine *uc;
  struct cuc_foreign_callbacks callbacks;
  atomic_bool attention;
  bool stopped;
  // Where ranges begin: the library tells only how far an access is within one.
  struct foreign_io ranges[4];
  size_t range_count;
};

static uint64_t on_read(uc_engine *uc, uint64_t offset, unsigned size, void *user) {
  const struct foreign_io *io = user;
  const struct cuc_foreign_callbacks *callbacks = &io->processor->callbacks;
  return callbacks->read(callbacks->user, io->address + offset, size);
}

static void on_write(uc_engine *uc, uint64_t offset, unsigned size, uint64_t value, void *user) {
  const struct foreign_io *io = user;
  const struct cuc_foreign_callbacks *callbacks = &io->processor->callbacks;
  callbacks->write(callbacks->user, io->address + offset, size, value);
}

static void on_exception(uc_engine *uc, uint32_t number, void *user) {
  cuc_foreign *processor = user;
  processor->callbacks.exception(processor->callbacks.user, number);
}

// The only place where translated code is stopped (vcpu.c says why), and the guest's fences: the library translates none (its
// `tcg_gen_mb` emits one only for processors that run beside each other), and devices' threads look at rings meanwhile.
static void on_block(uc_engine *uc, uint64_t address, uint32_t size, void *user) {
  cuc_foreign *processor = user;
  atomic_thread_fence(memory_order_seq_cst);
  if (!atomic_load_explicit(&processor->attention, memory_order_acquire)) return;
  if (!processor->callbacks.attention(processor->callbacks.user)) return;
  processor->stopped = true;
  cuc_library.emu_stop(uc);
}

cuc_foreign *cuc_foreign_make(int architecture, int mode, struct cuc_foreign_callbacks callbacks, const char **error) {
  cuc_foreign *processor = calloc(1, sizeof *processor);
  if (!processor) {
    *error = "no memory";
    return NULL;
  }
  processor->callbacks = callbacks;
  uc_hook hook;
  int code = cuc_library.open(architecture, mode, &processor->uc);
  if (!code) code = cuc_library.ctl(processor->uc, CUC_CTL_USE_EXITS, 1);
  // An end below the beginning: everywhere.
  if (!code) code = cuc_library.hook_add(processor->uc, &hook, CUC_HOOK_BLOCK, on_block, processor, 1, 0);
  if (!code) code = cuc_library.hook_add(processor->uc, &hook, CUC_HOOK_INTR, on_exception, processor, 1, 0);
  if (code) {
    *error = cuc_library.strerror(code);
    cuc_foreign_free(processor);
    return NULL;
  }
  return processor;
}

void cuc_foreign_free(cuc_foreign *processor) {
  if (processor->uc) cuc_library.close(processor->uc);
  free(processor);
}

int cuc_foreign_map_ram(cuc_foreign *processor, uint64_t address, uint64_t size, void *host) {
  return cuc_library.mem_map_ptr(processor->uc, address, size, CUC_PROTECTION_ALL, host);
}

int cuc_foreign_map_io(cuc_foreign *processor, uint64_t address, uint64_t size) {
  if (processor->range_count == sizeof processor->ranges / sizeof *processor->ranges) return 1;
  struct foreign_io *io = &processor->ranges[processor->range_count++];
  *io = (struct foreign_io){processor, address};
  return cuc_library.mmio_map(processor->uc, address, size, on_read, io, on_write, io);
}

int cuc_foreign_run(cuc_foreign *processor, uint64_t address) {
  processor->stopped = false;
  return cuc_library.emu_start(processor->uc, address, 0, 0, 0);
}

bool cuc_foreign_was_stopped(const cuc_foreign *processor) { return processor->stopped; }

void cuc_foreign_want_attention(cuc_foreign *processor) {
  atomic_store_explicit(&processor->attention, true, memory_order_release);
}

void cuc_foreign_give_attention(cuc_foreign *processor) {
  // In the order of all: who asks is seen either by the look that follows, or by this.
  atomic_exchange(&processor->attention, false);
}

uint64_t cuc_foreign_register(cuc_foreign *processor, int number) {
  // Some are of 32 bits, of which the library writes as many.
  uint64_t value = 0;
  cuc_library.reg_read(processor->uc, number, &value);
  return value;
}

void cuc_foreign_set_register(cuc_foreign *processor, int number, uint64_t value) {
  cuc_library.reg_write(processor->uc, number, &value);
}
