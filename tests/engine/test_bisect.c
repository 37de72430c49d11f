/* Strict arithmetic launch by launch: under every tuning each launch writes what the reference on the host works out,
 * and the digests are those of the table. With "--write FILE" writes the table (src/checkup/bisect_digests.c) anew. */
#include <stdio.h>

#include "host/profile.h"
#include "src/check/cases.h"
#include "src/checkup/networks.h"
#include "tests/engine/support.h"

static struct ocl_context *context;

static int open_context(void **state) {
    (void)state;
    context = context_under_test();
    return 0;
}

static int close_context(void **state) {
    ocl_context_destroy(&context);
    return nothing_alive(state);
}

static const struct {
    const char *network, *table;
} networks[] = {{"bn-lenet, launch by launch", "bn_lenet"}, {"mixed, launch by launch", "mixed"}};
enum { NETWORKS = sizeof networks / sizeof *networks };

static size_t number_of(const char *network) {
    size_t n = 0;
    while (strcmp(cln_check_network(n), network) != 0)
        n++;
    return n;
}

static struct cln_tuning tuning_of(const char *values) {
    const struct ocl_device *device = ocl_context_device(context);
    struct cln_tuning tuning;
    struct ocl_profile *profile = NULL;
    assert_ok(cln_tuning_profile(&profile, device, NULL));
    assert_ok(cln_tuning_set(profile, values));
    assert_ok(cln_tuning_create(&tuning, profile, device));
    ocl_profile_destroy(&profile);
    return tuning;
}

static void run(const char *values, bool safe) {
    struct cln_tuning tuning = tuning_of(values);
    if (safe)
        cln_tuning_make_safe(&tuning, cln_all_operations());
    for (size_t i = 0; i < NETWORKS; i++) {
        static struct cln_check_result result;
        assert_ok(
            cln_check_network_run(&result, number_of(networks[i].network),
                                  &(struct cln_check_params){
                                      .context = context, .tuning = &tuning, .tuning_name = values, .work_out = true}));
        print_message("  %s, lanes %d, vectors of %d: %zu digests, %.1f s\n", networks[i].network, tuning.lanes,
                      tuning.vector, result.cases, result.seconds);
        if (result.failed > 0)
            fail_msg("%s: %s: %s (%s)", values, networks[i].network, result.failure, result.finding.cause);
        assert_true(result.cases > 600);
        assert_int_equal(result.left_out, 0); /* the reference knows every kernel */
    }
}

static void test_the_devices_own(void **state) {
    (void)state;
    run("strict=1", false);
}

static void test_one_sample_in_a_work_item(void **state) {
    (void)state;
    run("strict=1,vector=1,lanes=16,min_groups=64", false);
}

static void test_four_samples_in_a_work_item(void **state) {
    (void)state;
    run("strict=1,vector=4,lanes=16,accumulators=4,fuse=0,fma=0", false);
}

static void test_blocks_of_sixteen(void **state) {
    (void)state;
    run("strict=1,vector=16,lanes=16", false);
}

/* As on a driver that cuts loops off: convolutions are divided. */
static void test_few_iterations(void **state) {
    (void)state;
    run("strict=1,max_loop_iterations=5000", false);
}

static void test_safe_variants(void **state) {
    (void)state;
    run("strict=1,vector=2", true);
}

/* ---- The table ---- */

enum { STEPS = 10, MOST = 200 };
struct table {
    char names[MOST][96];
    uint32_t digests[STEPS][MOST];
    bool is_there[STEPS][MOST];
    size_t count;
};

static void note(void *user, size_t step, const char *tensor, uint32_t digest) {
    struct table *table = user;
    size_t i = 0;
    while (i < table->count && strcmp(table->names[i], tensor) != 0)
        i++;
    assert_true(i < MOST && (i < table->count || step == 0));
    snprintf(table->names[i], sizeof table->names[i], "%s", tensor);
    table->count = i < table->count ? table->count : i + 1;
    assert_false(table->is_there[step][i]); /* names are unique */
    table->is_there[step][i] = true;
    table->digests[step][i] = digest;
}

static void print_table(FILE *file, const char *name, const struct table *table) {
    enum { PER_LINE = 9 };
    fprintf(file, "\nstatic const char *const %s_tensors[] = {\n", name);
    for (size_t i = 0; i < table->count; i++)
        fprintf(file, "    \"%s\",\n", table->names[i]);
    fprintf(file, "};\nstatic const uint32_t %s_digests[] = {\n", name);
    for (size_t i = 0; i < STEPS * table->count; i++)
        fprintf(file, "%s0x%08x,%s", i % PER_LINE ? " " : "    ",
                (unsigned)table->digests[i / table->count][i % table->count],
                i % PER_LINE == PER_LINE - 1 || i + 1 == STEPS * table->count ? "\n" : "");
    fprintf(file,
            "};\nconst struct cln_bisect_digests cln_bisect_%s = {%s_tensors, %s_digests,\n"
            "    sizeof %s_tensors / sizeof *%s_tensors, %d};\n",
            name, name, name, name, name, STEPS);
}

/* Nothing is fused, so that no tensor is left out; what the table says is not asked. */
static void write_table(const char *path) {
    struct cln_tuning tuning = tuning_of("strict=1,fuse=0");
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "/* The digests of strict arithmetic, launch by launch (bisect_digests.h). Written by\n"
                  " * build/tests/engine/test_engine_bisect --write src/checkup/bisect_digests.c */\n"
                  "#include \"src/checkup/bisect_digests.h\"\n\n/* clang-format off */\n");
    for (size_t i = 0; i < NETWORKS; i++) {
        static struct table table;
        static struct cln_check_result result;
        table = (struct table){.count = 0};
        assert_ok(cln_check_network_run(
            &result, number_of(networks[i].network),
            &(struct cln_check_params){
                .context = context, .tuning = &tuning, .tuning_name = "strict", .note = note, .user = &table}));
        print_table(file, networks[i].table, &table);
    }
    fclose(file);
}

int main(int argc, char **argv) {
    enum { QUICK = 2 }; /* the first ones */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_devices_own),
        cmocka_unit_test(test_one_sample_in_a_work_item),
        cmocka_unit_test(test_four_samples_in_a_work_item),
        cmocka_unit_test(test_blocks_of_sixteen),
        cmocka_unit_test(test_few_iterations),
        cmocka_unit_test(test_safe_variants),
    };
    if (argc == 3 && strcmp(argv[1], "--write") == 0) {
        context = context_under_test();
        write_table(argv[2]);
        ocl_context_destroy(&context);
        return 0;
    }
    return _cmocka_run_group_tests("bisect", tests, quick_check() ? QUICK : sizeof tests / sizeof *tests, open_context,
                                   close_context);
}
