#include "clenet.h"

const char *cln_version(void) {
    return CLENET_VERSION;
}
