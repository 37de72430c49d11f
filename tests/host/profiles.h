/* What the tests of profiles share: a made-up CPU, made-up keys, and folders of profiles. */
#ifndef TESTS_HOST_PROFILES_H
#define TESTS_HOST_PROFILES_H

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "host/profile_private.h"
#include "tests/host/support.h"
#include "tests/temporary.h"

static const struct ocl_profile_key keys[] = {
    {"lanes", 0, 1024, 0, NULL, "samples of a block"},
    {"vector", 0, 16, 0, NULL, "samples of a work-item"},
    {"accumulators", 0, 64, 0, NULL, "vectors of a register tile", .per_layer = true},
    {"safe_lanes", 1, 16, 16, NULL, "samples of a block in a safe variant"},
    {"max_team", 1, 64, 1, NULL, "work-items for the same lanes"},
    {"min_whole_channels", 0, 1 << 20, 0, NULL, "channels for whole ones"},
    {"channel_cache_kib", 0, 1 << 22, 0, NULL, "KiB for whole channels", .was = "shared_cache"},
    {"slice_cache_kib", 1, 1 << 20, 384, NULL, "KiB", .was = "cache", .per_layer = true},
    {"max_loop_iterations", 0, 1 << 30, 0, NULL, "loop iterations of a work-item"},
    {"local_weights", 0, 1, 0, NULL, "weights in local memory"},
    {"fma", 0, 1, 1, NULL, "fused multiply-adds"},
    {"min_gemm_weights", 0, 1 << 30, 0, NULL, "own kernel or CLBlast"},
    {"winograd", 0, 2, 0, NULL, "filtered convolutions", .per_layer = true},
    {"fuse", 0, 1, 1, NULL, "fused or apart", .per_layer = true},
    {"join_launches", 0, 1, 1, NULL, "joined launches"},
    {"command_buffer", 0, 1, 1, NULL, "launch by launch or replayed"},
    {"unnamed", -5, 5, -3, NULL, "in no shipped file"},
};
static const char *const operations[] = {"conv2d", "linear", "activate",
                                         "batchnorm"}; /* at least the shipped quirks' */

static const struct ocl_device cpu = {.name = "cpu-haswell-Big Iron",
                                      .vendor = "GenuineMade",
                                      .platform = "Portable Computing Language",
                                      .driver_version = "3.1+debian",
                                      .type = OCL_DEVICE_CPU,
                                      .native_float_vector = 8};

static inline bool is_layer(const char *text) {
    return strncmp(text, "Linear ", 7) == 0 || strncmp(text, "Conv2d ", 7) == 0;
}

static struct ocl_profile_params params = {.is_layer = is_layer,
                                           .layer_example = "Linear 3x4",
                                           .keys = keys,
                                           .key_count = sizeof keys / sizeof keys[0],
                                           .operations = operations,
                                           .operation_count = sizeof operations / sizeof operations[0]};
enum { INSTALLED, SITE, USER, FOLDERS };
static const char *const folders[] = {"installed", "site", "user"}; /* in the temporary folder */

static inline const char *write_file(const char *folder, const char *name, const char *text) {
    static char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    temporary_write(path, text, strlen(text));
    snprintf(path, sizeof path, "%s", temporary_path(path));
    return path;
}

static inline int set_up(void **state) {
    params.file = NULL;
    const int failed = temporary_create(state);
    for (int i = 0; i < FOLDERS; i++)
        assert_int_equal(mkdir(temporary_path(folders[i]), 0700), 0);
    return failed;
}

static inline enum cln_status load(struct ocl_profile **out) {
    const struct ocl_profile_folders paths = {temporary_path(folders[INSTALLED]), temporary_path(folders[SITE]),
                                              temporary_path(folders[USER])};
    return ocl_profile_load_from(out, &cpu, &params, &paths);
}

#endif
