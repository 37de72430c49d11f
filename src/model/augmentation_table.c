/* The table of an augmentation's values, and what they have to be. */
#include "src/model/augmentation_table.h"

#include <math.h>

#include "src/base/table.h"

enum { SIDE_LIMIT = 4096 };

#define ROW(member, title, most, ...)                                                                                  \
    { #member, title, offsetof(struct cln_augmentation, member), most, __VA_ARGS__ }
#define PIXELS true, "N"
#define REAL false
#define FLAG 1, true, NULL

const struct cln_augmentation_row cln_augmentation_rows[] = {
    ROW(rotate, "rotation", 180, REAL, "DEGREES", "turn pictures by up to DEGREES"),
    ROW(zoom, "zoom", 0.9, REAL, "X", "make pictures larger or smaller by up to this share"),
    ROW(shift, "shift", SIDE_LIMIT, PIXELS, "move pictures by up to N pixels"),
    ROW(reflect, "reflection", FLAG, "mirror pictures at their edges, where there is black otherwise"),
    ROW(flip, "flip", FLAG, "flip every second picture left to right, by chance"),
    ROW(alternating_flip, "alternating flip", FLAG, "flip each picture in every second epoch"),
    ROW(brightness, "brightness", 1, REAL, "X", "make pictures darker or brighter by up to this share"),
    ROW(contrast, "contrast", 1, REAL, "X", "change the contrast by up to this share"),
    ROW(cutout, "cutout", SIDE_LIMIT, PIXELS, "blank a square of N pixels a side"),
    ROW(mixup, "mixup", 1000, REAL, "ALPHA", "blend pictures and labels, by shares from Beta(ALPHA, ALPHA)"),
    ROW(cutmix, "cutmix", 1000, REAL, "ALPHA", "put a box of another picture in, of such a share"),
};

CLN_EVERY(cln_augmentation_rows, CLN_AUGMENTATION_COUNT);

double *cln_augmentation_value(struct cln_augmentation *augmentation, const struct cln_augmentation_row *row) {
    return (double *)((char *)augmentation + row->offset);
}

double cln_augmentation_get(const struct cln_augmentation *augmentation, const struct cln_augmentation_row *row) {
    return *(const double *)((const char *)augmentation + row->offset);
}

bool cln_augmentation_is_on(const struct cln_augmentation *augmentation) {
    bool is_on = false;
    for (size_t i = 0; i < CLN_AUGMENTATION_COUNT; i++)
        is_on |= cln_augmentation_get(augmentation, &cln_augmentation_rows[i]) != 0;
    return is_on;
}

bool cln_augmentation_mixes(const struct cln_augmentation *augmentation) {
    return augmentation->mixup > 0 || augmentation->cutmix > 0;
}

enum cln_status cln_augmentation_check_value(const struct cln_augmentation_row *row, double value) {
    if (value >= 0 && value <= row->most && !(row->is_whole && value != floor(value)))
        return CLN_OK;
    return cln_fail(CLN_INVALID, "augmentation: %s is %g: it must be a %s from 0 to %g", row->title, value,
                    row->is_whole ? "whole number" : "number", row->most);
}

enum cln_status cln_augmentation_check_values(const struct cln_augmentation *a) {
    for (size_t i = 0; i < CLN_AUGMENTATION_COUNT; i++) {
        const struct cln_augmentation_row *row = &cln_augmentation_rows[i];
        const enum cln_status status = cln_augmentation_check_value(row, cln_augmentation_get(a, row));
        if (status != CLN_OK)
            return status;
    }
    if (a->reflect > 0 && !(a->shift > 0 || a->rotate > 0 || a->zoom > 0))
        return cln_fail(CLN_INVALID, "augmentation: a reflection (--reflect) shows only behind the edges that a shift, "
                                     "a rotation or a zoom uncovers (--shift, --rotate, --zoom)");
    if (a->flip > 0 && a->alternating_flip > 0)
        return cln_fail(CLN_INVALID, "augmentation: pictures flip by chance (--flip) or in turn (--alternating-flip): "
                                     "choose one of them");
    return CLN_OK;
}

enum cln_status cln_augmentation_check(const struct cln_augmentation *a, struct cln_shape input) {
    const enum cln_status status = cln_augmentation_check_values(a);
    if (status != CLN_OK)
        return status;
    const int side = input.height < input.width ? input.height : input.width;
    const bool moves = a->rotate > 0 || a->zoom > 0 || a->shift > 0 || a->flip > 0 || a->alternating_flip > 0;
    if ((moves || a->cutout > 0) && input.height == 1 && input.width == 1)
        return cln_fail(CLN_INVALID,
                        "augmentation: the network takes %d features, not pictures: they cannot be rotated, zoomed, "
                        "shifted, flipped or cut out",
                        input.channels);
    if (a->shift >= side)
        return cln_fail(CLN_INVALID, "augmentation: a shift (--shift) of %g pixels leaves nothing of pictures of %d×%d",
                        a->shift, input.height, input.width);
    if (a->cutout >= 2 * (input.height > input.width ? input.height : input.width))
        return cln_fail(CLN_INVALID,
                        "augmentation: a square (--cutout) of %g pixels leaves nothing of pictures of %d×%d", a->cutout,
                        input.height, input.width);
    return CLN_OK;
}
