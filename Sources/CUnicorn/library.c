#include "library.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cuc_library cuc_library;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static char problem[512];

static bool find(void *handle, const char *name, void *place) {
  void *symbol = dlsym(handle, name);
  if (!symbol) {
    snprintf(problem, sizeof problem, "libunicorn.so.2 lacks %s", name);
    return false;
  }
  memcpy(place, &symbol, sizeof symbol);
  return true;
}

static uint64_t field(const uint8_t *state, size_t place, size_t size) {
  uint64_t value = 0;
  memcpy(&value, state + place, size);
  return value;
}

static uint64_t of_segment(const uint8_t *state, size_t index, size_t place, size_t size) {
  return field(state, CUC_SEGMENTS + index * CUC_SEGMENT_SIZE + place, size);
}

// Writes what nobody else would into registers, and looks for it in the state: a library that was built in another way keeps it
// elsewhere.
static bool is_laid_out_as_expected(void) {
  uc_engine *uc = NULL;
  uc_context *context = NULL;
  void *page = NULL;
  bool is_expected = false;
  if (cuc_library.open(CUC_ARCH_X86, CUC_MODE_64, &uc) != CUC_OK) return false;
  size_t size = cuc_library.context_size(uc);
  if (size < CUC_CONTEXT_HEADER + CUC_STATE_SIZE || cuc_library.context_alloc(uc, &context) != CUC_OK) goto done;
  uint64_t rax = 0x1122334455667788, r15 = 0x99aabbccddeeff01, rip = 0x123456789abc, cr3 = 0xabcdef000;
  struct cuc_descriptor_table gdt = {.base = 0x13579bdf, .limit = 0x2468}, idt = {.base = 0x97531fdb, .limit = 0x8642};
  uint64_t gs = 0x13572468ace0;
  cuc_library.reg_write(uc, CUC_REG_RAX, &rax);
  cuc_library.reg_write(uc, CUC_REG_R15, &r15);
  cuc_library.reg_write(uc, CUC_REG_RIP, &rip);
  cuc_library.reg_write(uc, CUC_REG_CR0 + 3, &cr3);
  cuc_library.reg_write(uc, CUC_REG_GDTR, &gdt);
  cuc_library.reg_write(uc, CUC_REG_IDTR, &idt);
  cuc_library.reg_write(uc, CUC_REG_GS_BASE, &gs);
  if (cuc_library.context_save(uc, context) != CUC_OK) goto done;
  const uint8_t *state = (const uint8_t *)context + CUC_CONTEXT_HEADER;
  const uint32_t expected = CUC_HF_CS32 | CUC_HF_SS32 | CUC_HF_PROTECTED | CUC_HF_LONG_MODE | CUC_HF_CS64 | CUC_HF_OSFXSR;
  const uint64_t long_mode = 0x500; // EFER.LME and EFER.LMA, as the library begins
  // mov $0x30, %eax; mov %eax, %ds: beyond a table without entries. Nobody hears the exception, so it ends the run.
  static const uint8_t code[] = {0xb8, 0x30, 0, 0, 0, 0x8e, 0xd8, 0xf4};
  if (posix_memalign(&page, 4096, 4096) != 0) goto done;
  memset(page, 0, 4096);
  memcpy(page, code, sizeof code);
  struct cuc_descriptor_table none = {.base = 0, .limit = 0};
  if (cuc_library.mem_map_ptr(uc, 0x1000, 4096, CUC_PROTECTION_ALL, page) != CUC_OK) goto done;
  is_expected = field(state, CUC_GENERAL, 8) == rax && field(state, CUC_GENERAL + 15 * 8, 8) == r15
    && field(state, CUC_RIP, 8) == rip && field(state, CUC_CONTROL + 3 * 8, 8) == cr3
    && of_segment(state, 8, 8, 8) == gdt.base && of_segment(state, 8, 16, 4) == gdt.limit
    && of_segment(state, 9, 8, 8) == idt.base && of_segment(state, 9, 16, 4) == idt.limit
    && of_segment(state, 5, 8, 8) == gs && field(state, CUC_HIDDEN_FLAGS, 4) == expected
    && field(state, CUC_EFER, 8) == long_mode;
  cuc_library.reg_write(uc, CUC_REG_GDTR, &none);
  cuc_library.emu_start(uc, 0x1000, 0x1000 + sizeof code, 0, 0);
  if (cuc_library.context_save(uc, context) != CUC_OK) is_expected = false;
  size_t place = size - CUC_CONTEXT_HEADER - CUC_ERROR_CODE_FROM_END;
  is_expected = is_expected && field(state, place, 4) == 0x30 && field(state, place + 4, 4) == 0
    && field(state, place + CUC_OLD_EXCEPTION, 4) == 13;
done:
  if (context) cuc_library.context_free(context);
  cuc_library.close(uc);
  free(page);
  return is_expected;
}

static void load(void) {
  void *handle = dlopen("libunicorn.so.2", RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    snprintf(problem, sizeof problem, "%s", dlerror());
    return;
  }
  const struct {
    const char *name;
    void *place;
  } functions[] = {
    {"uc_version", &cuc_library.version}, {"uc_open", &cuc_library.open}, {"uc_close", &cuc_library.close},
    {"uc_strerror", &cuc_library.strerror}, {"uc_ctl", &cuc_library.ctl}, {"uc_reg_read", &cuc_library.reg_read},
    {"uc_reg_write", &cuc_library.reg_write}, {"uc_emu_start", &cuc_library.emu_start},
    {"uc_emu_stop", &cuc_library.emu_stop}, {"uc_hook_add", &cuc_library.hook_add},
    {"uc_mem_map_ptr", &cuc_library.mem_map_ptr}, {"uc_mmio_map", &cuc_library.mmio_map},
    {"uc_context_alloc", &cuc_library.context_alloc}, {"uc_context_size", &cuc_library.context_size},
    {"uc_context_save", &cuc_library.context_save}, {"uc_context_restore", &cuc_library.context_restore},
    {"uc_context_free", &cuc_library.context_free},
  };
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    if (!find(handle, functions[i].name, functions[i].place)) return;
  }
  unsigned major = 0, minor = 0;
  cuc_library.version(&major, &minor);
  if (major != 2) {
    snprintf(problem, sizeof problem, "libunicorn.so.2 says that it is version %u.%u", major, minor);
    return;
  }
  if (!cuc_find_flush(handle, find) || !cuc_find_code(handle, find) || !cuc_find_privileged(handle, find)) return;
  const char *difference = cuc_replace_functions(handle, find);
  if (difference) {
    // `find` has written into the same.
    if (difference != problem) snprintf(problem, sizeof problem, "%s", difference);
  } else if (!is_laid_out_as_expected()) {
    snprintf(problem, sizeof problem,
             "libunicorn.so.2 (version %u.%u) keeps a processor's state in a form that is not known here; that of version 2.0.1 is",
             major, minor);
  }
}

const char *cuc_load(void) {
  pthread_once(&once, load);
  return problem[0] ? problem : NULL;
}

unsigned cuc_version(void) { return cuc_library.version(NULL, NULL); }

const char *cuc_message(int error) { return cuc_library.strerror(error); }
