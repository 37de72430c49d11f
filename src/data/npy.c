/* .npy: a magic string, a version, the length of a header, the header, which is a Python dictionary of three entries,
 * and the elements. */
#include "src/data/npy.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { PREAMBLE_BYTES = 8, HEADER_LIMIT = 1 << 16, DESCR_BYTES = 64 };
static const uint64_t total_limit = (uint64_t)1 << 32;

void cln_npy_close(struct cln_npy *npy) {
    cln_input_close(&npy->input);
}

/* ---- The dictionary ---- */

struct parser {
    const char *at;
    bool has_descr, has_order, has_shape, is_fortran, is_structure;
    char descr[DESCR_BYTES];
};

static bool pass(struct parser *p, const char *word) {
    const size_t length = strlen(word);
    while (isspace((unsigned char)*p->at))
        p->at++;
    if (strncmp(p->at, word, length) != 0)
        return false;
    p->at += length;
    return true;
}

/* A string without escapes. */
static bool parse_string(struct parser *p, char out[DESCR_BYTES]) {
    const char quote = pass(p, "'") ? '\'' : pass(p, "\"") ? '"' : '\0';
    const char *end = quote ? strchr(p->at, quote) : NULL;
    if (!end || end - p->at >= DESCR_BYTES || memchr(p->at, '\\', (size_t)(end - p->at)))
        return false;
    memcpy(out, p->at, (size_t)(end - p->at));
    out[end - p->at] = '\0';
    p->at = end + 1;
    return true;
}

/* "(60000, 28, 28)", "(10,)"; Python 2 wrote "(10L,)". */
static bool parse_shape(struct parser *p, struct cln_npy *npy) {
    bool goes_on = pass(p, "(");
    npy->rank = 0;
    while (goes_on && !pass(p, ")")) {
        char *end;
        if (!isdigit((unsigned char)*p->at))
            return false;
        const uint64_t size = strtoull(p->at, &end, 10);
        p->at = end;
        (void)pass(p, "L");
        if (npy->rank < CLN_NPY_RANK_LIMIT)
            npy->sizes[npy->rank] = size;
        npy->rank++;
        if (!pass(p, ",")) {
            goes_on = pass(p, ")");
            break;
        }
    }
    return goes_on;
}

static bool parse_descr(struct parser *p) {
    p->is_structure = pass(p, "[");
    return p->is_structure || parse_string(p, p->descr);
}

static bool parse_entry(struct parser *p, struct cln_npy *npy) {
    char key[DESCR_BYTES];
    if (!parse_string(p, key) || !pass(p, ":"))
        return false;
    if (strcmp(key, "descr") == 0)
        return p->has_descr = parse_descr(p);
    if (strcmp(key, "shape") == 0)
        return p->has_shape = parse_shape(p, npy);
    p->is_fortran = pass(p, "True");
    return p->has_order = strcmp(key, "fortran_order") == 0 && (p->is_fortran || pass(p, "False"));
}

/* A structure has a list of unknown length; what follows it is not looked at. */
static bool parse_dictionary(struct parser *p, struct cln_npy *npy) {
    bool goes_on = pass(p, "{");
    while (goes_on && !p->is_structure && !pass(p, "}"))
        goes_on = parse_entry(p, npy) && (pass(p, ",") || *p->at == '}' || p->is_structure);
    return goes_on && (p->is_structure || (p->has_descr && p->has_order && p->has_shape));
}

/* ---- What is in it ---- */

static const struct {
    const char *name; /* behind the byte order */
    enum cln_element element;
} types[] = {
    {"u1", CLN_ELEMENT_U8},  {"i1", CLN_ELEMENT_I8},  {"u2", CLN_ELEMENT_U16}, {"i2", CLN_ELEMENT_I16},
    {"u4", CLN_ELEMENT_U32}, {"i4", CLN_ELEMENT_I32}, {"u8", CLN_ELEMENT_U64}, {"i8", CLN_ELEMENT_I64},
    {"f4", CLN_ELEMENT_F32}, {"f8", CLN_ELEMENT_F64},
};

static enum cln_status check_descr(struct cln_npy *npy, const struct parser *p) {
    const char *name = cln_input_name(npy->input), *descr = p->descr;
    const size_t order = strcspn(descr, "<>|=");
    if (p->is_structure)
        return cln_fail(CLN_INVALID, "%s: byte %d: a structured array: clenet reads arrays of numbers", name,
                        PREAMBLE_BYTES);
    if (strchr(descr, 'O'))
        return cln_fail(CLN_INVALID,
                        "%s: byte %d: pickled Python objects (dtype %s), which can run any code: clenet never reads "
                        "them; write an array of numbers",
                        name, PREAMBLE_BYTES, descr);
    for (size_t i = 0; i < sizeof types / sizeof *types && order == 0; i++)
        if (strcmp(descr + 1, types[i].name) == 0) {
            npy->elements = (struct cln_elements){types[i].element, descr[0] == '>'};
            return CLN_OK;
        }
    return cln_fail(CLN_INVALID, "%s: byte %d: dtype %s: clenet reads integers, float32 and float64", name,
                    PREAMBLE_BYTES, descr);
}

