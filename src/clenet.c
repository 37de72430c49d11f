#include "src/clenet.h"

const char *cln_version(void) {
    return CLN_VERSION;
}
