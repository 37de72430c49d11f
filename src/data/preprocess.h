/* What happens to pixels before the first layer: scaled to [0, 1], optionally resized, optionally
 * standardised. The engine does the same on the device; these are the host's versions. And what makes a picture of any
 * size one of the size that a model takes. */
#ifndef SRC_DATA_PREPROCESS_H
#define SRC_DATA_PREPROCESS_H

#include "clenet/dataset.h"

/* One image, byte / 255, resized to out_height×out_width by bilinear interpolation with half-pixel centres
 * and without antialiasing: torchvision.transforms.Resize(BILINEAR) on a float tensor before antialiasing
 * became its default, which is torch.nn.functional.interpolate(mode="bilinear", align_corners=False).
 * Equal sizes copy. `out` holds channels·out_height·out_width values. */
void cln_resize_bilinear(float *out, int out_height, int out_width, const uint8_t *pixels, struct cln_shape in);

/* One image as bytes, to out_height×out_width by a separable triangle filter: what a picture of any size needs before
 * a model of small ones. With s = max(1, in / out), the weight of input position i for output position p is
 * max(0, 1 − |i + ½ − (p + ½)·in / out| / s), normalised to sum 1: bilinear where it enlarges, an average without
 * aliasing where it reduces, as Pillow's Image.resize(BILINEAR), within a grey level. The aspect ratio is not kept.
 * `out` holds channels·out_height·out_width values. CLN_OUT_OF_MEMORY of the host's. */
enum cln_status cln_resize_smooth(uint8_t *out, int out_height, int out_width, const uint8_t *pixels,
                                  struct cln_shape in) CLN_MUST_CHECK;

/* Per feature (channel, row, column) over `count` images as resized: mean, and 1 / standard deviation (biased),
 * accumulated in double by Welford's method. `chosen` has the images' indices; NULL: they are the first ones. A
 * constant feature gets inverse deviation 0, so that it standardises to 0. Both arrays hold channels·height·width
 * values. */
enum cln_status cln_standardize_measure(float *mean, float *inverse_deviation, const struct cln_images *images,
                                        const uint32_t *chosen, size_t count, int height, int width) CLN_MUST_CHECK;

#endif
