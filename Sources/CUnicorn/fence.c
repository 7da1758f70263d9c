#define _GNU_SOURCE
#include "cunicorn.h"
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

bool cuc_register_fence(void) { return syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0; }

void cuc_fence(void) { syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0); }
