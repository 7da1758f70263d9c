#define _GNU_SOURCE  // SIGRTMAX and sigaction's flags under -std=c11
#include "CLinux.h"

#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

// Read by handlers, which may run at any moment on any thread; written by one thread, the attributes before the flag.
static struct termios users;
static volatile sig_atomic_t is_guarded;

// What was to be done with each signal before.
static struct sigaction before[65];

int clinux_terminal_is_ours(void) {
    pid_t owner = tcgetpgrp(STDIN_FILENO);
    return owner < 0 || owner == getpgrp();
}

void clinux_put_back_terminal(void) {
    if (!is_guarded || !clinux_terminal_is_ours()) return;
    int error = errno;
    tcsetattr(STDIN_FILENO, TCSANOW, &users);
    errno = error;
}

// Everything here is in the list of signal-safety(7).
static void put_back_and_end(int signal_number, siginfo_t *information, void *context) {
    clinux_put_back_terminal();
    sigaction(signal_number, &before[signal_number], NULL);
    switch (signal_number) {
        case SIGSEGV:
        case SIGBUS:
        case SIGFPE:
        case SIGILL:
            // The instruction is repeated and fails again, as if this handler had not been there.
            if (information->si_code > 0) return;
    }
    // Who handles it is told who sent it.
    if (before[signal_number].sa_flags & SA_SIGINFO) {
        before[signal_number].sa_sigaction(signal_number, information, context);
        return;
    }
    // Blocked until this returns.
    raise(signal_number);
}

// Whether a signal ends a process that does not care about it: signal(7).
static int ends_process(int signal_number) {
    switch (signal_number) {
        case SIGKILL:
        case SIGSTOP:
        case SIGTSTP:
        case SIGTTIN:
        case SIGTTOU:
        case SIGCONT:
        case SIGCHLD:
        case SIGURG:
        case SIGWINCH: return 0;
        default: return 1;
    }
}

static int is_fault(int signal_number) {
    switch (signal_number) {
        case SIGSEGV:
        case SIGBUS:
        case SIGFPE:
        case SIGILL:
        case SIGTRAP:
        case SIGSYS:
        case SIGABRT:
        case SIGQUIT: return 1;
        default: return 0;
    }
}

static void install(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = put_back_and_end;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigfillset(&action.sa_mask);
    for (int number = 1; number <= SIGRTMAX && number < (int)(sizeof before / sizeof before[0]); ++number) {
        struct sigaction now;
        if (!ends_process(number) || sigaction(number, NULL, &now) != 0) continue;
        // Whoever handles a fault, such as a runtime that prints where it happened, does so after us.
        int is_default = !(now.sa_flags & SA_SIGINFO) && now.sa_handler == SIG_DFL;
        int is_ignored = !(now.sa_flags & SA_SIGINFO) && now.sa_handler == SIG_IGN;
        if (is_ignored || (!is_default && !is_fault(number))) continue;
        before[number] = now;
        sigaction(number, &action, NULL);
    }
}

void clinux_guard_terminal(const struct termios *attributes) {
    static int is_installed;
    if (!attributes) {
        is_guarded = 0;
        return;
    }
    is_guarded = 0;
    users = *attributes;
    is_guarded = 1;
    if (!is_installed) install();
    is_installed = 1;
}

int clinux_open_pseudo_terminal(char *name, unsigned long size) {
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (master < 0) return -errno;
    int error = 0, other = -1;
    if (grantpt(master) != 0 || unlockpt(master) != 0) error = errno;
    if (error == 0) error = ptsname_r(master, name, size);
    if (error == 0 && (other = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC)) < 0) error = errno;
    struct termios attributes;
    if (error == 0 && tcgetattr(other, &attributes) != 0) error = errno;
    if (error == 0) {
        cfmakeraw(&attributes);
        if (tcsetattr(other, TCSANOW, &attributes) != 0) error = errno;
    }
    if (other >= 0) close(other);
    if (error == 0) return master;
    close(master);
    return -error;
}

int clinux_watch_opens(const char *path) {
    int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (watch < 0) return -errno;
    if (inotify_add_watch(watch, path, IN_OPEN) >= 0) return watch;
    int error = errno;
    close(watch);
    return -error;
}
