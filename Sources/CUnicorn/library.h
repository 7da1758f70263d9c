// The library's interface as far as it is used: functions by address, and numbers of its headers.
#pragma once
#include "cunicorn.h"
#include <sys/types.h>

typedef struct uc_struct uc_engine;
typedef struct uc_context uc_context;
typedef size_t uc_hook;

enum {
  CUC_ARCH_X86 = 4,
  CUC_MODE_64 = 1 << 3,
  CUC_PROTECTION_ALL = 7,
  CUC_HOOK_INTR = 1 << 0,
  CUC_HOOK_INSN = 1 << 1,
  CUC_HOOK_BLOCK = 1 << 3,
  // uc_ctl_exits_enable: there is no address at which a run ends.
  CUC_CTL_USE_EXITS = 0x44000004,
};

// uc_x86_reg and uc_x86_insn.
enum {
  CUC_REG_RAX = 35,
  CUC_REG_RIP = 41,
  CUC_REG_CR0 = 50,
  CUC_REG_R15 = 113,
  CUC_REG_IDTR = 242,
  CUC_REG_GDTR = 243,
  CUC_REG_MSR = 248,
  CUC_REG_GS_BASE = 251,
  CUC_REG_RFLAGS = 253,
  CUC_INS_IN = 218,
  CUC_INS_OUT = 500,
};

// A descriptor table register, as uc_x86_mmr.
struct cuc_descriptor_table {
  uint16_t selector;
  uint64_t base;
  uint32_t limit;
  uint32_t flags;
};

// A model-specific register, as uc_x86_msr.
struct cuc_msr {
  uint32_t index;
  uint64_t value;
};

// Near the end of the state: the last exception's error code, and whether it was an INT.
enum { CUC_ERROR_CODE_FROM_END = 176 };

// In front of the state within a context: its size, mode and architecture.
enum { CUC_CONTEXT_HEADER = 16 };

struct cuc_library {
  unsigned (*version)(unsigned *major, unsigned *minor);
  int (*open)(int architecture, int mode, uc_engine **engine);
  int (*close)(uc_engine *engine);
  const char *(*strerror)(int error);
  int (*ctl)(uc_engine *engine, int control, ...);
  int (*reg_read)(uc_engine *engine, int index, void *value);
  int (*reg_write)(uc_engine *engine, int index, const void *value);
  int (*emu_start)(uc_engine *engine, uint64_t begin, uint64_t until, uint64_t timeout, size_t count);
  int (*emu_stop)(uc_engine *engine);
  int (*hook_add)(uc_engine *engine, uc_hook *hook, int type, void *callback, void *user, uint64_t begin, uint64_t end, ...);
  int (*mem_map_ptr)(uc_engine *engine, uint64_t address, size_t size, uint32_t permissions, void *host);
  int (*mmio_map)(uc_engine *engine, uint64_t address, size_t size, void *read, void *user_read, void *write, void *user_write);
  int (*context_alloc)(uc_engine *engine, uc_context **context);
  size_t (*context_size)(uc_engine *engine);
  int (*context_save)(uc_engine *engine, uc_context *context);
  int (*context_restore)(uc_engine *engine, uc_context *context);
  int (*context_free)(uc_context *context);
};
extern struct cuc_library cuc_library;
