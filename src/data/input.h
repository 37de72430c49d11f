/* The bytes of a file of a data set, one after the other: plain, gzipped, or a member of an archive. Offsets are those
 * of the unpacked bytes. Private to src/data. */
#ifndef SRC_DATA_INPUT_H
#define SRC_DATA_INPUT_H

#include <stddef.h>
#include <stdint.h>

#include "clenet/status.h"

struct gzFile_s;
struct cln_input;

/* Where the bytes come from. */
struct cln_input_kind {
    /* At most `count` bytes; 0 or less at the end, and where reading failed. */
    ptrdiff_t (*read)(void *stream, void *bytes, size_t count);
    /* After the last byte that could be read, number `offset`: CLN_OK if it is the last one of the stream, else why
     * not. `name` is the stream's in messages, `expected` how many bytes were to come at least. */
    enum cln_status (*check_end)(void *stream, const char *name, uint64_t offset, uint64_t expected);
    void (*close)(void *stream);
};

/* Takes over `stream`, on failure too. `name` is copied. */
enum cln_status cln_input_create(struct cln_input **out, const struct cln_input_kind *kind, void *stream,
                                 const char *name) CLN_MUST_CHECK;
/* A file, plain or gzipped. CLN_NOT_FOUND or CLN_IO name it. */
enum cln_status cln_input_open(struct cln_input **out, const char *path) CLN_MUST_CHECK;
/* Takes over zlib's stream `gz` (a gzFile), on failure too. */
enum cln_status cln_input_take(struct cln_input **out, struct gzFile_s *gz, const char *name) CLN_MUST_CHECK;
void cln_input_close(struct cln_input **input);

const char *cln_input_name(const struct cln_input *input);
uint64_t cln_input_offset(const struct cln_input *input);

/* Fewer bytes than wanted only where the input ends or cannot be read on: cln_input_check_end says which. */
size_t cln_input_some(struct cln_input *input, void *bytes, size_t count);
enum cln_status cln_input_check_end(struct cln_input *input) CLN_MUST_CHECK;
/* Fails with the reason why there are fewer than `expected` bytes from the beginning on. */
enum cln_status cln_input_fail_short(struct cln_input *input, uint64_t expected);
/* Exactly `count` bytes; `expected` is for that message. */
enum cln_status cln_input_read(struct cln_input *input, void *bytes, size_t count, uint64_t expected) CLN_MUST_CHECK;

/* The rest, of which a header, from byte `announced` on, says that it has `total` bytes: at most 4 GiB. Memory grows
 * with what is really there: a header cannot ask for more than twice the bytes that follow it. Bytes that nobody
 * announced are left out, with a warning. *bytes is the caller's: free(). */
enum cln_status cln_input_rest(struct cln_input *input, void **bytes, uint64_t total,
                               unsigned announced) CLN_MUST_CHECK;

#endif
