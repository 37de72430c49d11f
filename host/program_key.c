/* The digest of all that can change a program's binary. */
#include "host/program_key.h"

#include <nettle/sha2.h>
#include <string.h>

extern char **environ;

/* What the names of environment variables begin with that change what is compiled, or by which library. The beginning
 * stands for all that follows: rebuilding for nothing costs seconds, a stale binary costs trust. */
static const char *const steering[] = {
    "AMD_",            /* ROCm and Mesa: AMD_OCL_BUILD_OPTIONS, AMD_DEBUG */
    "CL_CONFIG_",      /* Intel's CPU runtime: vector width, debugging */
    "GALLIVM_",        /* llvmpipe: LLVM's switches */
    "GPU_",            /* AMD's older runtime: code generation switches */
    "IGC_",            /* Intel's graphics compiler */
    "LD_LIBRARY_PATH", /* another build of a driver or of its LLVM, of the same version */
    "LD_PRELOAD",      /* likewise, and tools that stand in for a driver */
    "LP_",             /* llvmpipe: native vector width */
    "MESA_",           /* Mesa: processor features, shader replacement */
    "NEO",             /* Intel's graphics runtime: NEOReadDebugKeys */
    "OCLGRIND_",       /* Oclgrind: which checks are compiled in */
    "OCL_ICD_",        /* which drivers are loaded */
    "POCL_",           /* PoCL: processor, work-group method, unrolling, extra compiler flags */
    "RUSTICL_",        /* Mesa's OpenCL: features, debugging */
};

/* Variables of those families that change no code and do change between runs of one user. */
static const char *const harmless[] = {
    "POCL_AFFINITY=", "POCL_CACHE_DIR=", "POCL_DEBUG=", "POCL_MAX_PTHREAD_COUNT=", "POCL_TRACING",
};

static bool begins_with_any(const char *text, const char *const *beginnings, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strncmp(text, beginnings[i], strlen(beginnings[i])) == 0)
            return true;
    return false;
}

static bool steers(const char *variable) {
    return begins_with_any(variable, steering, sizeof steering / sizeof steering[0]) &&
           !begins_with_any(variable, harmless, sizeof harmless / sizeof harmless[0]);
}

/* With its closing zero, so that neighbours cannot run into each other. */
static void add_text(struct sha256_ctx *digest, const char *text) {
    sha256_update(digest, strlen(text) + 1, (const uint8_t *)text);
}

/* The first in alphabetical order behind `last`, or NULL: the order of the environment means nothing. */
static const char *next_steering(const char *last) {
    const char *next = NULL;
    for (char **variable = environ; variable && *variable; variable++)
        if (steers(*variable) && strcmp(*variable, last) > 0 && (!next || strcmp(*variable, next) < 0))
            next = *variable;
    return next;
}

void ocl_program_key_make(struct ocl_program_key *out, const struct ocl_device *device, const char *source,
                          const char *options) {
    struct sha256_ctx digest;
    sha256_init(&digest);
    add_text(&digest, "clenet program 1"); /* raise where the meaning of a key changes */
    const char *const texts[] = {device->platform,       device->platform_version, device->vendor, device->name,
                                 device->driver_version, device->device_version,   options,        source};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        add_text(&digest, texts[i]);
    for (const char *variable = ""; (variable = next_steering(variable)) != NULL;)
        add_text(&digest, variable);
    sha256_digest(&digest, sizeof out->bytes, out->bytes);
}
