// What an x86 guest learns of its processor, and the model-specific registers that the library leaves to nobody: CPUID and registers
// of the local APIC.
#include "library.h"
#include <string.h>

static void (*own_identify)(void *state, uint32_t leaf, uint32_t subleaf, uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d);
static void (*own_read)(void *state);
static void (*own_write)(void *state);

static void identify(void *state, uint32_t leaf, uint32_t subleaf, uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d) {
  own_identify(state, leaf, subleaf, a, b, c, d);
  if (!cuc_running) return;
  uint32_t values[4] = {*a, *b, *c, *d};
  cuc_running->callbacks.identify(cuc_running->callbacks.user, leaf, subleaf, values);
  *a = values[0];
  *b = values[1];
  *c = values[2];
  *d = values[3];
}

// The registers are in front of the state (CUC_GENERAL).
enum { RAX = 0, RCX = 1, RDX = 2 };

enum { EFER = 0xc0000080, GENERAL_PROTECTION = 13 };

static void read_register(void *state) {
  uint64_t *general = state;
  uint64_t value = 0;
  if (cuc_running && cuc_running->callbacks.read_model_specific(cuc_running->callbacks.user, (uint32_t)general[RCX], &value)) {
    general[RAX] = (uint32_t)value;
    general[RDX] = value >> 32;
  } else {
    own_read(state);
  }
}

static void write_register(void *state) {
  const uint64_t *general = state;
  uint64_t value = (uint32_t)general[RAX] | general[RDX] << 32;
  int who = CUC_WRITE_IS_THE_LIBRARYS;
  if (cuc_running) who = cuc_running->callbacks.write_model_specific(cuc_running->callbacks.user, (uint32_t)general[RCX], value);
  if (who == CUC_WRITE_IS_REFUSED) cuc_raise(state, GENERAL_PROTECTION, 0, (uintptr_t)__builtin_return_address(0));
  if (who != CUC_WRITE_IS_THE_LIBRARYS) return;
  own_write(state);
  if ((uint32_t)general[RCX] == EFER) {
    // The library's processor does not list SYSCALL and no-execute, which it has, and so leaves these two as they are.
    const uint64_t kept = 1 << 0 | 1 << 11;
    uint64_t *efer = (uint64_t *)((uint8_t *)state + CUC_EFER);
    *efer = (*efer & ~kept) | (value & kept);
  }
}

const struct cuc_replacement cuc_processor[CUC_PROCESSOR_COUNT] = {
  {"cpu_x86_cpuid_x86_64", (void *)identify, &own_identify},
  {"helper_rdmsr_x86_64", (void *)read_register, &own_read},
  {"helper_wrmsr_x86_64", (void *)write_register, &own_write},
};
