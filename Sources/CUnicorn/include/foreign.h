// Processors other than x86, by the same library (cunicorn.h): without interrupts, page tables' state or ports.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Numbers of uc_arch and uc_mode.
enum {
  CUC_ARCH_ARM64 = 2,
  CUC_ARCH_MIPS = 3,
  CUC_ARCH_PPC = 5,
  CUC_ARCH_RISCV = 8,
  CUC_ARCH_S390X = 9,
  CUC_MODE_MIPS32 = 1 << 2,
  CUC_MODE_PPC32 = 1 << 2,
  CUC_MODE_RISCV64 = 1 << 3,
  CUC_MODE_BIG_ENDIAN = 1 << 30,
};

// Numbers of registers: uc_arm64_reg, uc_mips_reg, uc_ppc_reg, uc_riscv_reg, uc_s390x_reg.
enum {
  CUC_ARM64_X29 = 1,
  CUC_ARM64_X30 = 2,
  CUC_ARM64_SP = 4,
  CUC_ARM64_X0 = 199,
  CUC_ARM64_PC = 260,
  CUC_MIPS_PC = 1,
  CUC_MIPS_0 = 2,
  CUC_PPC_PC = 1,
  CUC_PPC_0 = 2,
  CUC_RISCV_X0 = 1,
  CUC_RISCV_PC = 190,
  CUC_S390X_R0 = 1,
  CUC_S390X_PC = 65,
  CUC_S390X_PSW_MASK = 66,
};

// What a translator calls, with `user`, on the thread that runs it.
struct cuc_foreign_callbacks {
  void *user;
  // An access to memory that is not RAM; size: 1, 2, 4, 8. The value is a number as the guest has it in a register.
  uint64_t (*read)(void *user, uint64_t address, uint32_t size);
  void (*write)(void *user, uint64_t address, uint32_t size, uint64_t value);
  // An exception, by the library's number of it.
  void (*exception)(void *user, uint32_t number);
  // Somebody wants attention, and a translated block is about to begin. Returns whether to leave the translated code there.
  bool (*attention)(void *user);
};

typedef struct cuc_foreign cuc_foreign;

// Makes a processor without memory, once `cuc_load` has found the library. NULL where that refuses; *error says why.
cuc_foreign *cuc_foreign_make(int architecture, int mode, struct cuc_foreign_callbacks callbacks, const char **error);
void cuc_foreign_free(cuc_foreign *processor);

// Makes host memory the guest's at a guest physical address; whole pages. Returns an uc_err.
int cuc_foreign_map_ram(cuc_foreign *processor, uint64_t address, uint64_t size, void *host);
// Has accesses to a range of guest physical addresses call back; whole pages. Returns an uc_err.
int cuc_foreign_map_io(cuc_foreign *processor, uint64_t address, uint64_t size);

// Runs from an address until a callback, or the guest's waiting for an interrupt, ends it. Returns an uc_err.
int cuc_foreign_run(cuc_foreign *processor, uint64_t address);
// Whether the last run ended because `attention` said so.
bool cuc_foreign_was_stopped(const cuc_foreign *processor);
// Has `attention` called at the next block, and from then on at each, until the second. From any thread.
void cuc_foreign_want_attention(cuc_foreign *processor);
void cuc_foreign_give_attention(cuc_foreign *processor);

// A register by its number, of up to 64 bits.
uint64_t cuc_foreign_register(cuc_foreign *processor, int number);
void cuc_foreign_set_register(cuc_foreign *processor, int number, uint64_t value);
