/* libjpeg leaves its calls through a handler of errors, which jumps: all that must survive such a jump lies in struct
 * decoder, and the function that is jumped back into has no variables of its own. */
#include "src/data/jpeg.h"

#ifdef HAVE_JPEG

#include <stdio.h> /* jpeglib.h needs it */
#include <stdlib.h>

#include <jerror.h>
#include <jpeglib.h>
#include <setjmp.h>
#include <string.h>

#include "src/data/exif.h"

struct decoder {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    const uint8_t *bytes;
    size_t size;
    struct cln_share *share;
    int orientation;
    uint16_t *row;          /* from MISALIGNED on [width] pixels of red, green, blue and nothing */
    uint8_t *pixels;        /* [channels][height][width], as the camera was held */
    enum cln_status status; /* of a jump */
    char reason[JMSG_LENGTH_MAX];
};

static _Noreturn void give_up(struct decoder *d, enum cln_status status) {
    d->status = status;
    longjmp(d->jump, 1);
}

static _Noreturn void on_error(j_common_ptr jpeg) {
    struct decoder *d = jpeg->client_data;
    const int code = jpeg->err->msg_code;
    jpeg->err->format_message(jpeg, d->reason);
    /* Where $JPEGMEM is too little, libjpeg would put the rest into a file, and has none. */
    give_up(d, code == JERR_OUT_OF_MEMORY || code == JERR_NO_BACKING_STORE ? CLN_OUT_OF_MEMORY : CLN_INVALID);
}

/* libjpeg warns of damage, and would fill in what it cannot read. A version that it does not know is none. */
static void on_message(j_common_ptr jpeg, int level) {
    if (level < 0 && jpeg->err->msg_code != JWRN_JFIF_MAJOR)
        on_error(jpeg);
}

static void on_progress(j_common_ptr jpeg) {
    struct decoder *d = jpeg->client_data;
    if (d->jpeg.input_scan_number <= CLN_JPEG_SCAN_LIMIT)
        return;
    snprintf(d->reason, sizeof d->reason, "more than %d scans, clenet's limit", CLN_JPEG_SCAN_LIMIT);
    give_up(d, CLN_INVALID);
}

static void check_header(struct decoder *d) {
    const struct jpeg_decompress_struct *jpeg = &d->jpeg;
    if (jpeg->image_width > CLN_PICTURE_SIDE_LIMIT || jpeg->image_height > CLN_PICTURE_SIDE_LIMIT)
        snprintf(d->reason, sizeof d->reason, "a picture of %u×%u pixels; clenet's limit is %d a side",
                 jpeg->image_width, jpeg->image_height, CLN_PICTURE_SIDE_LIMIT);
    else if (jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK)
        snprintf(d->reason, sizeof d->reason, "a picture of four inks (CMYK): convert it to RGB first");
    else
        return;
    give_up(d, CLN_INVALID);
}

static void read_header(struct decoder *d) {
    jpeg_mem_src(&d->jpeg, d->bytes, (unsigned long)d->size);
    jpeg_save_markers(&d->jpeg, JPEG_APP0 + 1, 0xFFFF); /* EXIF is in APP1, as other things may be */
    (void)jpeg_read_header(&d->jpeg, TRUE);
    check_header(d);
    d->jpeg.out_color_space = d->jpeg.jpeg_color_space == JCS_GRAYSCALE ? JCS_GRAYSCALE : JCS_EXT_RGBX;
    d->orientation = CLN_EXIF_UPRIGHT;
    for (jpeg_saved_marker_ptr m = d->jpeg.marker_list; m && d->orientation == CLN_EXIF_UPRIGHT; m = m->next)
        d->orientation = cln_exif_orientation(m->data, m->data_length);
}

static struct cln_shape shape_of(const struct decoder *d) {
    return (struct cln_shape){d->jpeg.out_color_space == JCS_GRAYSCALE ? 1 : 3, (int)d->jpeg.image_height,
                              (int)d->jpeg.image_width};
}

/* libjpeg-turbo writes an aligned row past the caches, and reading it at once would wait for the memory. */
enum { MISALIGNED = 1 };

/* Pixels are separated in blocks, by loops of a constant length: compilers make vectors of these, and decoding would
 * take half as long again without. A row has four bytes a pixel, in two halves. */
enum { BLOCK = 32, HALVES = 2, IN_FIRST = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0 : 8, IN_SECOND = 8 - IN_FIRST };

static void take(uint8_t *restrict out, const uint16_t *restrict pairs, int shift) {
    for (int i = 0; i < BLOCK; i++)
        out[i] = (uint8_t)(pairs[i] >> shift);
}

static void separate_block(uint8_t *out, size_t plane, const uint16_t *row) {
    uint16_t red_blue[BLOCK], green[BLOCK];
    for (size_t half = 0; half < HALVES; half++) {
        take((uint8_t *)red_blue + half * BLOCK, row + half * BLOCK, IN_FIRST);
        take((uint8_t *)green + half * BLOCK, row + half * BLOCK, IN_SECOND);
    }
    take(out, red_blue, IN_FIRST);
    take(out + plane, green, IN_FIRST);
    take(out + 2 * plane, red_blue, IN_SECOND);
}

