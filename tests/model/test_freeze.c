/* Frozen parameters are found by patterns of their names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "src/model/freeze.h"

static struct cln_network *network;

static int begin(void **state) {
    (void)state;
    return cln_network_load(&network, "bn-lenet", NULL) != CLN_OK;
}

static int end(void **state) {
    (void)state;
    cln_network_destroy(&network);
    return 0;
}

/* The names of the tensors that the patterns freeze, with blanks between them. */
static const char *frozen_by(const char *patterns) {
    static char text[1000];
    bool frozen[64];
    assert_true(network->tensor_count <= 64);
    memset(frozen, 1, sizeof frozen);
    text[0] = '\0';
    if (cln_freeze_find(frozen, network, patterns) != CLN_OK)
        return cln_error_message();
    for (size_t t = 0; t < network->tensor_count; t++)
        if (frozen[t])
            strcat(strcat(text, text[0] ? " " : ""), network->tensors[t].name);
    return text;
}

static void test_patterns_match_names_of_parameters(void **state) {
    (void)state;
    assert_string_equal(frozen_by(NULL), "");
    assert_string_equal(frozen_by(""), "");
    assert_string_equal(frozen_by("0.*"), "0.weight 0.bias");
    assert_string_equal(frozen_by("1.*"), "1.weight 1.bias"); /* not the running statistics, nor 10.weight */
    assert_string_equal(frozen_by("15.bias,0.weight"), "0.weight 15.bias");
    assert_string_equal(frozen_by("?.bias"), "0.bias 1.bias 4.bias 5.bias 9.bias");
    assert_string_equal(frozen_by("1[0-2].weight,12.*"), "10.weight 12.weight 12.bias");
}

static void test_patterns_that_cannot_be_meant(void **state) {
    (void)state;
    assert_non_null(strstr(frozen_by("2.*"), "no parameter of network bn-lenet matches '2.*'; they are 0.weight, "));
    assert_non_null(strstr(frozen_by("0.*,,1.*"), "matches ''"));
    assert_non_null(strstr(frozen_by("*.running_var"), "no parameter"));
    assert_non_null(strstr(frozen_by("*"), "'*' are all parameters"));
    assert_non_null(strstr(frozen_by("*t,*s"), "are all parameters"));
    char longest[257];
    memset(longest, '*', sizeof longest);
    longest[256] = '\0';
    assert_non_null(strstr(frozen_by(longest), "more than 255 bytes"));
    memcpy(longest, "0.weight,", 9);
    memset(longest + 9, '?', 246);
    longest[255] = '\0';
    assert_non_null(strstr(frozen_by(longest), "no parameter")); /* as long as there may be */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns_match_names_of_parameters),
        cmocka_unit_test(test_patterns_that_cannot_be_meant),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
