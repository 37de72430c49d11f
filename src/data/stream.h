/* Whole files through zlib, which passes on plain files as they are. Private to src/data. */
#ifndef SRC_DATA_STREAM_H
#define SRC_DATA_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "clenet/status.h"

struct gzFile_s;

/* Fails with the reason why reading from `gz` (a gzFile) failed. */
enum cln_status cln_stream_fail(struct gzFile_s *gz, const char *name);
/* Reads the rest of the stream, which stays open, up to a limit of 1 GiB. *bytes is the caller's; free(). */
enum cln_status cln_stream_read(uint8_t **bytes, size_t *size, struct gzFile_s *gz, const char *name) CLN_MUST_CHECK;

#endif
