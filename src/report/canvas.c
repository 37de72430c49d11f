/* What all kinds of canvas share: see canvas.h. */
#include "src/report/canvas.h"

#include "src/base/table.h"

/* Series: the colours of Okabe and Ito (2008), which people with colour blindness tell apart; on dark, lighter. */
const struct cln_ink_row cln_inks[] = {
    [CLN_INK_TEXT] = {0x1b1f24, 0xe6e8eb, 0, '#'},       [CLN_INK_MUTED] = {0x636b74, 0x98a1ab, 0, '-'},
    [CLN_INK_GRID] = {0xe3e6e9, 0x2c3238, 0, 0},         [CLN_INK_PAPER] = {0xffffff, 0x14171a, 0, ' '},
    [CLN_INK_HEAT] = {0x0b5fa5, 0x4ea3e0, 4, '#'},       [CLN_INK_SERIES] = {0x0072b2, 0x4db2e8, 4, '*'},
    [CLN_INK_SERIES + 1] = {0xd55e00, 0xff8f42, 1, 'o'}, [CLN_INK_SERIES + 2] = {0x009e73, 0x35cfa2, 2, '+'},
    [CLN_INK_SERIES + 3] = {0xb0578d, 0xe494c3, 5, 'x'}, [CLN_INK_SERIES + 4] = {0x9a7b00, 0xe3c64a, 3, '@'},
    [CLN_INK_SERIES + 5] = {0x2a8fbd, 0x8fd3f4, 6, '%'},
};
CLN_EVERY(cln_inks, CLN_INK_COUNT);

enum cln_ink cln_ink_of_series(size_t index) {
    return (enum cln_ink)(CLN_INK_SERIES + index % CLN_SERIES_INKS);
}

enum cln_status cln_canvas_begin(struct cln_canvas *canvas) {
    canvas->state = NULL;
    return canvas->kind->create(canvas);
}

enum cln_status cln_canvas_end(struct cln_canvas *canvas, enum cln_status status) {
    if (status == CLN_OK)
        status = canvas->kind->finish(canvas);
    canvas->kind->destroy(canvas);
    canvas->state = NULL;
    return status;
}
