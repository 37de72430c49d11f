/* CSV files: how rows are split, what columns are, and what is refused with its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clenet/log.h"
#include "src/data/csv.h"
#include "tests/data/load.h"
#include "tests/pixels.h"
#include "tests/temporary.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void write_text(const char *name, const char *text) {
    temporary_write(name, text, strlen(text));
}

/* All rows as "field|field/field": a bar between fields, a slash between rows. */
static enum cln_status read_rows(char out[256], const void *bytes, size_t size) {
    struct cln_csv *csv;
    struct cln_csv_row row;
    temporary_write("rows.csv", bytes, size);
    assert_int_equal(cln_csv_open(&csv, temporary_path("rows.csv")), CLN_OK);
    enum cln_status status = cln_csv_next(csv, &row);
    for (out[0] = '\0'; status == CLN_OK && row.count > 0; status = cln_csv_next(csv, &row))
        for (size_t i = 0; i < row.count; i++)
            snprintf(out + strlen(out), 256 - strlen(out), "%s%s", i > 0 ? "|" : out[0] ? "/" : "", row.fields[i]);
    cln_csv_close(&csv);
    return status;
}

static void rows_are_split(void **state) {
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", ""},
        {"a,b\nc,d\n", "a|b/c|d"},
        {"a,b\r\nc,d", "a|b/c|d"},
        {"\xEF\xBB\xBF"
         "a,b",
         "a|b"},
        {"\n\r\na\n\n\nb\n\n", "a/b"},
        {" a , b\t,,\n", "a|b||"},
        {"\"a,b\",\"c\"\"d\"\n", "a,b|c\"d"},
        {"\"two\nlines\",\"\" \r\n1,2", "two\nlines|/1|2"},
        {"a\"b,c", "a\"b|c"},
    };
    char found[256];
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(read_rows(found, cases[i].text, strlen(cases[i].text)), CLN_OK);
        assert_string_equal(found, cases[i].expected);
    }
    static const struct {
        const char *text, *word;
        size_t size;
    } odd[] = {
        {"a\n\"b\nc", "rows.csv: line 2: the file ends within a quoted field", 6},
        {"a\n\"b\"c", "rows.csv: line 2: characters behind a quoted field", 6},
        {"a\n\"b\" \"c", "rows.csv: line 2: characters behind a quoted field", 8},
        {"a\n\nb\0c", "rows.csv: line 3: a byte of 0: this is no text", 6},
    };
    for (size_t i = 0; i < COUNT(odd); i++) {
        assert_int_equal(read_rows(found, odd[i].text, odd[i].size), CLN_INVALID);
        if (!strstr(cln_error_message(), odd[i].word))
            fail_msg("no \"%s\" in: %s", odd[i].word, cln_error_message());
    }
}

/* Rows around the sizes in which memory grows, with and without quotes. */
static void long_rows_are_whole(void **state) {
    (void)state;
    static const size_t lengths[] = {65530, 65534, 65535, 65536, 131071, 200000};
    for (size_t i = 0; i < COUNT(lengths); i++)
        for (int is_quoted = 0; is_quoted < 2; is_quoted++) {
            const size_t length = lengths[i];
            struct cln_csv *csv;
            struct cln_csv_row row;
            char *bytes = malloc(length + 16);
            assert_non_null(bytes);
            memset(bytes, 'x', length + 16);
            if (is_quoted) {
                bytes[0] = bytes[length - 1] = '"';
                bytes[length / 2] = '\n';
            }
            memcpy(bytes + length, ",b\nc", 4);
            temporary_write("long.csv", bytes, length + 4);
            assert_int_equal(cln_csv_open(&csv, temporary_path("long.csv")), CLN_OK);
            assert_int_equal(cln_csv_next(csv, &row), CLN_OK);
            assert_int_equal(row.count, 2);
            assert_int_equal(strlen(row.fields[0]), is_quoted ? length - 2 : length);
            assert_string_equal(row.fields[1], "b");
            assert_int_equal(cln_csv_next(csv, &row), CLN_OK);
            assert_string_equal(row.fields[0], "c");
            assert_int_equal(row.line, is_quoted ? 3 : 2);
            assert_int_equal(cln_csv_next(csv, &row), CLN_OK);
            assert_int_equal(row.count, 0);
            cln_csv_close(&csv);
            free(bytes);
        }
}

static void keep(void *user, enum cln_log_level level, const char *message) {
    assert_int_equal(level, CLN_LOG_WARNING);
    snprintf(user, 256, "%s", message);
}

static struct cln_dataset *load_text(const char *text, const char *label) {
    write_text("one.csv", text);
    return load((struct cln_dataset_params){.name = temporary_path("one.csv"), .label = label});
}

