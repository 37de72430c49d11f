/* What happens to pixels before the first layer: scaled to [0, 1], optionally resized, optionally
 * standardised. The engine does the same on the device; these are the host's versions. */
#ifndef SRC_DATA_PREPROCESS_H
#define SRC_DATA_PREPROCESS_H

#include "src/data/dataset.h"

/* One image, byte / 255, resized to out_height×out_width by bilinear interpolation with half-pixel centres
 * and without antialiasing: torchvision.transforms.Resize(BILINEAR) on a float tensor before antialiasing
 * became its default, which is torch.nn.functional.interpolate(mode="bilinear", align_corners=False).
 * Equal sizes copy. `out` holds channels·out_height·out_width values. */
void cln_resize_bilinear(float *out, int out_height, int out_width, const uint8_t *pixels, struct cln_shape in);

/* Per feature (channel, row, column) over `images` as resized: mean, and 1 / standard deviation (biased),
 * accumulated in double by Welford's method. A constant feature gets inverse deviation 0, so that it
 * standardises to 0. Both arrays hold channels·height·width values. */
enum cln_status cln_standardize_measure(float *mean, float *inverse_deviation, const struct cln_images *images,
                                        int height, int width) CLN_MUST_CHECK;

#endif
