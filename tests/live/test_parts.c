/* The parts of a live page: only what has changed is sent, nothing is drawn too often, and progress fits its epoch. */
#include "src/live/parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "src/base/json_text.h"
#include "tests/assert.h"

static void add(struct cln_parts *parts, const char *text) {
    json_t *event = NULL;
    json_error_t error;
    assert_ok(cln_json_parse(&event, text, strlen(text), 0, &error));
    assert_ok(cln_parts_add(parts, event));
    json_decref(event);
}

static void begin(struct cln_parts *parts) {
    assert_ok(cln_parts_begin(parts));
    assert_false(cln_parts_due(parts));
    add(parts, "{\"event\": \"start\", \"network\": \"a\", \"data\": \"b\", \"device\": \"c\\u001b\"}");
}

static void tell(struct cln_parts *parts, int epoch, size_t samples) {
    cln_parts_tell(parts, &(struct cln_page_progress){.epoch = epoch,
                                                      .epochs = 9,
                                                      .samples = samples,
                                                      .images = 60,
                                                      .loss = 0.125,
                                                      .accuracy = 0.5,
                                                      .images_per_second = 7,
                                                      .seconds_left = NAN});
}

/* The messages after a version, in memory that the next call frees. */
static const char *messages(const struct cln_parts *parts, uint64_t version) {
    static char text[1 << 16];
    text[0] = '\0';
    FILE *stream = fmemopen(text, sizeof text, "w");
    assert_non_null(stream);
    cln_parts_write(parts, stream, version);
    assert_int_equal(fclose(stream), 0);
    return text;
}

static size_t count(const char *text, const char *word) {
    size_t found = 0;
    for (const char *at = text; (at = strstr(at, word)) != NULL; at++)
        found++;
    return found;
}

static void test_only_what_has_changed_is_sent(void **state) {
    (void)state;
    struct cln_parts parts;
    begin(&parts);
    assert_ok(cln_parts_draw(&parts));
    const char *all = messages(&parts, 0);
    assert_true(count(all, "event: part\ndata: {") > 5);
    assert_non_null(strstr(all, "\"id\":\"summary\""));
    assert_null(strstr(all, "\"id\":\"classes\"")); /* it needs the model */
    assert_null(strchr(all, '\033'));
    uint64_t version = parts.version;
    tell(&parts, 1, 30);
    assert_ok(cln_parts_draw(&parts));
    const char *changed = messages(&parts, version);
    assert_int_equal(count(changed, "event: part"), 1);
    assert_non_null(strstr(changed, "\"id\":\"progress\""));
    assert_non_null(strstr(changed, "Epoch 1 of 9: 30 of 60 images"));
    assert_non_null(strstr(changed, "0.1250"));
    version = parts.version;
    tell(&parts, 1, 30);
    assert_ok(cln_parts_draw(&parts));
    assert_int_equal(parts.version, version);
    assert_string_equal(messages(&parts, version), "");
    cln_parts_release(&parts);
}

static void test_an_epoch_that_is_finished(void **state) {
    (void)state;
    struct cln_parts parts;
    begin(&parts);
    tell(&parts, 1, 30);
    add(&parts, "{\"event\": \"epoch\", \"epoch\": 1, \"loss\": 0.75, \"train_accuracy\": 0.25}");
    assert_ok(cln_parts_draw(&parts));
    assert_non_null(strstr(messages(&parts, 0), "Epoch 1 of 9: 60 of 60 images"));
    assert_int_equal(count(messages(&parts, 0), "0.7500"), 2); /* in the progress, and in the result */
    add(&parts, "{\"event\": \"end\", \"result\": \"ok\"}");
    assert_ok(cln_parts_draw(&parts));
    assert_non_null(strstr(messages(&parts, 0), "{\"id\":\"progress\",\"html\":\"\"}"));
    cln_parts_release(&parts);
}

static void test_nothing_is_drawn_too_often(void **state) {
    (void)state;
    struct cln_parts parts;
    begin(&parts);
    assert_true(cln_parts_due(&parts));
    assert_ok(cln_parts_draw(&parts));
    const double next = parts.next;
    assert_true(next > 0);
    tell(&parts, 1, 30);
    assert_false(cln_parts_due(&parts));
    parts.next = 0; /* time has passed */
    assert_true(cln_parts_due(&parts));
    for (int i = 1; i <= 20000; i++) { /* as large as it gets */
        char text[128];
        snprintf(text, sizeof text, "{\"event\": \"epoch\", \"epoch\": %d, \"loss\": %g}", i, 1.0 / i);
        add(&parts, text);
    }
    assert_ok(cln_parts_draw(&parts));
    assert_true(parts.next > next);
    assert_false(cln_parts_due(&parts)); /* however long it took */
    cln_parts_release(&parts);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_only_what_has_changed_is_sent),
                                       cmocka_unit_test(test_an_epoch_that_is_finished),
                                       cmocka_unit_test(test_nothing_is_drawn_too_often)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
