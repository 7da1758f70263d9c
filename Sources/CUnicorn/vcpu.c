#include "library.h"
#include <stdlib.h>
#include <string.h>

_Thread_local cuc_vcpu *cuc_running;

// At which blocks `attention` is called.
enum { NOTHING, INTERRUPTS_ON, ALWAYS };

static uint8_t *state_of(const cuc_vcpu *vcpu) { return (uint8_t *)vcpu->context + CUC_CONTEXT_HEADER; }

static uint32_t on_in(uc_engine *uc, uint32_t port, int size, void *user) {
  cuc_vcpu *vcpu = user;
  return (uint32_t)vcpu->callbacks.read(vcpu->callbacks.user, true, port, (uint32_t)size);
}

static void on_out(uc_engine *uc, uint32_t port, int size, uint32_t value, void *user) {
  cuc_vcpu *vcpu = user;
  vcpu->callbacks.write(vcpu->callbacks.user, true, port, (uint32_t)size, value);
}

static uint64_t on_read(uc_engine *uc, uint64_t offset, unsigned size, void *user) {
  const struct cuc_io *io = user;
  return io->vcpu->callbacks.read(io->vcpu->callbacks.user, false, io->address + offset, size);
}

static void on_write(uc_engine *uc, uint64_t offset, unsigned size, uint64_t value, void *user) {
  const struct cuc_io *io = user;
  io->vcpu->callbacks.write(io->vcpu->callbacks.user, false, io->address + offset, size, value);
}

static void on_exception(uc_engine *uc, uint32_t vector, void *user) {
  cuc_vcpu *vcpu = user;
  vcpu->callbacks.exception(vcpu->callbacks.user, vector);
}

static void on_syscall(uc_engine *uc, void *user) {
  cuc_vcpu *vcpu = user;
  vcpu->callbacks.system_call(vcpu->callbacks.user);
}

// The only place where translated code is stopped. The library looks whether it shall stop in the middle of blocks, too, and
// then goes on at the block's beginning, so that what was done would be done twice; at the beginning nothing was done.
static void on_block(uc_engine *uc, uint64_t address, uint32_t size, void *user) {
  cuc_vcpu *vcpu = user;
  unsigned wanted = atomic_load_explicit(&vcpu->attention, memory_order_acquire);
  if (wanted == NOTHING || (wanted == INTERRUPTS_ON && !(cuc_flags(vcpu) & 1 << 9))) return;
  if (!vcpu->callbacks.attention(vcpu->callbacks.user)) return;
  vcpu->stopped = true;
  cuc_library.emu_stop(uc);
}

static int add_hooks(cuc_vcpu *vcpu) {
  uc_hook hook;
  int error = cuc_library.ctl(vcpu->uc, CUC_CTL_USE_EXITS, 1);
  // An end below the beginning: everywhere.
  if (!error) error = cuc_library.hook_add(vcpu->uc, &hook, CUC_HOOK_BLOCK, on_block, vcpu, 1, 0);
  if (!error) error = cuc_library.hook_add(vcpu->uc, &hook, CUC_HOOK_INTR, on_exception, vcpu, 1, 0);
  if (!error) error = cuc_library.hook_add(vcpu->uc, &hook, CUC_HOOK_INSN, on_in, vcpu, 1, 0, CUC_INS_IN);
  if (!error) error = cuc_library.hook_add(vcpu->uc, &hook, CUC_HOOK_INSN, on_out, vcpu, 1, 0, CUC_INS_OUT);
  if (!error) error = cuc_library.hook_add(vcpu->uc, &hook, CUC_HOOK_INSN, on_syscall, vcpu, 1, 0, CUC_INS_SYSCALL);
  return error;
}

cuc_vcpu *cuc_vcpu_make(cuc_machine *machine, struct cuc_callbacks callbacks, const char **error) {
  cuc_vcpu *vcpu = calloc(1, sizeof *vcpu);
  if (!vcpu || !cuc_machine_add(machine, vcpu)) {
    *error = "no memory";
    free(vcpu);
    return NULL;
  }
  vcpu->callbacks = callbacks;
  int code = cuc_library.open(CUC_ARCH_X86, CUC_MODE_64, &vcpu->uc);
  if (!code) code = add_hooks(vcpu);
  if (!code) code = cuc_library.context_alloc(vcpu->uc, &vcpu->context);
  if (code) {
    *error = cuc_library.strerror(code);
    cuc_vcpu_free(vcpu);
    return NULL;
  }
  vcpu->state_size = cuc_library.context_size(vcpu->uc) - CUC_CONTEXT_HEADER;
  return vcpu;
}

