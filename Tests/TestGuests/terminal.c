#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "CTestGuests.h"

int exeunt_test_open_terminal(int *other_side) {
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0) return -1;
    char name[64];
    if (grantpt(master) == 0 && unlockpt(master) == 0 && ptsname_r(master, name, sizeof name) == 0) {
        *other_side = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (*other_side >= 0) return master;
    }
    close(master);
    return -1;
}
