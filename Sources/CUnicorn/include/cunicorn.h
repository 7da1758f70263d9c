// What the engine needs of libunicorn, QEMU's translator as a library: found when a guest is to run under it (dlopen), so that
// neither a build nor a run under KVM needs it. Declarations are ours; names and numbers are those of the library's
// interface (unicorn/unicorn.h, unicorn/x86.h of version 2).
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Error codes of uc_err that are told apart here.
enum {
  CUC_OK = 0,
  CUC_NO_MEMORY = 1,
  CUC_INVALID_INSTRUCTION = 10,
};

// The number of no model-specific register.
enum { CUC_TASK_PRIORITY = 0x7fffffff };

// Who does a write to a model-specific register: the library, or it is done, or it is a general protection exception.
enum { CUC_WRITE_IS_THE_LIBRARYS = 0, CUC_WRITE_IS_DONE = 1, CUC_WRITE_IS_REFUSED = 2 };

// What a vCPU's translator calls, with `user`, on the thread that runs it.
struct cuc_callbacks {
  void *user;
  // An access to a port or to memory that is not RAM; size: 1, 2, 4, 8.
  uint64_t (*read)(void *user, bool is_port, uint64_t address, uint32_t size);
  void (*write)(void *user, bool is_port, uint64_t address, uint32_t size, uint64_t value);
  // An exception, or an INT. The registers are those of the moment, and may be set.
  void (*exception)(void *user, uint32_t vector);
  // SYSCALL, which the library leaves to this; it adds the instruction's length to RIP afterwards.
  void (*system_call)(void *user);
  // SYSENTER, which the library does not do. Returns the exception that it is instead; 0: RIP is where it goes on.
  int (*system_entry)(void *user);
  // CPUID: EAX, EBX, ECX and EDX, as the library would answer, to be changed.
  void (*identify)(void *user, uint32_t leaf, uint32_t subleaf, uint32_t values[4]);
  // RDMSR, false: the library does it; and WRMSR, which returns who does it. CUC_TASK_PRIORITY is CR8.
  bool (*read_model_specific)(void *user, uint32_t index, uint64_t *value);
  int (*write_model_specific)(void *user, uint32_t index, uint64_t value);
  // Somebody wants the vCPU's attention, and a translated block is about to begin: all registers are those of the moment.
  // Returns whether to leave the translated code there.
  bool (*attention)(void *user);
};

// A processor that translates: an instance of the library with callbacks. Opaque.
typedef struct cuc_vcpu cuc_vcpu;

// Finds the library. From any thread; what was found is kept.
// Returns NULL, or what is wrong, which needs not be freed.
const char *cuc_load(void);
// The library's version once it is loaded: major, minor, patch and an extra number, from the highest byte down.
unsigned cuc_version(void);

// What a machine's processors have in common: RAM, and which pages of it have been translated. Opaque.
typedef struct cuc_machine cuc_machine;
// Makes one for RAM of whole pages; NULL without memory. It outlives its processors.
cuc_machine *cuc_machine_make(void *ram, uint64_t size);
void cuc_machine_free(cuc_machine *machine);
// Whether some of a range of RAM, by its offset, has been translated by any processor. From any thread.
bool cuc_has_code(const cuc_machine *machine, uint64_t offset, uint64_t length);
// Has all processors forget what they have translated of a range. While none of them executes.
void cuc_forget_code(cuc_machine *machine, uint64_t offset, uint64_t length);

// Makes an x86 processor, without memory. While no other of the machine's executes; so with its end. NULL where the library refuses; *error says why.
cuc_vcpu *cuc_vcpu_make(cuc_machine *machine, struct cuc_callbacks callbacks, const char **error);
void cuc_vcpu_free(cuc_vcpu *vcpu);

// Makes a part of the machine's RAM the guest's at a guest physical address; whole pages. Returns an uc_err.
int cuc_map_ram(cuc_vcpu *vcpu, uint64_t address, uint64_t size, void *host);
// Has accesses to a range of guest physical addresses call back; whole pages. Returns an uc_err.
int cuc_map_io(cuc_vcpu *vcpu, uint64_t address, uint64_t size);