static enum cln_status check_shape(struct cln_npy *npy, const struct parser *p) {
    const char *name = cln_input_name(npy->input);
    if (npy->rank < 1 || npy->rank > CLN_NPY_RANK_LIMIT)
        return cln_fail(CLN_INVALID, "%s: byte %d: %u dimensions: from 1 to %d, clenet's limit", name, PREAMBLE_BYTES,
                        npy->rank, CLN_NPY_RANK_LIMIT);
    if (p->is_fortran && npy->rank > 1)
        return cln_fail(CLN_INVALID,
                        "%s: byte %d: Fortran order: clenet reads C order, which numpy.ascontiguousarray makes", name,
                        PREAMBLE_BYTES);
    npy->total = 1;
    for (unsigned i = 0; i < npy->rank; i++) {
        if (npy->sizes[i] < 1 || npy->sizes[i] > total_limit / npy->total)
            return cln_fail(
                CLN_INVALID, "%s: byte %d: dimension %u has %llu elements: from 1 on, and in all %llu, clenet's limit",
                name, PREAMBLE_BYTES, i, (unsigned long long)npy->sizes[i], (unsigned long long)total_limit);
        npy->total *= npy->sizes[i];
    }
    return CLN_OK;
}

/* The length of the header's text, which follows: two bytes of it in version 1, four from version 2 on. */
static enum cln_status read_preamble(struct cln_npy *npy, size_t *length) {
    static const uint8_t magic[] = "\x93NUMPY";
    uint8_t bytes[PREAMBLE_BYTES + 4] = {0};
    const char *name = cln_input_name(npy->input);
    enum cln_status status = cln_input_read(npy->input, bytes, PREAMBLE_BYTES, PREAMBLE_BYTES);
    if (status != CLN_OK)
        return status;
    const size_t version = bytes[6], more = version == 1 ? 2 : 4;
    if (memcmp(bytes, magic, sizeof magic - 1) != 0)
        return cln_fail(CLN_INVALID, "%s: byte 0: no .npy file of NumPy's", name);
    if (version < 1 || version > 3)
        return cln_fail(CLN_INVALID, "%s: byte 6: version %zu of .npy: clenet reads 1 to 3", name, version);
    status = cln_input_read(npy->input, bytes + PREAMBLE_BYTES, more, PREAMBLE_BYTES + more);
    if (status != CLN_OK)
        return status;
    for (size_t i = more; i-- > 0;)
        *length = *length << 8 | bytes[PREAMBLE_BYTES + i];
    npy->at = PREAMBLE_BYTES + more + *length;
    return *length <= HEADER_LIMIT ? CLN_OK
                                   : cln_fail(CLN_INVALID,
                                              "%s: byte %d: a header of %zu bytes: at most %d, clenet's "
                                              "limit",
                                              name, PREAMBLE_BYTES, *length, HEADER_LIMIT);
}

static enum cln_status read_header(struct cln_npy *npy) {
    size_t length = 0;
    enum cln_status status = read_preamble(npy, &length);
    char *text = status == CLN_OK ? calloc(1, length + 1) : NULL;
    if (status == CLN_OK && !text)
        status = cln_fail(CLN_OUT_OF_MEMORY, "%s: no memory to read it", cln_input_name(npy->input));
    if (status == CLN_OK)
        status = cln_input_read(npy->input, text, length, npy->at);
    struct parser parser = {.at = text};
    if (status == CLN_OK && !parse_dictionary(&parser, npy))
        status = cln_fail(CLN_INVALID, "%s: byte %d: a header that NumPy does not write", cln_input_name(npy->input),
                          PREAMBLE_BYTES);
    if (status == CLN_OK)
        status = check_descr(npy, &parser);
    if (status == CLN_OK)
        status = check_shape(npy, &parser);
    free(text);
    return status;
}

enum cln_status cln_npy_open(struct cln_npy *out, struct cln_input *input) {
    *out = (struct cln_npy){.input = input};
    const enum cln_status status = read_header(out);
    if (status != CLN_OK)
        cln_npy_close(out);
    return status;
}

enum cln_status cln_npy_read(struct cln_npy *npy, void **bytes) {
    return cln_input_rest(npy->input, bytes, npy->total * cln_element_bytes(npy->elements.type), PREAMBLE_BYTES);
}
