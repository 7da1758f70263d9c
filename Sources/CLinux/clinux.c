#define _GNU_SOURCE  // CPU_SET and sched_setaffinity; not in the header, where it would contradict Swift's Glibc module
#include "CLinux.h"

#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

void clinux_name_memory(void *start, size_t length, const char *name) {
    const int set_vma = 0x53564d41, set_vma_anonymous_name = 0;
    prctl(set_vma, set_vma_anonymous_name, start, length, name);
}

int clinux_pin_this_thread(int cpu) {
    if (cpu < 0 || cpu >= CPU_SETSIZE) return -EINVAL;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return sched_setaffinity(0, sizeof set, &set) == 0 ? 0 : -errno;
}

int clinux_use_cpus(const int *cpus, size_t count) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (size_t index = 0; index < count; index++) {
        if (cpus[index] < 0 || cpus[index] >= CPU_SETSIZE) return -EINVAL;
        CPU_SET(cpus[index], &set);
    }
    return sched_setaffinity(0, sizeof set, &set) == 0 ? 0 : -errno;
}

int clinux_end_with_parent(pid_t parent, int signal_number) {
    if (prctl(PR_SET_PDEATHSIG, signal_number) != 0) return -errno;
    // It may have ended before the kernel knew.
    return getppid() == parent ? 0 : -ESRCH;
}

int clinux_schedule(int thread, int policy, int priority, int nice) {
    const struct sched_param parameters = {.sched_priority = priority};
    if (sched_setscheduler(thread, policy, &parameters) != 0) return -errno;
    // The nice value is kept beside a priority, and comes into force with the class.
    if (priority == 0 && setpriority(PRIO_PROCESS, (id_t)thread, nice) != 0) return -errno;
    return 0;
}

int clinux_usable_cpus(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    int count = CPU_COUNT(&set);
    return count > 0 ? count : 1;
}

int clinux_cpu_is_usable(int cpu) {
    cpu_set_t set;
    if (cpu < 0 || cpu >= CPU_SETSIZE) return 0;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 0;
    return CPU_ISSET(cpu, &set) ? 1 : 0;
}

void clinux_name_this_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

int clinux_gettid(void) { return (int)syscall(SYS_gettid); }

int clinux_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int clinux_accept(int listener) { return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC); }

int clinux_spawn_close_from(posix_spawn_file_actions_t *actions, int first) {
    return posix_spawn_file_actions_addclosefrom_np(actions, first);
}

char **clinux_environment(void) {
    extern char **environ;
    return environ;
}

int clinux_path_flag(void) { return O_PATH; }

int clinux_temporary_file_flag(void) { return O_TMPFILE; }

int clinux_direct_flag(void) { return O_DIRECT; }

int clinux_direct_alignment(int file, unsigned *memory, unsigned *offset) {
#ifdef STATX_DIOALIGN
    struct statx information;
    memset(&information, 0, sizeof information);
    if (statx(file, "", AT_EMPTY_PATH, STATX_DIOALIGN, &information) != 0) return -errno;
    if (!(information.stx_mask & STATX_DIOALIGN)) return 0;
    *memory = information.stx_dio_mem_align;
    *offset = information.stx_dio_offset_align;
    return 1;
#else
    (void)file, (void)memory, (void)offset;
    return 0;
#endif
}

int clinux_block_size(int device) {
    int bytes = 0;
    return ioctl(device, BLKSSZGET, &bytes) == 0 ? bytes : -errno;
}

int clinux_block_is_read_only(int device) {
    int is_read_only = 0;
    return ioctl(device, BLKROGET, &is_read_only) == 0 ? is_read_only != 0 : -errno;
}

int clinux_block_discard(int device, uint64_t offset, uint64_t length) {
    uint64_t range[2] = {offset, length};
    return ioctl(device, BLKDISCARD, range) == 0 ? 0 : -errno;
}

int clinux_remove_default_acl(int directory) {
    return fremovexattr(directory, "system.posix_acl_default") == 0 ? 0 : -errno;
}

int clinux_first_realtime_signal(void) { return SIGRTMIN; }

int clinux_signal_is_ignored(int signal_number) {
    struct sigaction action;
    return sigaction(signal_number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

// Read by the handler below; written before memory of the range is touched, by one thread.
static struct {
    const char *base;
    size_t length;
    char message[512];
    size_t message_length;
    int status;
} watched;

static void end_when_lost(int signal_number, siginfo_t *information, void *context) {
    (void)context;
    clinux_put_back_terminal();
    const char *address = information->si_addr;
    if (address < watched.base || (size_t)(address - watched.base) >= watched.length) {
        // Somebody else's memory: as if this handler were not there, once the instruction is repeated.
        signal(signal_number, SIG_DFL);
        return;
    }
    ssize_t ignored = write(STDERR_FILENO, watched.message, watched.message_length);
    (void)ignored;
    _exit(watched.status);
}

int clinux_end_when_lost(const void *base, size_t length, const char *message, int status) {
    watched.base = base;
    watched.length = length;
    watched.message_length = strnlen(message, sizeof watched.message - 1);
    memcpy(watched.message, message, watched.message_length);
    watched.status = status;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = end_when_lost;
    action.sa_flags = SA_SIGINFO;
    sigemptyset(&action.sa_mask);
    return sigaction(SIGBUS, &action, NULL) == 0 ? 0 : -errno;
}

static void ignore(int signal_number) { (void)signal_number; }

int clinux_make_interrupting(int signal_number) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = ignore;
    sigemptyset(&action.sa_mask);
    return sigaction(signal_number, &action, NULL) == 0 ? 0 : -errno;
}
