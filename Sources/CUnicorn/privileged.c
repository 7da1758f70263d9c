// Instructions of x86 guests whose privilege or effect the library leaves out: IN and OUT, which it lets every program execute; CR8,
// which is the local APIC's; SYSENTER, which it passes over; debug registers, whose breakpoints end in an address of nowhere when one is met.
#include "library.h"
#include <string.h>

static uint64_t (*own_in[3])(void *state, uint32_t port);
static void (*own_out[3])(void *state, uint32_t port, uint32_t value);
static uint64_t (*own_read_control)(void *state, int index);
static void (*own_write_control)(void *state, int index, uint64_t value);
static void (*own_set_debug)(void *state, int index, uint64_t value);
static void (*own_raise)(void *state, int vector, int code, uintptr_t from);
static uint32_t (*own_load16)(void *state, uint64_t linear, int index, uintptr_t from);

bool cuc_find_privileged(void *handle, bool (*find)(void *handle, const char *name, void *place)) {
  return find(handle, "raise_exception_err_ra_x86_64", &own_raise) && find(handle, "cpu_lduw_mmuidx_ra_x86_64", &own_load16);
}

void cuc_raise(void *state, int vector, int code, uintptr_t from) { own_raise(state, vector, code, from); }

// Where translated code has called from: that restores the registers of the instruction.
#define CALLER ((uintptr_t)__builtin_return_address(0))

enum { GENERAL_PROTECTION = 13, KERNEL = 2 /* MMU_KNOSMAP_IDX */ };

static uint64_t field(const void *state, size_t place, size_t size) {
  uint64_t value = 0;
  memcpy(&value, (const uint8_t *)state + place, size);
  return value;
}

// Whether the task's map of ports lets its program at some (Intel SDM volume 1, section 19.5.2). Reading it may be a page fault.
static bool is_in_map(void *state, uint32_t port, unsigned size, uintptr_t from) {
  const size_t task = CUC_SEGMENTS + 7 * CUC_SEGMENT_SIZE;
  uint64_t base = field(state, task + 8, 8), limit = field(state, task + 16, 4), attributes = field(state, task + 20, 4);
  // Present, and of the form that has a map; of 16 bits it has none.
  if (!(attributes >> 15 & 1) || (attributes >> 8 & 0xd) != 9 || limit < 103) return false;
  uint64_t offset = own_load16(state, base + 0x66, KERNEL, from) + (port >> 3);
  if (offset + 1 > limit) return false;
  return !(own_load16(state, base + offset, KERNEL, from) >> (port & 7) & ((1u << size) - 1));
}

static void check(void *state, uint32_t port, unsigned size, uintptr_t from) {
  uint64_t hidden = field(state, CUC_HIDDEN_FLAGS, 4), flags = field(state, CUC_FLAGS, 8);
  if (!(hidden & CUC_HF_PROTECTED)) return;
  bool is_virtual = flags >> 17 & 1;
  if (!is_virtual && (hidden & CUC_HF_PRIVILEGE) <= (flags >> 12 & 3)) return;
  // By longjmp.
  if (!is_in_map(state, port & 0xffff, size, from)) own_raise(state, GENERAL_PROTECTION, 0, from);
}

static uint64_t in8(void *state, uint32_t port) {
  check(state, port, 1, CALLER);
  return own_in[0](state, port);
}

static uint64_t in16(void *state, uint32_t port) {
  check(state, port, 2, CALLER);
  return own_in[1](state, port);
}

static uint64_t in32(void *state, uint32_t port) {
  check(state, port, 4, CALLER);
  return own_in[2](state, port);
}

static void out8(void *state, uint32_t port, uint32_t value) {
  check(state, port, 1, CALLER);
  own_out[0](state, port, value);
}

static void out16(void *state, uint32_t port, uint32_t value) {
  check(state, port, 2, CALLER);
  own_out[1](state, port, value);
}

static void out32(void *state, uint32_t port, uint32_t value) {
  check(state, port, 4, CALLER);
  own_out[2](state, port, value);
}

// CR4's bits that the processor has: VME to OSXMMEXCPT, and SMAP.
static const uint64_t known_control4 = 0x7ff | 1 << 21;

static uint64_t read_control(void *state, int index) {
  uint64_t value = 0;
  if (index == 8 && cuc_running && cuc_running->callbacks.read_model_specific(cuc_running->callbacks.user, CUC_TASK_PRIORITY, &value)) {
    return value;
  }
  return own_read_control(state, index);
}

static void write_control(void *state, int index, uint64_t value) {
  if (index == 4 && value & ~known_control4) own_raise(state, GENERAL_PROTECTION, 0, CALLER);
  if (index == 8 && value >> 4) own_raise(state, GENERAL_PROTECTION, 0, CALLER);
  if (index == 8 && cuc_running) {
    cuc_running->callbacks.write_model_specific(cuc_running->callbacks.user, CUC_TASK_PRIORITY, value);
    return;
  }
  own_write_control(state, index, value);
}

static void (*own_enter_system)(void *state, int length);

// What the library would do is to add the instruction's length to an instruction pointer of a while ago.
static void enter_system(void *state, int length) {
  if (!cuc_running) return;
  int vector = cuc_running->callbacks.system_entry(cuc_running->callbacks.user);
  if (vector) own_raise(state, vector, 0, CALLER);
}

// Kept, and nothing else.
static void set_debug(void *state, int index, uint64_t value) {
  if (!cuc_running) return;
  if (index == 6) value = (value & 0xe00f) | 0xffff0ff0;
  if (index == 7) value = (value & 0xffff2bff) | 0x400;
  size_t place = cuc_running->state_size - CUC_ERROR_CODE_FROM_END + CUC_DEBUG_REGISTERS + 8 * (size_t)(index & 7);
  memcpy((uint8_t *)state + place, &value, sizeof value);
}

const struct cuc_replacement cuc_privileged[CUC_PRIVILEGED_COUNT] = {
  {"helper_inb_x86_64", (void *)in8, &own_in[0]},
  {"helper_inw_x86_64", (void *)in16, &own_in[1]},
  {"helper_inl_x86_64", (void *)in32, &own_in[2]},
  {"helper_outb_x86_64", (void *)out8, &own_out[0]},
  {"helper_outw_x86_64", (void *)out16, &own_out[1]},
  {"helper_outl_x86_64", (void *)out32, &own_out[2]},
  {"helper_read_crN_x86_64", (void *)read_control, &own_read_control},
  {"helper_write_crN_x86_64", (void *)write_control, &own_write_control},
  {"helper_sysenter_x86_64", (void *)enter_system, &own_enter_system},
  {"helper_set_dr_x86_64", (void *)set_debug, &own_set_debug},
};