static void separate(uint8_t *out, size_t plane, const uint16_t *row, size_t width) {
    for (size_t i = 0; i < width && width >= BLOCK; i += BLOCK) {
        const size_t at = i + BLOCK <= width ? i : width - BLOCK; /* the last block may begin in the one before */
        separate_block(out + at, plane, row + HALVES * at);
    }
    for (size_t i = 0; i < width && width < BLOCK; i++)
        for (size_t c = 0; c < 3; c++)
            out[c * plane + i] = ((const uint8_t *)row)[4 * i + c];
}

/* Bytes of the pixels, once more where they are turned, of a grey picture and a plane of floats, which fitting may make
 * of them, and of the coefficients, which a file of several scans has in memory as a whole. */
static size_t count_bytes(struct decoder *d) {
    const size_t plane = (size_t)d->jpeg.image_width * d->jpeg.image_height, channels = (size_t)shape_of(d).channels;
    const size_t coefficients =
        jpeg_has_multiple_scans(&d->jpeg) ? (size_t)d->jpeg.num_components * sizeof(JCOEF) * plane : 0;
    return channels * plane * (d->orientation != CLN_EXIF_UPRIGHT ? 2 : 1) + plane + plane * sizeof(float) +
           coefficients;
}

static void read_rows(struct decoder *d) {
    const size_t width = d->jpeg.image_width, plane = width * d->jpeg.image_height;
    const size_t channels = (size_t)shape_of(d).channels;
    cln_share_take(d->share, CLN_SHARE_OF_PIXELS, count_bytes(d));
    d->row = malloc((MISALIGNED + width * HALVES) * sizeof *d->row);
    d->pixels = malloc(plane * channels);
    if (!d->row || !d->pixels) {
        snprintf(d->reason, sizeof d->reason, "no memory for its pixels");
        give_up(d, CLN_OUT_OF_MEMORY);
    }
    d->progress.progress_monitor = on_progress;
    d->jpeg.progress = &d->progress;
    (void)jpeg_start_decompress(&d->jpeg);
    while (d->jpeg.output_scanline < d->jpeg.output_height) {
        uint8_t *out = d->pixels + d->jpeg.output_scanline * width,
                *row = channels == 1 ? out : (uint8_t *)(d->row + MISALIGNED);
        (void)jpeg_read_scanlines(&d->jpeg, &row, 1);
        if (channels == 3)
            separate(out, plane, d->row + MISALIGNED, width);
    }
    (void)jpeg_finish_decompress(&d->jpeg);
}

static enum cln_status read_all(struct decoder *d, bool header_only) {
    if (setjmp(d->jump))
        return cln_fail(d->status, "JPEG: %s", d->reason);
    jpeg_create_decompress(&d->jpeg);
    read_header(d);
    if (!header_only)
        read_rows(d);
    return CLN_OK;
}

/* Makes the picture upright. */
static enum cln_status turn(struct cln_picture *out, struct decoder *d) {
    const struct cln_shape in = shape_of(d);
    const bool swaps = cln_exif_swaps(d->orientation);
    out->shape = (struct cln_shape){in.channels, swaps ? in.width : in.height, swaps ? in.height : in.width};
    out->type = CLN_PIXEL_U8;
    out->pixels = d->pixels;
    if (d->pixels && d->orientation != CLN_EXIF_UPRIGHT) {
        out->pixels = malloc(cln_shape_count(in));
        if (!out->pixels) {
            *out = (struct cln_picture){0};
            return cln_fail(CLN_OUT_OF_MEMORY, "no memory for a picture of %d×%d", in.height, in.width);
        }
        cln_exif_turn(out->pixels, d->pixels, in, d->orientation);
    } else {
        d->pixels = NULL;
    }
    return CLN_OK;
}

static enum cln_status read_jpeg(struct cln_picture *out, const void *bytes, size_t size,
                                 const struct cln_decoding *how, bool header_only) {
    struct decoder d = {.bytes = bytes, .size = size, .share = how->share};
    *out = (struct cln_picture){0};
    d.jpeg.client_data = &d;
    d.jpeg.err = jpeg_std_error(&d.errors);
    d.errors.error_exit = on_error;
    d.errors.emit_message = on_message;
    enum cln_status status = read_all(&d, header_only);
    if (status == CLN_OK)
        status = turn(out, &d);
    jpeg_destroy_decompress(&d.jpeg);
    free(d.row);
    free(d.pixels);
    return status;
}

#else

static enum cln_status read_jpeg(struct cln_picture *out, const void *bytes, size_t size,
                                 const struct cln_decoding *how, bool header_only) {
    (void)bytes, (void)size, (void)how, (void)header_only;
    *out = (struct cln_picture){0};
    return cln_fail(CLN_IO, "this clenet was built without libjpeg and cannot read JPEG pictures: "
                            "install libjpeg-turbo's development files and build it anew, or pass PNG files");
}

#endif

enum cln_status cln_jpeg_decode(struct cln_picture *out, const void *bytes, size_t size,
                                const struct cln_decoding *how) {
    return read_jpeg(out, bytes, size, how, false); /* there is neither transparency nor more than 8 bits */
}

enum cln_status cln_jpeg_measure(struct cln_picture *out, const void *bytes, size_t size,
                                 const struct cln_decoding *how) {
    return read_jpeg(out, bytes, size, how, true);
}

const struct cln_picture_format cln_jpeg_pictures = {
    .name = "a JPEG", .first_byte = 0xFF, .decode = cln_jpeg_decode, .measure = cln_jpeg_measure};
