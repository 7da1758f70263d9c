// The built-in guests that are written in C: where each flat image lies in this executable and how long it is.
#ifndef CVIRTIOGUESTS_H
#define CVIRTIOGUESTS_H

#include "CGuestPrograms.h"

EXEUNT_GUEST_IMAGE(blk)
EXEUNT_GUEST_IMAGE(rng)
EXEUNT_GUEST_IMAGE(net)
EXEUNT_GUEST_IMAGE(console)

#endif
