// Functions of this module in place of the library's own. The library calls its functions by slots that the dynamic linker fills, as a
// shared object does whose functions others may replace (System V ABI, AMD64 supplement, section 5.2): the slots of a few are
// set to functions here, by name.
// dlinfo(3).
#define _GNU_SOURCE
#include "library.h"
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { COUNT = CUC_TRANSLATION_COUNT + CUC_PROCESSOR_COUNT + CUC_CODE_COUNT + CUC_PRIVILEGED_COUNT };

static const struct {
  const struct cuc_replacement *first;
  size_t count;
} lists[] = {
  {cuc_translation, CUC_TRANSLATION_COUNT},
  {cuc_processor, CUC_PROCESSOR_COUNT},
  {cuc_code, CUC_CODE_COUNT},
  {cuc_privileged, CUC_PRIVILEGED_COUNT},
};

struct replacement {
  const struct cuc_replacement *what;
  bool is_done;
};

static bool set(void **slot, void *function) {
  // The slots are read-only where the library is linked so. None crosses pages: they are aligned.
  long page_size = sysconf(_SC_PAGESIZE);
  void *start = (void *)((uintptr_t)slot & ~((uintptr_t)page_size - 1));
  if (mprotect(start, (size_t)page_size, PROT_READ | PROT_WRITE) != 0) return false;
  *slot = function;
  return mprotect(start, (size_t)page_size, PROT_READ) == 0;
}

// The parts of the library that are looked at, in its dynamic section.
struct sections {
  const ElfW(Rela) *relocations, *jumps;
  size_t size, jumps_size;
  const ElfW(Sym) *symbols;
  const char *names;
  // Where it is.
  ElfW(Addr) base;
};

static bool replace(const struct sections *in, const ElfW(Rela) *relocations, size_t size, struct replacement *replacements) {
  for (size_t i = 0; i < size / sizeof *relocations; i++) {
    const ElfW(Rela) *relocation = &relocations[i];
    unsigned type = ELF64_R_TYPE(relocation->r_info);
    if (type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT && type != R_X86_64_64) continue;
    const char *name = in->names + in->symbols[ELF64_R_SYM(relocation->r_info)].st_name;
    for (size_t r = 0; r < COUNT; r++) {
      if (strcmp(name, replacements[r].what->name) != 0) continue;
      if (!set((void **)(in->base + relocation->r_offset), replacements[r].what->function)) return false;
      replacements[r].is_done = true;
    }
  }
  return true;
}

const char *cuc_replace_functions(void *handle, bool (*find)(void *handle, const char *name, void *place)) {
  static char problem[256];
  struct replacement replacements[COUNT];
  size_t count = 0;
  for (size_t list = 0; list < sizeof lists / sizeof *lists; list++) {
    for (size_t i = 0; i < lists[list].count; i++) replacements[count++] = (struct replacement){&lists[list].first[i], false};
  }
  for (size_t i = 0; i < COUNT; i++) {
    if (!find(handle, replacements[i].what->name, replacements[i].what->own)) {
      snprintf(problem, sizeof problem, "libunicorn.so.2 lacks %s, which version 2.0.1 has", replacements[i].what->name);
      return problem;
    }
  }
  struct link_map *map = NULL;
  if (dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0 || !map) return "libunicorn.so.2: nothing is known of where it was loaded";
  struct sections in = {.base = map->l_addr};
  for (const ElfW(Dyn) *entry = map->l_ld; entry->d_tag != DT_NULL; entry++) {
    switch (entry->d_tag) {
    case DT_RELA: in.relocations = (const void *)entry->d_un.d_ptr; break;
    case DT_RELASZ: in.size = entry->d_un.d_val; break;
    case DT_JMPREL: in.jumps = (const void *)entry->d_un.d_ptr; break;
    case DT_PLTRELSZ: in.jumps_size = entry->d_un.d_val; break;
    case DT_SYMTAB: in.symbols = (const void *)entry->d_un.d_ptr; break;
    case DT_STRTAB: in.names = (const void *)entry->d_un.d_ptr; break;
    default: break;
    }
  }
  bool is_done = in.relocations && in.jumps && in.symbols && in.names
    && replace(&in, in.relocations, in.size, replacements) && replace(&in, in.jumps, in.jumps_size, replacements);
  for (size_t i = 0; i < COUNT; i++) is_done = is_done && replacements[i].is_done;
  return is_done ? NULL : "libunicorn.so.2 calls its functions in another way than version 2.0.1 does";
}
