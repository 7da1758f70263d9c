#define _GNU_SOURCE
#include "CFaults.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

static const int faults[] = {SIGQUIT, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP};

// What was to be done with each before.
static struct sigaction before[SIGSYS + 1];

// Everything here is in the list of signal-safety(7).
static void end_or_describe(int number, siginfo_t *information, void *context) {
    // abort(3) sends its signal to this process itself. Nothing but somebody who wants an end sends SIGQUIT.
    int is_sent = information->si_code <= 0 && information->si_pid != getpid();
    if (is_sent || number == SIGQUIT) {
        signal(number, SIG_DFL);
        // Blocked until this returns.
        raise(number);
        return;
    }
    before[number].sa_sigaction(number, information, context);
}

void cfaults_end_when_sent(void) {
    for (unsigned place = 0; place < sizeof faults / sizeof faults[0]; ++place) {
        int number = faults[place];
        struct sigaction now;
        // What nobody handles ends the process anyway.
        if (sigaction(number, NULL, &now) != 0 || !(now.sa_flags & SA_SIGINFO)) continue;
        before[number] = now;
        now.sa_sigaction = end_or_describe;
        sigaction(number, &now, NULL);
    }
}
