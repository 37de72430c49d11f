/* Reading the orientation from EXIF: any bytes give one of the eight values, and turning a picture by it and back again
 * gives the picture. Accepted is what is not upright. */
#include <string.h>

#include "src/data/exif.h"
#include "tests/fuzz/support.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static const int inverse[] = {0, 1, 2, 3, 4, 5, 8, 7, 6};
    static const uint8_t pixels[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    uint8_t turned[12], again[12];
    const struct cln_shape shape = {2, 2, 3};
    const int orientation = cln_exif_orientation(bytes, size);
    fuzz_require(orientation >= 1 && orientation <= CLN_EXIF_ORIENTATIONS);
    const struct cln_shape upright = cln_exif_swaps(orientation) ? (struct cln_shape){2, 3, 2} : shape;
    cln_exif_turn(turned, pixels, shape, orientation);
    cln_exif_turn(again, turned, upright, inverse[orientation]);
    fuzz_require(memcmp(again, pixels, sizeof pixels) == 0);
    fuzz_accepted = orientation != CLN_EXIF_UPRIGHT;
    return 0;
}
