/* The table of cases (src/check) on the device: a test per operation and setting, from one lane to many, in safe
 * variants, and as every shipped profile has it, whatever device that is for.
 * Arguments: "device" (its own profile), "settings" (all others), "safe" or "profiles" for one part; then a word that
 * names of tests must have. */
#include <assert.h>
#include <stdio.h>

#include "clenet/log.h"
#include "host/embedded.h"
#include "host/gemm.h"
#include "host/profile_file.h"
#include "src/check/cases.h"
#include "tests/engine/support.h"

struct check {
    char name[96];
    const char *tuning_name; /* the end of the name */
    size_t operation;
    struct cln_tuning tuning;
    bool quick, safe;
};

enum { MOST = 250 };
static struct check checks[MOST];
static size_t check_count;
static const char *wanted;

static struct ocl_context *context;

/* Our declarations are to suffice for every kernel of ours. */
static void on_log(void *user, enum cln_log_level level, const char *message) {
    (void)user, (void)level;
    if (strstr(message, "needs the driver's header"))
        fail_msg("%s", message);
    fprintf(stderr, "%s\n", message);
}

static int open_context(void **state) {
    (void)state;
    cln_log_set_handler(on_log, NULL);
    context = context_under_test();
    return 0;
}

static int close_context(void **state) {
    ocl_context_destroy(&context);
    return nothing_alive(state);
}

static void test_operation(void **state) {
    const struct check *c = *state;
    struct cln_check_result result;
    if (strcmp(c->tuning_name, "CLBlast") == 0 && !ocl_gemm_available())
        skip();
    assert_ok(cln_check_run(&result, c->operation,
                            &(struct cln_check_params){.context = context,
                                                       .tuning = &c->tuning,
                                                       .tuning_name = c->tuning_name,
                                                       .quick = c->quick,
                                                       .safe = c->safe}));
    print_message("%zu cases, %.1f s, worst error %.3f of the tolerance: %s\n", result.cases, result.seconds,
                  result.worst, result.worst_case);
    assert_true(result.cases > 0);
    if (result.failed > 0)
        fail_msg("%zu of %zu cases: %s", result.failed, result.cases, result.failure);
}

static void add(size_t operation, const struct cln_tuning *tuning, const char *tuning_name, bool quick, bool safe) {
    if (!cln_check_covers(operation, tuning, safe))
        return;
    assert(check_count < MOST);
    struct check *c = &checks[check_count];
    *c = (struct check){.operation = operation, .tuning = *tuning, .quick = quick_check() || quick, .safe = safe};
    snprintf(c->name, sizeof c->name, "%s, %s", cln_check_operation(operation), tuning_name);
    c->tuning_name = c->name + strlen(cln_check_operation(operation)) + 2;
    check_count += !wanted || strstr(c->name, wanted);
}

/* Setting 0 is that of the device's own profile. Quick checks leave out some of the other settings. */
static enum cln_status add_settings(const struct ocl_device *device, size_t first, size_t end, bool safe) {
    const bool quick = quick_check() && !safe && end > 1;
    for (size_t t = first; t < end && cln_check_tuning_name(t); t++) {
        struct cln_tuning tuning;
        enum cln_status status = cln_check_tuning(&tuning, t, device);
        for (size_t o = 0; cln_check_operation(o) && status == CLN_OK; o++)
            if (cln_check_tuning_is_safe(t) == safe && cln_check_tuning_covers(t, o, device, quick))
                add(o, &tuning, cln_check_tuning_name(t), !cln_check_tuning_is_thorough(t), safe);
        if (status != CLN_OK)
            return status;
    }
    return CLN_OK;
}

static bool same(const struct cln_tuning *a, const struct cln_tuning *b) {
    size_t i = 0;
    while (i < cln_tuning_key_count &&
           cln_tuning_value(a, cln_tuning_keys[i].name) == cln_tuning_value(b, cln_tuning_keys[i].name))
        i++;
    return i == cln_tuning_key_count && a->safe == b->safe;
}

/* The first of the parts between |, if any. */
static void put_part(char *out, size_t bytes, const char *parts) {
    if (parts)
        snprintf(out, bytes, "%.*s", (int)strcspn(parts, "|"), parts);
}