static void labels_are_found(void **state) {
    (void)state;
    static const struct {
        const char *text, *label, *told;
        int first, features;
        uint8_t pixel;
    } cases[] = {
        {"label,p0,p1\n1,10,11\n0,12,13\n", NULL, "", 1, 2, 10},
        {"p0,p1,label\n10,11,1\n12,13,0\n", NULL, "", 1, 2, 10},
        {"p0,Class,p1\n10,1,11\n12,0,13\n", NULL, "", 1, 2, 10},
        {"label,0,1\n1,10,11\n", NULL, "", 1, 2, 10},
        {"p0,p1,digit\n10,11,1\n", "digit", "", 1, 2, 10},
        {"p0,p1,digit\n10,11,1\n", "last", "", 1, 2, 10},
        {"p0,p1,digit\n10,11,1\n", "first", "", 10, 2, 11},
        {"1,10,11\n0,12,13\n", NULL, "the first is taken; --label last takes the last", 1, 2, 10},
        {"10,11,1\n12,13,0\n", "last", "", 1, 2, 10},
        {"10,11,b\n12,13,a\n", NULL, "", 1, 2, 10}, /* of a and b, the second */
        {",label,p0\n0,1,10\n1,0,12\n", NULL, "", 1, 1, 10},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char told[256] = "";
        cln_log_set_handler(keep, told);
        struct cln_dataset *dataset = load_text(cases[i].text, cases[i].label);
        cln_log_set_handler(NULL, NULL);
        assert_int_equal(dataset->train.labels[0], cases[i].first);
        assert_int_equal(dataset->train.shape.channels, cases[i].features);
        assert_int_equal(bytes_of(&dataset->train)[0], cases[i].pixel);
        assert_true(cases[i].told[0] ? strstr(told, cases[i].told) != NULL : !told[0]);
        cln_dataset_destroy(&dataset);
    }
}

static void words_are_classes(void **state) {
    (void)state;
    write_text("words/train.csv", "species,a,b\nsetosa,1.5,2\n\"iris, large\",-3e1,4\nsetosa,5,6\n");
    write_text("words/test.csv", "species,a,b\nsetosa,1,2\n");
    struct cln_dataset *dataset = load((struct cln_dataset_params){.name = temporary_path("words")});
    assert_int_equal(dataset->class_count, 2);
    assert_string_equal(dataset->class_names[0], "iris, large");
    assert_string_equal(dataset->class_names[1], "setosa");
    assert_int_equal(dataset->train.type, CLN_PIXEL_F32);
    assert_int_equal(dataset->test.type, CLN_PIXEL_F32); /* though all of it would be bytes */
    assert_true(((float *)dataset->train.pixels)[2] == -30);
    assert_int_equal(dataset->test.labels[0], 1);
    cln_dataset_destroy(&dataset);
    char folder[256];
    snprintf(folder, sizeof folder, "%s", temporary_path("words"));
    const struct cln_dataset_params params = {.name = folder};
    write_text("words/test.csv", "species,a,b\nsetosa,1,2\n\nrose,1,2\n");
    assert_load_fails(params, CLN_INVALID,
                      "test.csv: line 4, column 1: the label \"rose\" is none of the file to train on");
    write_text("words/test.csv", "a,b,species\n1,2,setosa\n");
    assert_load_fails(params, CLN_INVALID, "test.csv: line 1: other columns than the file to train on has");
}

/* A row of `count` pixels 0, 1, 2, … modulo 200. */
static const char *row_of(size_t count) {
    static char text[4096];
    size_t used = (size_t)snprintf(text, sizeof text, "7");
    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, ",%zu", i % 200);
    return text;
}

static void squares_are_pictures(void **state) {
    (void)state;
    static const struct {
        size_t pixels;
        struct cln_shape shape;
        uint8_t second;
    } cases[] = {
        {64, {1, 8, 8}, 1}, {784, {1, 28, 28}, 1}, {192, {3, 8, 8}, 3}, {49, {49, 1, 1}, 1}, {65, {65, 1, 1}, 1}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cln_dataset *dataset = load_text(row_of(cases[i].pixels), "first");
        assert_memory_equal(&dataset->train.shape, &cases[i].shape, sizeof cases[i].shape);
        assert_int_equal(bytes_of(&dataset->train)[1], cases[i].second);
        assert_int_equal(dataset->train.labels[0], 7);
        cln_dataset_destroy(&dataset);
    }
}

static void networks_may_see_other_shapes(void **state) {
    (void)state;
    static const struct {
        size_t pixels;
        struct cln_shape wanted;
        bool is_taken;
    } cases[] = {{64, {64, 1, 1}, true},
                 {64, {63, 1, 1}, false},
                 {64, {4, 4, 4}, false},
                 {50, {2, 5, 5}, true},
                 {50, {2, 5, 6}, false}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cln_dataset *dataset = load_text(row_of(cases[i].pixels), "first");
        const struct cln_shape before = dataset->train.shape;
        cln_dataset_reshape(dataset, cases[i].wanted);
        assert_memory_equal(&dataset->train.shape, cases[i].is_taken ? &cases[i].wanted : &before, sizeof before);
        cln_dataset_destroy(&dataset);
    }
}

