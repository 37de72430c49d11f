/* Writes fields of CSV: see csv.h. */
#include "src/cli/csv.h"

#include <stdbool.h>
#include <string.h>

#include "clenet/text.h"

/* A field that a spreadsheet could read as a formula gets a ' before it, as OWASP advises ("CSV Injection"): one that
 * begins with =, +, -, @ or their full-width forms. A tab or carriage return never begins a field, because control
 * characters are written as \t and \r. */
void cln_csv_text(FILE *stream, const char *text) {
    static const char *const begins[] = {"=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"};
    bool is_formula = false;
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
        is_formula |= strncmp(text, begins[i], strlen(begins[i])) == 0;
    const char *const quote = strpbrk(text, ",;\"") ? "\"" : "";
    cln_text_print(stream, "%s%s", quote, is_formula ? "'" : "");
    for (size_t length; *text != '\0'; text += length) {
        length = strcspn(text, "\"");
        length += text[length] == '"';
        cln_text_print(stream, "%.*s%s", (int)length, text, text[length - 1] == '"' ? "\"" : "");
    }
    cln_text_print(stream, "%s", quote);
}
