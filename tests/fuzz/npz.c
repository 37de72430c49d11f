/* Reading .npz files through libarchive: every name that is listed can be opened, and its bytes end where its member
 * does. */
#include <stdlib.h>
#include <string.h>

#include "src/data/archive.h"
#include "tests/fuzz/support.h"

enum { NAME_LIMIT = 8, NAME_BYTES = 256 };

struct names {
    char list[NAME_LIMIT][NAME_BYTES];
    size_t count;
};

static void keep(void *user, const char *member) {
    struct names *names = user;
    if (names->count < NAME_LIMIT && strlen(member) < NAME_BYTES)
        strcpy(names->list[names->count++], member);
}

/* Up to a mebibyte, since archives may be bombs. */
static enum cln_status read_member(const char *path, const char *member) {
    static uint8_t bytes[1 << 20];
    struct cln_input *input = NULL;
    enum cln_status status = cln_archive_open_member(&input, path, member);
    fuzz_require((input != NULL) == (status == CLN_OK));
    if (status == CLN_OK && cln_input_some(input, bytes, sizeof bytes) < sizeof bytes)
        status = cln_input_check_end(input);
    cln_input_close(&input);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    const char *path = fuzz_file(bytes, size);
    static struct names names;
    names.count = 0;
    fuzz_begin();
    enum cln_status status = cln_archive_list(path, keep, &names);
    for (size_t i = 0; i < names.count && status == CLN_OK; i++)
        status = read_member(path, names.list[i]);
    fuzz_accepted = fuzz_end(status, status == CLN_OK);
    return 0;
}
