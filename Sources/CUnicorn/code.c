// Which pages of guest RAM have been translated. The library translates a page's code once and goes by that until the page is written;
// but it knows of the writes of one processor alone. Here all processors of a machine, and its devices, tell each other: what has
// been translated of a page that anybody writes is forgotten by all.
//
// The library also has every write to RAM look for translated code, as it keeps no note of pages without; that note is here, and a write to
// such a page takes the short way.
//
// All but `cuc_has_code` is called by who has the turn (TranslationTurns), so that no processor executes meanwhile, or on
// the only processor's thread.
#include "library.h"
#include <stdlib.h>

enum { PAGE = 4096, WRITABLE = 2 };

static void (*own_protect)(uc_engine *engine, uint64_t ram);
static void (*own_unprotect)(uc_engine *engine, uint64_t ram);
static void (*own_written)(uc_engine *engine, void *pages, uint64_t ram, int length, uintptr_t from);
static void (*own_set_dirty)(void *cpu, uint64_t linear);
static void (*own_reset_dirty)(void *cpu, uintptr_t host, uint64_t length);
static void (*own_forget)(uc_engine *engine, uint64_t begin, uint64_t end);

static uint64_t (*own_ram_address)(uc_engine *engine, void *host);

// Whose processors this thread has forget something, where it executes none itself.
static _Thread_local cuc_machine *told;

bool cuc_find_code(void *handle, bool (*find)(void *handle, const char *name, void *place)) {
  return find(handle, "tlb_set_dirty_x86_64", &own_set_dirty) && find(handle, "tlb_reset_dirty_x86_64", &own_reset_dirty)
    && find(handle, "tb_invalidate_phys_range_x86_64", &own_forget)
    && find(handle, "qemu_ram_addr_from_host_x86_64", &own_ram_address);
}

struct cuc_machine {
  uint8_t *ram;
  size_t page_count;
  // Of each page, how many processors have translated code of it. Read from any thread.
  _Atomic uint16_t *counts;
  cuc_vcpu *first;
};

cuc_machine *cuc_machine_make(void *ram, uint64_t size) {
  cuc_machine *machine = calloc(1, sizeof *machine);
  if (!machine) return NULL;
  machine->ram = ram;
  machine->page_count = size / PAGE;
  machine->counts = calloc(machine->page_count ? machine->page_count : 1, sizeof *machine->counts);
  if (machine->counts) return machine;
  free(machine);
  return NULL;
}

void cuc_machine_free(cuc_machine *machine) {
  free(machine->counts);
  free(machine);
}

bool cuc_machine_add(cuc_machine *machine, cuc_vcpu *vcpu) {
  vcpu->has_code = calloc(machine->page_count ? machine->page_count : 1, 1);
  if (!vcpu->has_code) return false;
  vcpu->machine = machine;
  vcpu->next = machine->first;
  machine->first = vcpu;
  return true;
}

void cuc_machine_remove(cuc_vcpu *vcpu) {
  cuc_machine *machine = vcpu->machine;
  if (!machine) return;
  for (size_t page = 0; page < machine->page_count; page++) {
    if (vcpu->has_code[page]) machine->counts[page]--;
  }
  for (cuc_vcpu **link = &machine->first; *link; link = &(*link)->next) {
    if (*link != vcpu) continue;
    *link = vcpu->next;
    break;
  }
  free(vcpu->has_code);
  vcpu->machine = NULL;
}

bool cuc_machine_map(cuc_vcpu *vcpu, uint64_t address, uint64_t size, void *host) {
  const cuc_machine *machine = vcpu->machine;
  uint64_t offset = (uint64_t)((uint8_t *)host - machine->ram);
  if (vcpu->ram_count == sizeof vcpu->ram / sizeof *vcpu->ram || offset + size > machine->page_count * PAGE) return false;
  vcpu->ram[vcpu->ram_count++] = (struct cuc_ram){address, offset, own_ram_address(vcpu->uc, host), size};
  return true;
}

// The page of RAM that the library has at one of its own addresses; SIZE_MAX: none.
static size_t page_of(const cuc_vcpu *vcpu, uint64_t ram) {
  for (size_t i = 0; i < vcpu->ram_count; i++) {
    const struct cuc_ram *part = &vcpu->ram[i];
    if (ram >= part->library && ram - part->library < part->size) return (part->offset + (ram - part->library)) / PAGE;
  }
  return SIZE_MAX;
}