/* The tuning of a shipped profile, with all that lies below it, as on a device that it is for; but with the limits, the
 * units and the native vector of this one. */
static enum cln_status profile_tuning(struct cln_tuning *out, const struct ocl_embedded *embedded,
                                      const struct ocl_device *device) {
    const struct ocl_profile_params params = {.keys = cln_tuning_keys,
                                              .key_count = cln_tuning_key_count,
                                              .operations = cln_operations,
                                              .operation_count = cln_operation_count};
    struct ocl_device made_up = *device;
    struct ocl_profile_file file;
    struct ocl_profile *profile = NULL;
    enum cln_status status = ocl_profile_file_parse(&file, embedded->text, embedded->name, 0, &params);
    if (status != CLN_OK)
        return status;
    made_up.type = file.type ? file.type : device->type;
    put_part(made_up.name, sizeof made_up.name, file.device_name);
    put_part(made_up.vendor, sizeof made_up.vendor, file.vendor);
    put_part(made_up.platform, sizeof made_up.platform, file.platform);
    status = cln_tuning_profile(&profile, &made_up, file.name);
    if (status == CLN_OK)
        status = cln_tuning_create(out, profile, &made_up);
    ocl_profile_destroy(&profile);
    ocl_profile_file_clear(&file);
    return status;
}

/* Whether tiles and splits make an operation what it is; the others differ by lanes alone, as the settings have them.
 */
static bool depends_on_shape(const char *operation) {
    static const char *const names[] = {"conv2d", "linear", "activate"};
    size_t i = 0;
    while (i < sizeof names / sizeof *names && strcmp(names[i], operation) != 0)
        i++;
    return i < sizeof names / sizeof *names;
}

/* Those that come out the same are run once, and that of the device itself with the settings. */
static enum cln_status add_profiles(const struct ocl_device *device) {
    static struct cln_tuning tunings[32];
    size_t count = 1;
    enum cln_status status = cln_check_tuning(&tunings[0], 0, device);
    for (const struct ocl_embedded *file = ocl_embedded_devices; file->name && status == CLN_OK; file++) {
        char name[64];
        size_t earlier = 0;
        assert(count < sizeof tunings / sizeof *tunings);
        status = profile_tuning(&tunings[count], file, device);
        while (earlier < count && !same(&tunings[earlier], &tunings[count]))
            earlier++;
        if (status != CLN_OK || earlier < count)
            continue;
        snprintf(name, sizeof name, "profile %.*s", (int)strcspn(file->name, "."), file->name);
        for (size_t o = 0; cln_check_operation(o); o++)
            if (strcmp(file->name, "gpu.json") == 0 || depends_on_shape(cln_check_operation(o)))
                add(o, &tunings[count], name, true, false);
        count++;
    }
    return status;
}

int main(int argc, char **argv) {
    static struct CMUnitTest tests[MOST];
    const char *part = argc > 1 ? argv[1] : "";
    struct ocl_device device;
    wanted = argc > 2 ? argv[2] : NULL;
    enum cln_status status = ocl_device_find(&device, NULL);
    if (status == CLN_OK && (!*part || strcmp(part, "device") == 0))
        status = add_settings(&device, 0, 1, false);
    if (status == CLN_OK && (!*part || strcmp(part, "settings") == 0))
        status = add_settings(&device, 1, SIZE_MAX, false);
    if (status == CLN_OK && (!*part || strcmp(part, "safe") == 0))
        status = add_settings(&device, 0, SIZE_MAX, true);
    if (status == CLN_OK && (!*part || strcmp(part, "profiles") == 0))
        status = add_profiles(&device);
    if (status != CLN_OK) {
        fprintf(stderr, "%s\n", cln_error_message());
        return 1;
    }
    if (check_count == 0) {
        fprintf(stderr, "no test has \"%s\" in its name\n", wanted);
        return 1;
    }
    for (size_t i = 0; i < check_count; i++)
        tests[i] =
            (struct CMUnitTest){.name = checks[i].name, .test_func = test_operation, .initial_state = &checks[i]};
    return _cmocka_run_group_tests("operations", tests, check_count, open_context, close_context);
}
