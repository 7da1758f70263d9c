// Signals of faults that are none: somebody sent them.
#ifndef CFAULTS_H
#define CFAULTS_H

// Has a signal that somebody sends end this process, also where it is one of a fault (SIGSEGV and so on), as signal(7) has it.
//
// Swift's runtime, where it finds its backtracer, takes each of them for a fault of this program: it describes that for
// seconds, and relies on the fault being repeated then. What was sent is not repeated, and the program would go on. Faults
// are the runtime's as before. To be called first of all.
void cfaults_end_when_sent(void);

#endif
