/* Words: see picture_words.h. */
#include "src/model/picture_words.h"

#include <stdio.h>
#include <string.h>

const char *const cln_fit_words[CLN_FIT_COUNT + 1] = {"stretch", "crop", "pad", NULL};
const char *const cln_pixel_type_words[CLN_PIXEL_TYPE_COUNT + 1] = {"uint8", "uint16", "float32", NULL};

static const struct {
    const char *word;
    int ground;
} grounds[] = {{"auto", CLN_GROUND_AUTO}, {"black", CLN_GROUND(0, 0, 0)}, {"white", CLN_GROUND(255, 255, 255)}};

void cln_ground_write(char text[CLN_GROUND_BYTES], int ground) {
    if (ground == CLN_GROUND_AUTO)
        snprintf(text, CLN_GROUND_BYTES, "%s", grounds[0].word);
    else
        snprintf(text, CLN_GROUND_BYTES, "#%06x", (unsigned)ground & 0xFFFFFF);
}

bool cln_ground_read(int *ground, const char *text) {
    unsigned colour = 0;
    for (size_t i = 0; i < sizeof grounds / sizeof *grounds; i++)
        if (strcmp(text, grounds[i].word) == 0) {
            *ground = grounds[i].ground;
            return true;
        }
    if (text[0] != '#' || strlen(text) != CLN_GROUND_BYTES - 1 ||
        strspn(text + 1, "0123456789abcdefABCDEF") != CLN_GROUND_BYTES - 2 || sscanf(text + 1, "%6x", &colour) != 1)
        return false;
    *ground = 1 << 24 | (int)colour;
    return true;
}
