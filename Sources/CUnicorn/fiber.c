#include "library.h"
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

enum { STACK_SIZE = 1 << 20, GUARD_SIZE = 1 << 16 };

struct cuc_fiber {
  ucontext_t caller;
  ucontext_t own;
  void *stack;
  void (*entry)(void *);
  void *argument;
  bool has_ended;
};

static void enter(unsigned high, unsigned low) {
  cuc_fiber *fiber = (cuc_fiber *)((uintptr_t)high << 32 | low);
  fiber->entry(fiber->argument);
  fiber->has_ended = true;
  // Goes on in `caller`, which is linked.
}

cuc_fiber *cuc_fiber_make(void (*entry)(void *), void *argument) {
  cuc_fiber *fiber = calloc(1, sizeof *fiber);
  if (!fiber) return NULL;
  fiber->entry = entry;
  fiber->argument = argument;
  fiber->stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
  if (fiber->stack == MAP_FAILED || mprotect(fiber->stack, GUARD_SIZE, PROT_NONE) != 0 || getcontext(&fiber->own) != 0) {
    if (fiber->stack != MAP_FAILED) munmap(fiber->stack, STACK_SIZE);
    free(fiber);
    return NULL;
  }
  fiber->own.uc_stack.ss_sp = fiber->stack;
  fiber->own.uc_stack.ss_size = STACK_SIZE;
  fiber->own.uc_link = &fiber->caller;
  makecontext(&fiber->own, (void (*)(void))enter, 2, (unsigned)((uintptr_t)fiber >> 32), (unsigned)(uintptr_t)fiber);
  return fiber;
}

void cuc_fiber_free(cuc_fiber *fiber) {
  munmap(fiber->stack, STACK_SIZE);
  free(fiber);
}

bool cuc_fiber_resume(cuc_fiber *fiber) {
  // The signals that the thread blocks, and not whoever made the fiber: one that ends the process would come through.
  pthread_sigmask(SIG_SETMASK, NULL, &fiber->own.uc_sigmask);
  if (!fiber->has_ended) swapcontext(&fiber->caller, &fiber->own);
  return !fiber->has_ended;
}

void cuc_fiber_pause(cuc_fiber *fiber) {
  // What the thread does meanwhile is not in the guest's name.
  cuc_vcpu *running = cuc_running;
  cuc_running = NULL;
  swapcontext(&fiber->own, &fiber->caller);
  cuc_running = running;
}
