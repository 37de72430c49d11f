/* See support.h. */
#include "tests/fuzz/support.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clenet/text.h"

enum { PATH_BYTES = 512, LENGTH_BYTES = 8 };

bool fuzz_accepted;
static char folder[PATH_BYTES - 16], input_path[PATH_BYTES], output_path[PATH_BYTES];

void fuzz_fail(const char *property, const char *file, int line) {
    fprintf(stderr, "%s:%d: does not hold: %s (last message: \"%s\")\n", file, line, property, cln_error_message());
    abort();
}

void fuzz_begin(void) {
    (void)cln_fail(CLN_OK, "%s", "");
}

/* Whatever the input holds: UTF-8, and beside line feeds no character that a terminal would take for a command. */
static bool is_fit_to_be_shown(const char *message) {
    uint32_t code;
    for (size_t left = strlen(message), length; left > 0; message += length, left -= length) {
        length = cln_text_decode(&code, message, left);
        if (length == 0 || !(cln_text_is_plain(code) || code == '\n'))
            return false;
    }
    return true;
}

bool fuzz_end(enum cln_status status, bool given) {
    fuzz_require(given == (status == CLN_OK));
    if (status != CLN_OK) {
        fuzz_require(status == CLN_INVALID);
        fuzz_require(cln_error_message()[0] != '\0');
        fuzz_require(is_fit_to_be_shown(cln_error_message()));
    }
    return given;
}

static void remove_folder(void) {
    unlink(input_path);
    unlink(output_path);
    rmdir(folder);
}

static void make_folder(void) {
    if (folder[0])
        return;
    const char *parent = getenv("TMPDIR");
    snprintf(folder, sizeof(folder), "%s/clenet-fuzz-XXXXXX", parent ? parent : "/tmp");
    fuzz_require(mkdtemp(folder));
    snprintf(input_path, sizeof(input_path), "%s/input", folder);
    snprintf(output_path, sizeof(output_path), "%s/output", folder);
    atexit(remove_folder);
}

const char *fuzz_file(const uint8_t *bytes, size_t size) {
    make_folder();
    FILE *stream = fopen(input_path, "wb");
    fuzz_require(stream && fwrite(bytes, 1, size, stream) == size);
    fuzz_require(fclose(stream) == 0);
    return input_path;
}

const char *fuzz_output(void) {
    make_folder();
    return output_path;
}

uint8_t *fuzz_output_bytes(size_t *size) {
    FILE *stream = fopen(output_path, "rb");
    fuzz_require(stream && fseek(stream, 0, SEEK_END) == 0);
    *size = (size_t)ftell(stream);
    rewind(stream);
    uint8_t *bytes = malloc(*size + 1);
    fuzz_require(bytes && fread(bytes, 1, *size, stream) == *size);
    fclose(stream);
    return bytes;
}

uint8_t *fuzz_mend_header(const uint8_t *bytes, size_t size) {
    if (size <= LENGTH_BYTES)
        return NULL;
    json_error_t error;
    json_t *header =
        json_loadb((const char *)bytes + LENGTH_BYTES, size - LENGTH_BYTES, JSON_DISABLE_EOF_CHECK, &error);
    uint8_t *mended = header ? malloc(size) : NULL;
    json_decref(header);
    if (!mended)
        return NULL;
    memcpy(mended, bytes, size);
    for (int i = 0; i < LENGTH_BYTES; i++)
        mended[i] = (uint8_t)((uint64_t)error.position >> 8 * i);
    if (memcmp(mended, bytes, LENGTH_BYTES) != 0)
        return mended;
    free(mended);
    return NULL;
}