static void what_is_no_table_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *label, *word;
    } cases[] = {
        {"", NULL, "one.csv: the file has no rows"},
        {"label,p0\n", NULL, "one.csv: the file has no rows"},
        {"1\n2\n", NULL, "line 1: one column: a row has a label and pixels"},
        {"label,p0\n1,2\n1,2,3\n", NULL, "line 3: 3 columns, but the rows before have 2"},
        {"label,p0\n1,2\n1,\n", NULL, "line 3, column 2: \"\" is no finite number"},
        {"label,p0\n1,2\n1,nan\n", NULL, "line 3, column 2: \"nan\" is no finite number"},
        {"label,p0\n1,2\n1,1e39\n", NULL, "line 3, column 2: \"1e39\" is no finite number"},
        {"label,p0\n1,2\n1,0x10\n", NULL, "line 3, column 2: \"0x10\" is no finite number"},
        {"label,p0\n1,2\n,3\n", NULL, "line 3, column 1: the label is empty"},
        {"label,p0\n1,2\n-1,3\n", NULL,
         "one.csv: line 3: training image 1 (counted from 0) has label -1: labels are from 0 to 4095"},
        {"label,p0,class\n1,2,1\n0,3,0\n", NULL,
         "line 1: columns 1 and 3 are both called as labels are: say with --label"},
        {"label,p0,label\n1,2,1\n0,3,0\n", "label", "line 1: columns 1 and 3 are both called as labels are"},
        {"p0,p1,digit\n1,2,3\n", NULL, "no column is called label, class or target: say with --label"},
        {"label,p0\n1,2\n", "digit", "no column \"digit\" (--label, or the label of the model)"},
        {"1,2\n", "digit", "no column \"digit\" (--label, or the label of the model): the file has no line of names"},
        {"path,label\n../a.png,1\n", NULL, "line 2: the path ../a.png leaves the folder "},
        {"path,label\nb/../../a.png,1\n", NULL, "line 2: the path b/../../a.png leaves the folder "},
        {"/etc/a.png,1\n", NULL, "line 1: the path /etc/a.png leaves the folder "},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        write_text("one.csv", cases[i].text);
        assert_load_fails((struct cln_dataset_params){.name = temporary_path("one.csv"), .label = cases[i].label},
                          CLN_INVALID, cases[i].word);
    }
}

/* The column that pandas numbers rows in, as labels: all others are pixels. */
static void labels_before_the_pixels(void **state) {
    (void)state;
    write_text("one.csv", "Unnamed: 0,p0,p1\n0,1,2\n1,3,4\n0,5,6\n");
    struct cln_dataset *dataset =
        load((struct cln_dataset_params){.name = temporary_path("one.csv"), .label = "Unnamed: 0"});
    assert_int_equal(dataset->train.count, 3);
    assert_int_equal(cln_shape_count(dataset->train.shape), 2);
    assert_int_equal(dataset->train.labels[1], 1);
    assert_memory_equal(dataset->train.pixels, ((uint8_t[]){1, 2, 3, 4, 5, 6}), 6);
    cln_dataset_destroy(&dataset);
}

static void two_files_are_two_halves(void **state) {
    (void)state;
    char told[256] = "";
    write_text("two/mnist_train.csv", "label,p0,p1\n0,1,2\n1,3,4\n2,5,6\n");
    temporary_write_gzip("two/mnist_test.csv.gz", "label,p0,p1\n2,5,6\n", 18);
    static const char *const paths[] = {"two", "two/mnist_train.csv", "two/mnist_test.csv.gz"};
    for (size_t i = 0; i < COUNT(paths); i++) {
        struct cln_dataset *dataset = load((struct cln_dataset_params){.name = temporary_path(paths[i])});
        assert_int_equal(dataset->train.count, 3);
        assert_int_equal(dataset->test.count, 1);
        assert_int_equal(dataset->test.labels[0], 2);
        cln_dataset_destroy(&dataset);
    }
    char folder[256];
    snprintf(folder, sizeof folder, "%s", temporary_path("two"));
    const struct cln_dataset_params params = {.name = folder};
    write_text("two/mnist_test.csv", "label,p0,p1\n2,5,6\n2,256,0\n");
    assert_load_fails(
        params, CLN_INVALID,
        "mnist_test.csv: line 3, column 2: \"256\" is no integer from 0 to 255, as all pixels to train on");
    write_text("two/mnist_test.csv", "p0,p1\n5,6\n"); /* Kaggle's */
    cln_log_set_handler(keep, told);
    struct cln_dataset *dataset = load(params);
    cln_log_set_handler(NULL, NULL);
    assert_int_equal(dataset->test.count, 0);
    assert_non_null(strstr(told, "mnist_test.csv: no column of labels: the file is left out"));
    cln_dataset_destroy(&dataset);
    write_text("two/train.csv", "label,p0\n0,1\n");
    assert_load_fails(params, CLN_INVALID, "two: several data sets, those of train.csv, mnist_train.csv");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_split),
        cmocka_unit_test(long_rows_are_whole),
        cmocka_unit_test(labels_are_found),
        cmocka_unit_test(words_are_classes),
        cmocka_unit_test(squares_are_pictures),
        cmocka_unit_test(networks_may_see_other_shapes),
        cmocka_unit_test(what_is_no_table_is_refused),
        cmocka_unit_test(labels_before_the_pixels),
        cmocka_unit_test(two_files_are_two_halves),
    };
    return cmocka_run_group_tests(tests, temporary_create, temporary_remove);
}