void cuc_vcpu_free(cuc_vcpu *vcpu) {
  cuc_machine_remove(vcpu);
  if (vcpu->context) cuc_library.context_free(vcpu->context);
  if (vcpu->uc) cuc_library.close(vcpu->uc);
  free(vcpu);
}

int cuc_map_ram(cuc_vcpu *vcpu, uint64_t address, uint64_t size, void *host) {
  int error = cuc_library.mem_map_ptr(vcpu->uc, address, size, CUC_PROTECTION_ALL, host);
  if (error) return error;
  if (!vcpu->region) vcpu->region = cuc_region(vcpu->uc, address);
  return cuc_machine_map(vcpu, address, size, host) ? CUC_OK : CUC_NO_MEMORY;
}

int cuc_map_io(cuc_vcpu *vcpu, uint64_t address, uint64_t size) {
  if (vcpu->range_count == sizeof vcpu->ranges / sizeof *vcpu->ranges) return 1;
  struct cuc_io *io = &vcpu->ranges[vcpu->range_count++];
  *io = (struct cuc_io){vcpu, address};
  return cuc_library.mmio_map(vcpu->uc, address, size, on_read, io, on_write, io);
}

int cuc_run(cuc_vcpu *vcpu, uint64_t rip) {
  vcpu->stopped = false;
  cuc_running = vcpu;
  int error = cuc_library.emu_start(vcpu->uc, rip, 0, 0, 0);
  cuc_running = NULL;
  return error;
}

bool cuc_was_stopped(const cuc_vcpu *vcpu) { return vcpu->stopped; }

void cuc_want_attention(cuc_vcpu *vcpu) { atomic_store_explicit(&vcpu->attention, ALWAYS, memory_order_release); }

// What is looked at behind these is looked at after them.
void cuc_give_attention(cuc_vcpu *vcpu) { atomic_exchange(&vcpu->attention, NOTHING); }

void cuc_await_interrupts_on(cuc_vcpu *vcpu) { atomic_exchange(&vcpu->attention, INTERRUPTS_ON); }

uint64_t cuc_flags(cuc_vcpu *vcpu) {
  uint64_t value = 0;
  cuc_library.reg_read(vcpu->uc, CUC_REG_RFLAGS, &value);
  return value;
}

void cuc_set_flags(cuc_vcpu *vcpu, uint64_t rflags) { cuc_library.reg_write(vcpu->uc, CUC_REG_RFLAGS, &rflags); }

uint8_t *cuc_state(cuc_vcpu *vcpu) {
  cuc_library.context_save(vcpu->uc, vcpu->context);
  uint8_t *state = state_of(vcpu);
  // An exception is delivered here, and what happens meanwhile is known here: for the library none is under way.
  const int32_t none = -1;
  memcpy(state + vcpu->state_size - CUC_ERROR_CODE_FROM_END + CUC_OLD_EXCEPTION, &none, sizeof none);
  return state;
}

void cuc_set_state(cuc_vcpu *vcpu) { cuc_library.context_restore(vcpu->uc, vcpu->context); }

int32_t cuc_error_code(const cuc_vcpu *vcpu) {
  int32_t value;
  memcpy(&value, state_of(vcpu) + vcpu->state_size - CUC_ERROR_CODE_FROM_END, sizeof value);
  return value;
}

bool cuc_is_software_interrupt(const cuc_vcpu *vcpu) {
  int32_t value;
  memcpy(&value, state_of(vcpu) + vcpu->state_size - CUC_ERROR_CODE_FROM_END + sizeof value, sizeof value);
  return value != 0;
}

void cuc_set_model_specific(cuc_vcpu *vcpu, uint32_t index, uint64_t value) {
  struct cuc_msr msr = {.index = index, .value = value};
  cuc_library.reg_write(vcpu->uc, CUC_REG_MSR, &msr);
}

void cuc_power_on(cuc_vcpu *vcpu) {
  // What the library leaves zero is single precision with exceptions for everything.
  const uint16_t control = 0x37f, tags = 0xffff;
  const uint32_t vector_control = 0x1f80;
  cuc_library.reg_write(vcpu->uc, CUC_REG_FPCW, &control);
  cuc_library.reg_write(vcpu->uc, CUC_REG_FPTAG, &tags);
  cuc_library.reg_write(vcpu->uc, CUC_REG_MXCSR, &vector_control);
}

uint64_t cuc_model_specific(cuc_vcpu *vcpu, uint32_t index) {
  struct cuc_msr msr = {.index = index};
  cuc_library.reg_read(vcpu->uc, CUC_REG_MSR, &msr);
  return msr.value;
}
