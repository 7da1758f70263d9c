// The arguments that this process was started with, as the C library hands them to every initialiser.
//
// Swift reads them from /proc/self/cmdline. A jail may have no /proc, and a process may have no descriptor to spare for it:
// then Swift has no arguments, not even an error.
#ifndef CARGUMENTS_H
#define CARGUMENTS_H

// How many there are, the program's name included; 0 where the C library does not tell.
int carguments_count(void);
// One of them, from 0 to the count less one.
const char *carguments_at(int index);
// The path that this program was executed by (AT_EXECFN of getauxval(3)); NULL where the kernel does not tell.
const char *carguments_executable(void);

#endif
