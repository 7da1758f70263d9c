// The library's interface as far as it is used: functions by address, and numbers of its headers.
#pragma once
#include "cunicorn.h"
#include <stdatomic.h>
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
  CUC_REG_FPCW = 246,
  CUC_REG_FPTAG = 247,
  CUC_REG_MSR = 248,
  CUC_REG_MXCSR = 249,
  CUC_REG_GS_BASE = 251,
  CUC_REG_RFLAGS = 253,
  CUC_INS_IN = 218,
  CUC_INS_OUT = 500,
  CUC_INS_SYSCALL = 699,
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
// Behind them, the exception that is being delivered, for the library; -1: none.
// Between them, the debug registers.
enum { CUC_ERROR_CODE_FROM_END = 176, CUC_DEBUG_REGISTERS = 16, CUC_OLD_EXCEPTION = 112 };

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

// The walk through page tables that is under way (translation.c).
struct cuc_walk {
  // The entry that was read last, and its size in bytes; 0: none was.
  uint64_t entry;
  uint32_t entry_size;
};

struct cuc_io {
  cuc_vcpu *vcpu;
  uint64_t address;
};

// A part of RAM: its guest physical address, its offset in the machine's memory, and the library's own address of it.
struct cuc_ram {
  uint64_t address, offset, library, size;
};

struct cuc_vcpu {
  uc_engine *uc;
  uc_context *context;
  size_t state_size;
  struct cuc_callbacks callbacks;
  atomic_uint attention;
  bool stopped;
  struct cuc_walk walk;
  // The library's processor, once it has looked up an address.
  void *cpu;
  // The library's region of RAM, which stands for all that is mapped.
  void *region;
  // Where ranges begin: the library tells only how far an access is within one.
  struct cuc_io ranges[16];
  size_t range_count;
  // Among the machine's processors, with the pages that it has translated code of (code.c).
  cuc_machine *machine;
  cuc_vcpu *next;
  uint8_t *has_code;
  struct cuc_ram ram[4];
  size_t ram_count;
};

// Whose code this thread executes, if anybody's: the library's functions do not have it.
extern _Thread_local cuc_vcpu *cuc_running;

// The library's region at a guest physical address; NULL: nothing is mapped there.
void *cuc_region(uc_engine *engine, uint64_t address);

// Puts a processor among a machine's, and takes it out; whether there is memory for it.
bool cuc_machine_add(cuc_machine *machine, cuc_vcpu *vcpu);
void cuc_machine_remove(cuc_vcpu *vcpu);
// Notes a part of RAM; whether it is of the machine's.
bool cuc_machine_map(cuc_vcpu *vcpu, uint64_t address, uint64_t size, void *host);
// A page has come into the TLB: writes to it take the short way, if no code is there.
void cuc_page_set(void *cpu, uint64_t linear, uint64_t physical, int rights);
// Finds functions that code.c calls.
bool cuc_find_code(void *handle, bool (*find)(void *handle, const char *name, void *place));
// Finds functions that privileged.c calls.
bool cuc_find_privileged(void *handle, bool (*find)(void *handle, const char *name, void *place));
// Finds what empties the library's TLB.
bool cuc_find_flush(void *handle, bool (*find)(void *handle, const char *name, void *place));

// A function of the library, what is called instead, and where the library's own is kept.
struct cuc_replacement {
  const char *name;
  void *function;
  void *own;
};
enum { CUC_TRANSLATION_COUNT = 5, CUC_PROCESSOR_COUNT = 3, CUC_CODE_COUNT = 3, CUC_PRIVILEGED_COUNT = 10 };
extern const struct cuc_replacement cuc_privileged[CUC_PRIVILEGED_COUNT];
extern const struct cuc_replacement cuc_translation[CUC_TRANSLATION_COUNT];
extern const struct cuc_replacement cuc_code[CUC_CODE_COUNT];
// Raises an exception in the middle of a helper of translated code, which is called from `from`; does not return.
void cuc_raise(void *state, int vector, int code, uintptr_t from);
extern const struct cuc_replacement cuc_processor[CUC_PROCESSOR_COUNT];
// Puts them in place, before a processor is made. Returns NULL, or what is wrong.
const char *cuc_replace_functions(void *handle, bool (*find)(void *handle, const char *name, void *place));
