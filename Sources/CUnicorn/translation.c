// Page tables of x86 guests. libunicorn 2.0 walks them (rights, accessed and dirty bits, page faults: handle_mmu_fault in its
// qemu/target/i386/excp_helper.c), and then takes the linear address for the physical one. The walk's last entry says which
// page it is, and this puts that into the library's TLB.
//
#include "library.h"

// QEMU's MemTxAttrs, a structure of bit fields that is passed as a number.
typedef uint32_t attributes;

static bool (*own_tlb_fill)(void *cpu, uint64_t address, int size, int access, int index, bool probe, uintptr_t from);
static void (*own_set_page)(void *cpu, uint64_t linear, uint64_t physical, attributes, int rights, int index, uint64_t size);
static uint64_t (*own_entry64)(void *cpu, uint64_t address);
static uint32_t (*own_entry32)(void *cpu, uint64_t address);
static void (*own_flush)(void *cpu);
static void *(*own_region)(uc_engine *engine, uint64_t address);

void *cuc_region(uc_engine *engine, uint64_t address) { return own_region(engine, address); }

static bool tlb_fill(void *cpu, uint64_t address, int size, int access, int index, bool probe, uintptr_t from) {
  if (cuc_running) {
    cuc_running->walk.entry_size = 0;
    cuc_running->cpu = cpu;
  }
  // A page fault leaves by longjmp.
  return own_tlb_fill(cpu, address, size, access, index, probe, from);
}

static uint64_t entry64(void *cpu, uint64_t address) {
  uint64_t entry = own_entry64(cpu, address);
  if (cuc_running) {
    cuc_running->walk.entry = entry;
    cuc_running->walk.entry_size = 8;
  }
  return entry;
}

static uint32_t entry32(void *cpu, uint64_t address) {
  uint32_t entry = own_entry32(cpu, address);
  if (cuc_running) {
    cuc_running->walk.entry = entry;
    cuc_running->walk.entry_size = 4;
  }
  return entry;
}

// The physical page of the walk's last entry (Intel SDM volume 3, tables 4-4, 4-6 and 4-15 to 4-20).
static uint64_t page(const struct cuc_walk *walk, uint64_t linear, uint64_t size) {
  uint64_t base;
  if (walk->entry_size == 8) {
    base = walk->entry & 0x000ffffffffff000;
  } else if (size > 4096) {
    // PSE-36: the address's bits 32 to 39 are the entry's bits 13 to 20.
    base = (walk->entry & 0xffc00000) | (walk->entry >> 13 & 0xff) << 32;
  } else {
    base = walk->entry & 0xfffff000;
  }
  return (base & ~(size - 1)) | (linear & (size - 1) & ~(uint64_t)0xfff);
}

static void set_page(void *cpu, uint64_t linear, uint64_t physical, attributes bits, int rights, int index, uint64_t size) {
  // Without a walk paging is off.
  if (cuc_running && cuc_running->walk.entry_size) physical = page(&cuc_running->walk, linear, size);
  own_set_page(cpu, linear, physical, bits, rights, index, size);
  cuc_page_set(cpu, linear, physical, rights);
}

// Before an access that its TLB does not have, the library looks whether anything is mapped there, with the linear address.
// All that a guest can address is mapped, as RAM or as what calls back, so the answer is yes.
static void *region(uc_engine *engine, uint64_t address) {
  if (cuc_running && cuc_running->uc == engine) return cuc_running->region;
  return own_region(engine, address);
}

bool cuc_find_flush(void *handle, bool (*find)(void *handle, const char *name, void *place)) {
  return find(handle, "tlb_flush_x86_64", &own_flush);
}

void cuc_flush(cuc_vcpu *vcpu) {
  // Without one nothing has been looked up.
  if (vcpu->cpu) own_flush(vcpu->cpu);
}

const struct cuc_replacement cuc_translation[CUC_TRANSLATION_COUNT] = {
  {"x86_cpu_tlb_fill_x86_64", (void *)tlb_fill, &own_tlb_fill},
  {"tlb_set_page_with_attrs_x86_64", (void *)set_page, &own_set_page},
  {"x86_ldq_phys_x86_64", (void *)entry64, &own_entry64},
  {"x86_ldl_phys_x86_64", (void *)entry32, &own_entry32},
  {"memory_mapping", (void *)region, &own_region},
};
