/* Channels first where that leaves fewer to resize, then the size. */
#include "src/data/picture_fit.h"

#include <stdlib.h>
#include <string.h>

#include "src/data/preprocess.h"

static unsigned luma(unsigned red, unsigned green, unsigned blue) {
    return (unsigned)((19595ull * red + 38470ull * green + 7471ull * blue + 0x8000) >> 16);
}

/* Three planes of colour → one of grey. */
static void make_grey(void *out, const void *pixels, size_t plane, enum cln_pixel_type type) {
    if (type == CLN_PIXEL_U16) {
        const uint16_t *in = pixels;
        for (size_t i = 0; i < plane; i++)
            ((uint16_t *)out)[i] = (uint16_t)luma(in[i], in[plane + i], in[2 * plane + i]);
    } else {
        const uint8_t *in = pixels;
        for (size_t i = 0; i < plane; i++)
            ((uint8_t *)out)[i] = (uint8_t)luma(in[i], in[plane + i], in[2 * plane + i]);
    }
}

static unsigned value_at(const struct cln_picture *picture, size_t index) {
    return picture->type == CLN_PIXEL_U16 ? ((const uint16_t *)picture->pixels)[index]
                                          : ((const uint8_t *)picture->pixels)[index];
}

/* Black or white: the nearer to the mean of all pixels on the edge. */
static int ground_around(const struct cln_picture *picture) {
    const size_t height = (size_t)picture->shape.height, width = (size_t)picture->shape.width;
    uint64_t sum = 0, count = 0;
    for (size_t row = 0; row < height * (size_t)picture->shape.channels; row++) {
        const size_t y = row % height, step = y == 0 || y == height - 1 || width == 1 ? 1 : width - 1;
        for (size_t x = 0; x < width; x += step, count++)
            sum += value_at(picture, row * width + x);
    }
    const uint64_t white = picture->type == CLN_PIXEL_U16 ? 65535 : 255;
    return 2 * sum >= white * count ? CLN_GROUND(255, 255, 255) : CLN_GROUND(0, 0, 0);
}

/* Fills `out`, pixels of the picture's channels, with the ground. */
static void fill(void *out, const struct cln_picture *picture, const struct cln_fitting *fitting) {
    const int ground = fitting->ground == CLN_GROUND_AUTO ? ground_around(picture) : fitting->ground;
    const unsigned parts[] = {(unsigned)ground >> 16 & 255, (unsigned)ground >> 8 & 255, (unsigned)ground & 255};
    const size_t plane = (size_t)fitting->shape.height * (size_t)fitting->shape.width;
    for (size_t c = 0; c < (size_t)picture->shape.channels; c++) {
        const unsigned value = picture->shape.channels == 1 ? luma(parts[0], parts[1], parts[2]) : parts[c];
        memset((uint8_t *)out + c * plane * cln_pixel_bytes(picture->type), (int)value, /* of 16 bits both bytes */
               plane * cln_pixel_bytes(picture->type));
    }
}

/* round(side · to / from) */
static int scale(int side, int to, int from) {
    const long long scaled = (2LL * side * to + from) / (2LL * from);
    return scaled < 1 ? 1 : (int)scaled;
}

static struct cln_placement place(struct cln_shape in, const struct cln_fitting *fitting) {
    const struct cln_shape out = fitting->shape;
    struct cln_placement p = {.height = out.height, .width = out.width};
    const bool is_wider = (long long)in.width * out.height > (long long)out.width * in.height;
    if (fitting->fit == CLN_FIT_STRETCH)
        return p;
    if (is_wider == (fitting->fit == CLN_FIT_CROP))
        p.width = scale(in.width, out.height, in.height);
    else
        p.height = scale(in.height, out.width, in.width);
    p.top = (out.height - p.height) / 2;
    p.left = (out.width - p.width) / 2;
    return p;
}

static enum cln_status resize(void *out, const struct cln_picture *picture, const struct cln_fitting *fitting) {
    const int height = fitting->shape.height, width = fitting->shape.width;
    const struct cln_placement placement = place(picture->shape, fitting);
    if (placement.height < height || placement.width < width)
        fill(out, picture, fitting);
    return cln_resize_smooth(out, height, width, &placement, picture->pixels, picture->shape, picture->type);
}

/* A picture of no more channels than are wanted. */
static enum cln_status fit(void *out, const struct cln_picture *picture, const struct cln_fitting *fitting) {
    const struct cln_shape in = picture->shape, to = fitting->shape;
    const size_t plane = (size_t)to.height * (size_t)to.width * cln_pixel_bytes(picture->type);
    enum cln_status status = CLN_OK;
    if (in.height == to.height && in.width == to.width)
        memcpy(out, picture->pixels, plane * (size_t)in.channels);
    else
        status = resize(out, picture, fitting);
    for (int c = in.channels; c < to.channels; c++)
        memcpy((uint8_t *)out + (size_t)c * plane, out, plane);
    return status;
}

enum cln_status cln_picture_fit(void *out, const struct cln_picture *picture, const struct cln_fitting *fitting) {
    const struct cln_shape in = picture->shape;
    if (in.channels <= fitting->shape.channels)
        return fit(out, picture, fitting);
    const size_t plane = (size_t)in.height * (size_t)in.width;
    struct cln_picture grey = {{1, in.height, in.width}, picture->type, malloc(plane * cln_pixel_bytes(picture->type))};
    if (!grey.pixels)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for a picture of %d×%d", in.height, in.width);
    make_grey(grey.pixels, picture->pixels, plane, picture->type);
    const enum cln_status status = fit(out, &grey, fitting);
    free(grey.pixels);
    return status;
}
