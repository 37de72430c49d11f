/* Makes a picture of any size and kind one of the shape that is wanted. Private to src/data. */
#ifndef SRC_DATA_PICTURE_FIT_H
#define SRC_DATA_PICTURE_FIT_H

#include "src/data/picture_format.h"

struct cln_fitting {
    struct cln_shape shape; /* 1 channel or 3 */
    enum cln_fit fit;
    int ground; /* around a picture that is padded: CLN_GROUND(...) or CLN_GROUND_AUTO, see struct cln_dataset_params */
};

/* Fills `out`, pixels of fitting->shape of the picture's type:
 * - Colour: to grey by the luma of Rec. 601, (19595 R + 38470 G + 7471 B + 32768) >> 16; from grey by three equal
 *   channels.
 * - Size: scaled by cln_resize_smooth. A picture of the wanted size stays as it is. A side of a scaled picture that
 *   follows from the other is rounded; if an odd number of rows or columns is cut off or filled, the lower right side
 * has the larger half. */
enum cln_status cln_picture_fit(void *out, const struct cln_picture *picture,
                                const struct cln_fitting *fitting) CLN_MUST_CHECK;

#endif
