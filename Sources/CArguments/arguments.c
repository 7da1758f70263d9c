#include "CArguments.h"

#include <stddef.h>
#include <sys/auxv.h>

static int count;
static char **vector;

// glibc passes main's arguments to initialisers too; other C libraries call them without any.
#ifdef __GLIBC__
__attribute__((constructor)) static void take(int argc, char **argv, char **environment) {
    (void)environment;
    count = argc;
    vector = argv;
}
#endif

int carguments_count(void) { return count; }
const char *carguments_at(int index) { return vector[index]; }

const char *carguments_executable(void) { return (const char *)getauxval(AT_EXECFN); }
