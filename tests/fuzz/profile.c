/* Reading device profiles: what is accepted keeps the limits of the tables; what is refused is refused at a line that
 * the text has. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/profile_file.h"
#include "src/engine/tuning.h"
#include "tests/fuzz/support.h"

static int line_count(const char *text) {
    int lines = 1;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

/* Whether a text begins with "input:LINE", or with "input:LINE:" where more follows. */
static bool names_line(const char *text, int lines) {
    int line = 0, length = 0;
    return sscanf(text, "input:%d%n", &line, &length) == 1 && (text[length] == ':' || text[length] == '\0') &&
           line >= 1 && line <= lines;
}

static void require_values(const struct ocl_profile_values *values, const struct ocl_profile_params *params,
                           int lines) {
    for (size_t i = 0; i < params->key_count; i++) {
        const struct ocl_profile_key *key = &params->keys[i];
        const long value = values->values[i];
        fuzz_require((value == OCL_PROFILE_UNSET) == (values->origins[i] == NULL));
        fuzz_require(value == OCL_PROFILE_UNSET || (value >= key->min && value <= key->max));
        fuzz_require(value == OCL_PROFILE_UNSET || !values->layer || key->per_layer);
        fuzz_require(!values->origins[i] || names_line(values->origins[i], lines));
    }
}

static void require_sound(const struct ocl_profile_file *file, const struct ocl_profile_params *params, int lines) {
    const struct ocl_device device = {.type = OCL_DEVICE_CPU,
                                      .name = "A CPU",
                                      .vendor = "Somebody",
                                      .platform = "Portable Computing Language",
                                      .driver_version = "3.1"};
    fuzz_require(file->name && file->name[0]);
    require_values(&file->all, params, lines);
    for (size_t i = 0; i < file->layer_count; i++) {
        fuzz_require(cln_is_layer_text(file->layers[i].layer));
        require_values(&file->layers[i], params, lines);
    }
    for (size_t i = 0; i < file->quirk_count; i++) {
        const struct ocl_profile_file_quirk *q = &file->quirks[i];
        fuzz_require(q->operation < params->operation_count && q->reason && names_line(q->origin, lines));
        (void)ocl_profile_quirk_applies(q, device.driver_version);
    }
    const int score = ocl_profile_file_score(file, &device);
    fuzz_require(score >= -1 && score <= OCL_PROFILE_MAX_SCORE);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    const struct ocl_profile_params params = {.keys = cln_tuning_keys,
                                              .key_count = cln_tuning_key_count,
                                              .operations = cln_operations,
                                              .operation_count = cln_operation_count,
                                              .is_layer = cln_is_layer_text,
                                              .layer_example = "Linear 256x120"};
    char *text = malloc(size + 1);
    fuzz_require(text);
    memcpy(text, bytes, size);
    text[size] = '\0';
    struct ocl_profile_file file = {0};
    fuzz_begin();
    enum cln_status status = ocl_profile_file_parse(&file, text, "input", 0, &params);
    fuzz_accepted = fuzz_end(status, file.path);
    if (fuzz_accepted)
        require_sound(&file, &params, line_count(text));
    else
        fuzz_require(names_line(cln_error_message(), line_count(text)));
    ocl_profile_file_clear(&file);
    free(text);
    return 0;
}
