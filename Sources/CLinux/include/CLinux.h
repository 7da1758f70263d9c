// What Swift's Glibc module does not offer: headers it leaves out, macros, variadic calls and thread identity.
#ifndef CLINUX_H
#define CLINUX_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/statfs.h>
#include <sys/timerfd.h>
#include <termios.h>
#include <unistd.h>

// prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME) of Linux 5.17 is not in every <sys/prctl.h>. Where the kernel lacks it,
// memory stays unnamed.
void clinux_name_memory(void *start, size_t length, const char *name);

// CPU_SET and its kin are macros. Pins the calling thread; 0 or -errno.
int clinux_pin_this_thread(int cpu);

// Scheduling classes: sched.h has some of them only with _GNU_SOURCE.
enum { CLINUX_OTHER = 0, CLINUX_FIFO = 1, CLINUX_RR = 2, CLINUX_BATCH = 3, CLINUX_IDLE = 5 };
// Schedules a thread of this process: sched_setscheduler(2), and for classes without a priority setpriority(2). 0 or -errno.
int clinux_schedule(int thread, int policy, int priority, int nice);

// The number of CPUs that this process may run on, at least 1.
int clinux_usable_cpus(void);
// Whether this process may run on a CPU.
int clinux_cpu_is_usable(int cpu);

// Restricts the calling thread, and what it starts, to some CPUs; 0 or -errno.
int clinux_use_cpus(const int *cpus, size_t count);

// prctl is variadic. Has the kernel send this process a signal when the thread that started it ends, also by SIGKILL; the signal
// is kept across exec. 0 or -errno; -ESRCH: `parent` is its parent no more.
int clinux_end_with_parent(pid_t parent, int signal_number);

// Names the calling thread (15 characters at the most are kept, as the kernel does).
void clinux_name_this_thread(const char *name);
int clinux_gettid(void);

// pthread_kill to a thread of this process; SIGRTMIN is a function call in disguise.
int clinux_first_realtime_signal(void);
// Installs a handler that does nothing, without SA_RESTART, so that the signal only interrupts system calls.
int clinux_make_interrupting(int signal_number);
// Whether a signal is ignored; the handler is in a union that Swift does not compare.
int clinux_signal_is_ignored(int signal_number);

// Ends this process with a message and a status when memory of a range turns out to be lost (SIGBUS): the file behind
// it was cut, or its file system is full. The message is copied, at most 511 bytes of it. 0 or -errno.
int clinux_end_when_lost(const void *base, size_t length, const char *message, int status);

// Has every signal that ends this process put these attributes back on standard input's terminal first; NULL: none any
// more.
void clinux_guard_terminal(const struct termios *attributes);
// Puts them back now, unless the terminal belongs to others. May be called in a signal handler.
void clinux_put_back_terminal(void);
// Whether this process may change standard input's terminal: false where job control has given it to another group, and
// changing it would stop this one.
int clinux_terminal_is_ours(void);

// spawn.h hides this flag of posix_spawnattr_setflags behind _GNU_SOURCE: the child leads a session of its own.
#define CLINUX_SPAWN_SETSID 0x80

// Behind _GNU_SOURCE as well: pipe2(2) with O_CLOEXEC; 0 or -1.
int clinux_pipe(int ends[2]);

// Behind _GNU_SOURCE as well: accept4(2), for a descriptor that does not block and is closed on exec; -1 and errno.
int clinux_accept(int listener);

// And this: the child closes every descriptor from `first` on.
int clinux_spawn_close_from(posix_spawn_file_actions_t *actions, int first);

// This process's environment; Swift rejects the global `environ` as unsafe to share.
char **clinux_environment(void);

// The processor's time stamp counter; 0 where there is none.
static inline uint64_t clinux_tsc(void) {
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#else
    return 0;
#endif
}

// Writes a byte back as it is: a write that no compiler leaves out.
static inline void clinux_touch(uint8_t *byte) {
    volatile uint8_t *place = byte;
    *place = *place;
}

// The hint for a loop that waits for another processor.
static inline void clinux_relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

// O_PATH is behind _GNU_SOURCE, too.
int clinux_path_flag(void);
// And O_TMPFILE.
int clinux_temporary_file_flag(void);
// And O_DIRECT.
int clinux_direct_flag(void);

// What direct I/O wants to be multiples of: addresses of memory; offsets in the file and lengths of each part. Bytes; both 0 where the file
// has no direct I/O. statx(2) with STATX_DIOALIGN, which is in struct statx since Linux 6.1. 1, 0 where the kernel or the
// file system does not tell, or -errno.
int clinux_direct_alignment(int file, unsigned *memory, unsigned *offset);

// ioctls of a block device, which are variadic, with numbers from <linux/fs.h>. Each returns -errno where it fails.
// Bytes of a logical block: BLKSSZGET.
int clinux_block_size(int device);
// 1 where it cannot be written, else 0: BLKROGET.
int clinux_block_is_read_only(int device);
// Has it let go of a range: BLKDISCARD. 0 or -errno.
int clinux_block_discard(int device, uint64_t offset, uint64_t length);

// Removes what a directory's default access control list gives others to what is made in it: fremovexattr(2); 0 or -errno.
int clinux_remove_default_acl(int directory);

// Makes a pseudo-terminal in raw mode, which Swift's Glibc module hides: pty(7). The result is the master, which does not block, or
// -errno; the other side's path is left in `name`.
int clinux_open_pseudo_terminal(char *name, unsigned long size);
// A descriptor that can be read when somebody has opened a file: inotify(7), IN_OPEN. Or -errno.
int clinux_watch_opens(const char *path);

// File system magic of hugetlbfs (linux/magic.h).
#define CLINUX_HUGETLBFS_MAGIC 0x958458f6
// And of tmpfs.
#define CLINUX_TMPFS_MAGIC 0x01021994
// And of proc.
#define CLINUX_PROC_MAGIC 0x9fa0

// ioctl(2) is variadic, and struct ifreq has unnamed unions. Each returns 0 or -errno.
// Attaches /dev/net/tun to a tap, or makes one: TUNSETIFF with IFF_TAP, IFF_NO_PI and IFF_VNET_HDR. The name has at most 15 bytes.
// With IFF_MULTI_QUEUE each such descriptor is one of its queues.
int clinux_tap_attach(int tun, const char *name, bool has_several);
// Takes a queue into use, or out of it: TUNSETQUEUE. -EINVAL where it is so already.
int clinux_tap_use_queue(int tun, bool is_used);
// The bytes in front of each frame: TUNSETVNETHDRSZ.
int clinux_tap_set_header_length(int tun, int length);
// Which frames may be delivered unfinished, in virtio's order: 1 checksum, 2 TCPv4 and 4 TCPv6 segmentation, 8 ECN: TUNSETOFFLOAD.
int clinux_tap_set_offloads(int tun, unsigned offloads);
// Whether an interface is switched on, 1 or 0: SIOCGIFFLAGS, IFF_UP.
int clinux_interface_is_up(const char *name);
// Switches an interface on: SIOCSIFFLAGS with IFF_UP.
int clinux_interface_up(const char *name);

#endif
