#include "tests/data/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct cln_dataset *load(struct cln_dataset_params params) {
    struct cln_dataset *dataset;
    if (cln_dataset_load(&dataset, &params) != CLN_OK)
        fail_msg("%s", cln_error_message());
    return dataset;
}

void assert_load_fails(struct cln_dataset_params params, enum cln_status expected, const char *word) {
    struct cln_dataset *dataset;
    params.offline = true;
    enum cln_status status = cln_dataset_load(&dataset, &params);
    assert_null(dataset);
    if (status != expected || !strstr(cln_error_message(), word))
        fail_msg("%s and no \"%s\" in: %s", cln_status_name(status), word, cln_error_message());
}
