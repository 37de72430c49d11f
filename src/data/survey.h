/* What is in a data set: counts, ranges of pixels, constant images, and images that are there twice. Private to the
 * library. */
#ifndef SRC_DATA_SURVEY_H
#define SRC_DATA_SURVEY_H

#include "clenet/dataset.h"
#include "src/data/format.h"

enum { CLN_SURVEY_LISTED = 10 };

/* Of one channel of all images of a half, in the numbers that are stored: bytes are not divided by 255. */
struct cln_channel_range {
    double min, max, mean, deviation; /* the deviation is biased: divided by n */
};

struct cln_half_survey {
    size_t *by_class;                   /* [class_count] */
    struct cln_channel_range *channels; /* [channels]; NULL: the half has no images */
    size_t constant_count;              /* images with one value in each channel */
    size_t constant[CLN_SURVEY_LISTED]; /* the first of them */
};

/* Two images with the same pixels. */
struct cln_repeat {
    size_t first, again; /* their numbers in their halves, counted from 0 */
    bool conflicts;      /* their labels differ */
};

/* Repeats of one kind. An image that is there three times has two: each is compared with the first. */
struct cln_repeats {
    size_t count, conflict_count;
    struct cln_repeat listed[CLN_SURVEY_LISTED]; /* those that conflict, then the others, each in order of `again` */
    size_t listed_count;
};

/* Both in the training half; both in the test half; the first to train on, again to test with. */
enum cln_repeat_kind { CLN_REPEAT_TRAIN, CLN_REPEAT_TEST, CLN_REPEAT_BETWEEN, CLN_REPEAT_KINDS };

struct cln_survey {
    struct cln_half_survey halves[CLN_HALF_COUNT]; /* by enum cln_half */
    struct cln_repeats repeats[CLN_REPEAT_KINDS];
};

/* Looks at every pixel of a data set in memory. Call cln_survey_free even after a failure, CLN_OUT_OF_MEMORY. */
enum cln_status cln_survey_make(struct cln_survey *survey, const struct cln_dataset *data) CLN_MUST_CHECK;
void cln_survey_free(struct cln_survey *survey);

#endif
