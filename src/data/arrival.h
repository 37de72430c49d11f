/* Images that come one by one: several threads decode them, and another waits for the next one that it needs. So a
 * training begins before all pictures of its data set are decoded. Private to src/data. */
#ifndef SRC_DATA_ARRIVAL_H
#define SRC_DATA_ARRIVAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clenet/status.h"

/* Its functions may be called in any thread, between create and free. */
struct cln_arrival {
    size_t count;
    const uint8_t *pixels; /* where they come to, bytes_each each, in order; known before the first is there */
    size_t bytes_each;
    atomic_uchar *state;      /* [count]: enum in arrival.c */
    atomic_uintptr_t wanted;  /* images in the order in which they are needed, uint32_t[count]; 0: nobody said */
    atomic_size_t next, rest; /* places in `wanted` and among all images: those before were taken */
    atomic_size_t waiting;    /* threads that wait for an image */
    atomic_bool is_stopped, has_ended, has_failed;
};

enum cln_status cln_arrival_create(struct cln_arrival *arrival, size_t count) CLN_MUST_CHECK;
void cln_arrival_free(struct cln_arrival *arrival);

/* For those who decode. First, where the images come to, which has to stay there. */
void cln_arrival_begin(struct cln_arrival *arrival, const void *pixels, size_t bytes_each);
/* Each number below `count` is passed once, and gives an image that nobody else gets: the next one
 * that is wanted; else the image of this number, or if that was given away another one. False: none is needed any more.
 */
bool cln_arrival_take(struct cln_arrival *arrival, size_t number, size_t *image);
/* The image is there. */
void cln_arrival_note(struct cln_arrival *arrival, size_t image);
/* No further image comes; `failed`: because of an error. */
void cln_arrival_end(struct cln_arrival *arrival, bool failed);

/* For those who need images. The first wish holds, and is copied. It may leave images out, and
 * come to nothing where there is no memory. */
void cln_arrival_want(struct cln_arrival *arrival, const uint32_t *wanted, size_t count);
/* Waits until the image is there. NULL: decoding has ended without it. */
const void *cln_arrival_await(struct cln_arrival *arrival, size_t image);
/* Nobody needs images any more: those who decode end soon. */
void cln_arrival_stop(struct cln_arrival *arrival);

#endif