// The library's own address of an offset in RAM; whether it has one.
static bool library_address(const cuc_vcpu *vcpu, uint64_t offset, uint64_t *ram) {
  for (size_t i = 0; i < vcpu->ram_count; i++) {
    const struct cuc_ram *part = &vcpu->ram[i];
    if (offset < part->offset || offset - part->offset >= part->size) continue;
    *ram = part->library + (offset - part->offset);
    return true;
  }
  return false;
}

static void protect(uc_engine *engine, uint64_t ram) {
  own_protect(engine, ram);
  cuc_vcpu *vcpu = cuc_running;
  if (!vcpu || vcpu->uc != engine) return;
  size_t page = page_of(vcpu, ram);
  if (page >= vcpu->machine->page_count || vcpu->has_code[page]) return;
  vcpu->has_code[page] = 1;
  vcpu->machine->counts[page]++;
  // Writes to it are to be told from now on, everybody's.
  for (cuc_vcpu *each = vcpu->machine->first; each; each = each->next) {
    if (each->cpu) own_reset_dirty(each->cpu, (uintptr_t)vcpu->machine->ram + page * PAGE, PAGE);
  }
}

static void unprotect(uc_engine *engine, uint64_t ram) {
  own_unprotect(engine, ram);
  const cuc_machine *machine = told ? told : cuc_running ? cuc_running->machine : NULL;
  for (cuc_vcpu *vcpu = machine ? machine->first : NULL; vcpu; vcpu = vcpu->next) {
    if (vcpu->uc != engine) continue;
    size_t page = page_of(vcpu, ram);
    if (page >= vcpu->machine->page_count || !vcpu->has_code[page]) return;
    vcpu->has_code[page] = 0;
    vcpu->machine->counts[page]--;
  }
}

// Has the others forget what they have translated of a range in one page.
static void tell(cuc_machine *machine, const cuc_vcpu *writer, uint64_t offset, uint64_t length) {
  told = machine;
  for (cuc_vcpu *each = machine->first; each; each = each->next) {
    uint64_t ram;
    if (each != writer && each->has_code[offset / PAGE] && library_address(each, offset, &ram)) {
      own_forget(each->uc, ram, ram + length);
    }
  }
  told = NULL;
}

static void written(uc_engine *engine, void *pages, uint64_t ram, int length, uintptr_t from) {
  cuc_vcpu *vcpu = cuc_running;
  if (vcpu && vcpu->uc == engine && length > 0) {
    size_t page = page_of(vcpu, ram);
    if (page < vcpu->machine->page_count && vcpu->machine->counts[page] > vcpu->has_code[page]) {
      tell(vcpu->machine, vcpu, page * PAGE + ram % PAGE, (uint64_t)length);
    }
  }
  // Last: where the block that writes has changed itself, this leaves by longjmp.
  own_written(engine, pages, ram, length, from);
}

void cuc_page_set(void *cpu, uint64_t linear, uint64_t physical, int rights) {
  const cuc_vcpu *vcpu = cuc_running;
  if (!(rights & WRITABLE) || !vcpu) return;
  for (size_t i = 0; i < vcpu->ram_count; i++) {
    const struct cuc_ram *part = &vcpu->ram[i];
    if (physical < part->address || physical - part->address >= part->size) continue;
    size_t page = (part->offset + (physical - part->address)) / PAGE;
    if (page < vcpu->machine->page_count && !vcpu->machine->counts[page]) own_set_dirty(cpu, linear);
    return;
  }
}

bool cuc_has_code(const cuc_machine *machine, uint64_t offset, uint64_t length) {
  if (!length) return false;
  for (uint64_t page = offset / PAGE; page <= (offset + length - 1) / PAGE; page++) {
    if (page < machine->page_count && atomic_load_explicit(&machine->counts[page], memory_order_relaxed)) return true;
  }
  return false;
}

void cuc_forget_code(cuc_machine *machine, uint64_t offset, uint64_t length) {
  while (length) {
    uint64_t rest = PAGE - offset % PAGE, part = rest < length ? rest : length;
    if (offset / PAGE < machine->page_count && machine->counts[offset / PAGE]) tell(machine, NULL, offset, part);
    offset += part;
    length -= part;
  }
}

const struct cuc_replacement cuc_code[CUC_CODE_COUNT] = {
  {"tlb_protect_code_x86_64", (void *)protect, &own_protect},
  {"tlb_unprotect_code_x86_64", (void *)unprotect, &own_unprotect},
  {"tb_invalidate_phys_page_fast_x86_64", (void *)written, &own_written},
};
