/* Computes the digest of everything that can change a program's binary. */
#include "host/program_key.h"

#include <nettle/sha2.h>
#include <string.h>

extern char **environ;

/* Prefixes of environment variables that change what is compiled, or by which library. All variables with such a prefix
 * count: rebuilding without need costs seconds, a stale binary costs trust. */
static const char *const steering[] = {
    "AMD_",            /* ROCm and Mesa: AMD_OCL_BUILD_OPTIONS, AMD_DEBUG */
    "CL_CONFIG_",      /* Intel's CPU runtime: vector width, debugging */
    "GALLIVM_",        /* llvmpipe: LLVM's switches */
    "GPU_",            /* AMD's older runtime: code generation switches */
    "IGC_",            /* Intel's graphics compiler */
    "LD_LIBRARY_PATH", /* may select another build of the same version of a driver or of its LLVM */
    "LD_PRELOAD",      /* likewise, and tools that replace a driver */
    "LP_",             /* llvmpipe: native vector width */
    "MESA_",           /* Mesa: processor features, shader replacement */
    "NEO",             /* Intel's graphics runtime: NEOReadDebugKeys */
    "OCLGRIND_",       /* Oclgrind: which checks are compiled in */
    "OCL_ICD_",        /* which drivers are loaded */
    "POCL_",           /* PoCL: processor, work-group method, unrolling, extra compiler flags */
    "RUSTICL_",        /* Mesa's OpenCL: features, debugging */
};

/* Variables with these prefixes that change no code, and differ between runs of one user. */
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

/* Adds a text with its final zero, so that two texts cannot run together. */
static void add_text(struct sha256_ctx *digest, const char *text) {
    sha256_update(digest, strlen(text) + 1, (const uint8_t *)text);
}

/* The next variable after `last` in alphabetical order; NULL: none. The order of the environment has no meaning. */
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
    add_text(&digest, "clenet program 1"); /* increase if the meaning of a key changes */
    const char *const texts[] = {device->platform,       device->platform_version, device->vendor, device->name,
                                 device->driver_version, device->device_version,   options,        source};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        add_text(&digest, texts[i]);
    for (const char *variable = ""; (variable = next_steering(variable)) != NULL;)
        add_text(&digest, variable);
    sha256_digest(&digest, sizeof out->bytes, out->bytes);
}
