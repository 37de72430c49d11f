/* The words for how pixels are stored and pictures made, in options, metadata and messages. */
#ifndef SRC_MODEL_PICTURE_WORDS_H
#define SRC_MODEL_PICTURE_WORDS_H

#include "clenet/dataset.h"

/* In the order of their enums, NULL behind the last. */
extern const char *const cln_fit_words[CLN_FIT_COUNT + 1];
extern const char *const cln_pixel_type_words[CLN_PIXEL_TYPE_COUNT + 1];

/* A ground as "auto" or "#rrggbb". */
enum { CLN_GROUND_BYTES = 8 };
void cln_ground_write(char text[CLN_GROUND_BYTES], int ground);
/* The ground that a text is: auto, black, white or #RRGGBB. False: it is none of these. */
bool cln_ground_read(int *ground, const char *text);

#endif
