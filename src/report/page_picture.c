/* Pictures within a page. */
#include <nettle/base64.h>
#include <stdlib.h>

#include "clenet/text.h"
#include "src/data/sheet.h"
#include "src/report/page_private.h"

enum cln_status cln_page_picture(FILE *stream, const uint8_t *pixels, struct cln_shape shape, const char *words) {
    struct cln_samples samples;
    char *bytes = NULL, *text = NULL;
    size_t count = 0;
    enum cln_status status = cln_samples_create(&samples, pixels, shape);
    FILE *memory = status == CLN_OK ? open_memstream(&bytes, &count) : NULL;
    if (memory != NULL) {
        status = cln_samples_write(memory, &samples);
        if (fclose(memory) != 0 && status == CLN_OK)
            status = cln_fail(CLN_OUT_OF_MEMORY, "no memory for a picture");
    } else if (status == CLN_OK) {
        status = cln_fail(CLN_OUT_OF_MEMORY, "no memory for a picture");
    }
    if (status == CLN_OK && (text = malloc(BASE64_ENCODE_RAW_LENGTH(count) + 1)) == NULL)
        status = cln_fail(CLN_OUT_OF_MEMORY, "no memory for a picture");
    if (status == CLN_OK) {
        base64_encode_raw(text, count, (const uint8_t *)bytes);
        text[BASE64_ENCODE_RAW_LENGTH(count)] = '\0';
        cln_text_print_html(stream, "<img width=\"%d\" height=\"%d\" alt=\"%s\" src=\"data:image/png;base64,",
                            shape.width, shape.height, words);
        cln_text_print(stream, "%s\">", text);
    }
    free(samples.values);
    free(bytes);
    free(text);
    return status;
}
