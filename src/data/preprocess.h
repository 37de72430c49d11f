/* What happens to pixels before the first layer: scaled to [0, 1], optionally resized, optionally
 * standardised. The engine does the same on the device; these are the host's versions. And what makes a picture of any
 * size one of the size that a model takes. */
#ifndef SRC_DATA_PREPROCESS_H
#define SRC_DATA_PREPROCESS_H

#include "clenet/dataset.h"

/* One image as the network sees it, v / 255, v / 65535 or v, resized to out_height×out_width by bilinear interpolation
 * with half-pixel centres and without antialiasing: torchvision.transforms.Resize(BILINEAR) on a float tensor before
 * antialiasing became its default, which is torch.nn.functional.interpolate(mode="bilinear", align_corners=False).
 * Equal sizes copy. `out` holds channels·out_height·out_width values. */
void cln_resize_bilinear(float *out, int out_height, int out_width, const void *pixels, enum cln_pixel_type type,
                         struct cln_shape in);

/* Where a scaled image lies in an output: it has height×width pixels, and its upper left corner is at (top, left),
 * which are negative where it is cut off. */
struct cln_placement {
    int height, width, top, left;
};

/* Scales one image by a separable triangle filter: what a picture of any size needs before a model of small ones.
 * Pixels are of 8 or 16 bits (CLN_PIXEL_U8, CLN_PIXEL_U16). With s = max(1, in / scaled), the weight of input position
 * i for position p of the scaled image is max(0, 1 − |i + ½ − (p + ½)·in / scaled| / s), normalised to sum 1: bilinear
 * where it enlarges, an average without aliasing where it reduces, as Pillow's Image.resize(BILINEAR), within a grey
 * level. Of `out`, channels·out_height·out_width pixels, those stay that the scaled image does not cover.
 * CLN_OUT_OF_MEMORY of the host's. */
enum cln_status cln_resize_smooth(void *out, int out_height, int out_width, const struct cln_placement *scaled,
                                  const void *pixels, struct cln_shape in, enum cln_pixel_type type) CLN_MUST_CHECK;

/* Per feature (channel, row, column) over `count` images as resized: mean, and 1 / standard deviation (biased),
 * accumulated in double by Welford's method. `chosen` has the images' indices; NULL: they are the first ones. A
 * constant feature gets inverse deviation 0, so that it standardises to 0. Both arrays hold channels·height·width
 * values. */
enum cln_status cln_standardize_measure(float *mean, float *inverse_deviation, const struct cln_images *images,
                                        const uint32_t *chosen, size_t count, int height, int width) CLN_MUST_CHECK;

/* Replaces means and deviations of features by those of their channels, over all pixels of all images. A constant
 * channel gets inverse deviation 0. */
void cln_standardize_by_channel(float *mean, float *inverse_deviation, struct cln_shape shape);

#endif