// Runs from an instruction pointer until a callback or a HLT ends it. Returns an uc_err.
int cuc_run(cuc_vcpu *vcpu, uint64_t rip);
// Whether the last run ended because `attention` said so.
bool cuc_was_stopped(const cuc_vcpu *vcpu);
// Has `attention` called at the next block, and from then on at each, until one of the others. From any thread.
void cuc_want_attention(cuc_vcpu *vcpu);
void cuc_give_attention(cuc_vcpu *vcpu);
// Has it called at blocks that begin with interrupts on (RFLAGS.IF) alone.
void cuc_await_interrupts_on(cuc_vcpu *vcpu);
// What an uc_err means.
const char *cuc_message(int error);

uint64_t cuc_flags(cuc_vcpu *vcpu);
// A model-specific register.
uint64_t cuc_model_specific(cuc_vcpu *vcpu, uint32_t index);
// Sets what x87 and SSE are controlled by as KVM's processors begin with: no exceptions, full precision, no registers in use.
void cuc_power_on(cuc_vcpu *vcpu);
void cuc_set_model_specific(cuc_vcpu *vcpu, uint32_t index, uint64_t value);
void cuc_set_flags(cuc_vcpu *vcpu, uint64_t rflags);

// The processor's state, as the library keeps it: read into the vCPU's own copy, which is returned, and written back from
// there. `cuc_load` has checked that the fields are where this header says.
uint8_t *cuc_state(cuc_vcpu *vcpu);
void cuc_set_state(cuc_vcpu *vcpu);
// Forgets what addresses were translated to. On the vCPU's thread, or while nothing runs.
void cuc_flush(cuc_vcpu *vcpu);

// Where fields are in the state, bytes (CPUX86State of QEMU 5.0).
enum {
  CUC_GENERAL = 0, // 16 of 64 bits, in the order of instructions
  CUC_RIP = 128,
  CUC_FLAGS = 136, // without those of arithmetic
  CUC_HIDDEN_FLAGS = 176, // 32 bits: CUC_HF_*
  CUC_SEGMENTS = 184, // ES, CS, SS, DS, FS, GS, LDTR, TR, GDTR, IDTR
  CUC_SEGMENT_SIZE = 24, // selector, 4 bytes of nothing, base of 64 bits, limit, flags
  CUC_CONTROL = 424, // CR0 to CR4, of 64 bits
  CUC_EFER = 560,
  CUC_STATE_SIZE = 568, // what is looked at
};

// Bits of the hidden flags.
enum {
  CUC_HF_PRIVILEGE = 3,
  CUC_HF_INHIBIT_INTERRUPTS = 1 << 3,
  CUC_HF_CS32 = 1 << 4,
  CUC_HF_SS32 = 1 << 5,
  CUC_HF_ADDS_SEGMENTS = 1 << 6,
  CUC_HF_PROTECTED = 1 << 7,
  CUC_HF_LONG_MODE = 1 << 14,
  CUC_HF_CS64 = 1 << 15,
  CUC_HF_OSFXSR = 1 << 22,
};

// What the library noted with the last exception, in the copy of the state.
int32_t cuc_error_code(const cuc_vcpu *vcpu);
bool cuc_is_software_interrupt(const cuc_vcpu *vcpu);

// membarrier(2): a fence for every thread of the process. Whether the kernel has it; to be asked once before.
bool cuc_register_fence(void);
void cuc_fence(void);

// A stack to be left in the middle and returned to, by one thread.
typedef struct cuc_fiber cuc_fiber;
// Makes one that begins with `entry(argument)`; NULL without memory.
cuc_fiber *cuc_fiber_make(void (*entry)(void *), void *argument);
void cuc_fiber_free(cuc_fiber *fiber);
// Runs it until it pauses or ends; false: it has ended.
bool cuc_fiber_resume(cuc_fiber *fiber);
// Called on its stack: goes back to who resumed it.
void cuc_fiber_pause(cuc_fiber *fiber);
