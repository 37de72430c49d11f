/* The frame of the page and the table of its sections: see page.h. */
#include "src/report/page.h"

#include "clenet/text.h"
#include "clenet/version.h"
#include "src/report/page_private.h"

const struct cln_section *const cln_sections[] = {
    &cln_section_progress,    &cln_section_summary,  &cln_section_compare, &cln_section_curves,
    &cln_section_range,       &cln_section_speed,    &cln_section_norm,    &cln_section_classes,
    &cln_section_confusion,   &cln_section_mistakes, &cln_section_filters, &cln_section_weights,
    &cln_section_activations, &cln_section_kernels,  &cln_section_setup,   &cln_section_options,
    &cln_section_repeat,
};
const size_t cln_section_count = sizeof cln_sections / sizeof *cln_sections;

enum cln_status cln_section_write(FILE *stream, const struct cln_section *section, const struct cln_page *page) {
    const bool has = section->has(page);
    enum cln_status status = CLN_OK;
    if (!has && section->without == NULL)
        return CLN_OK;
    cln_text_print_html(stream, "<section id=\"%s\">\n<h2>%s</h2>\n", section->id, section->title);
    if (has)
        status = section->draw(stream, page);
    else
        cln_text_print_html(stream, "<p class=\"without\">%s</p>\n", section->without);
    cln_text_print(stream, "</section>\n");
    return status;
}

/* Print stays light, as :root of cln_svg_style; a section of figures is not divided if it fits on a sheet. */
static const char style[] =
    "*{box-sizing:border-box}\n"
    "html{-webkit-text-size-adjust:100%%}\n"
    "body{margin:0 auto;padding:2.5rem 1.5rem 4rem;max-width:68rem;background:var(--i3);color:var(--i0);"
    "font:15px/1.5 system-ui,sans-serif;font-variant-numeric:tabular-nums}\n"
    "h1{font-size:1.6rem;line-height:1.25;margin:0;font-weight:650;overflow-wrap:anywhere}\n"
    "h2{font-size:1.05rem;margin:0 0 .75rem;font-weight:650}\n"
    "section{margin-top:2.25rem;padding-top:1.25rem;border-top:1px solid var(--i2)}\n"
    "p{margin:.25rem 0 .75rem;max-width:46rem}.without,.note,figcaption,dt,th,footer{color:var(--i1)}\n"
    ".note,.without,figcaption,footer{font-size:.85rem}\n"
    "svg{display:block;width:100%%;height:auto}\n"
    ".pair,.many{display:grid;gap:1.25rem 2rem;grid-template-columns:repeat(auto-fit,minmax(min(100%%,26rem),1fr))}\n"
    ".many{gap:1rem;grid-template-columns:repeat(auto-fill,minmax(13rem,1fr))}\n"
    ".pictures{display:grid;gap:.9rem;grid-template-columns:repeat(auto-fill,minmax(8.5rem,1fr))}\n"
    ".filters{display:flex;flex-wrap:wrap;gap:.4rem}.filters img{width:3rem}\n"
    "figure{margin:0;overflow-wrap:anywhere;break-inside:avoid}\n"
    "img{display:block;width:5.5rem;height:auto;image-rendering:pixelated;background:#808080;border-radius:2px}\n"
    "figcaption{margin-top:.3rem;line-height:1.35}figcaption b{color:var(--i0);font-weight:600}\n"
    "dl.key{display:grid;align-items:end;gap:1rem "
    "2rem;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));margin:1.25rem 0 0}\n"
    "dl.key dt{font-size:.85rem}dl.key dd{margin:0;font-size:1.45rem;font-weight:600;line-height:1.3}\n"
    "dl.list{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1.5rem;margin:0}\n"
    "dl.list dd{margin:0;overflow-wrap:anywhere}\n"
    ".options{columns:3 15rem;column-gap:2rem}.options dl{display:block;margin:0}\n"
    ".options div{display:flex;justify-content:space-between;gap:1rem;break-inside:avoid;font-size:.85rem}\n"
    ".options dd{margin:0;text-align:right;overflow-wrap:anywhere}\n"
    ".scroll{overflow-x:auto}\n"
    "table{border-collapse:collapse;font-size:.9rem;width:100%%}\n"
    "th{font-weight:500;text-align:right;padding:.3rem .6rem;border-bottom:1px solid var(--i2)}\n"
    "td{padding:.22rem .6rem;text-align:right;white-space:nowrap;border-bottom:1px solid var(--i2)}\n"
    "th:first-child,td:first-child{text-align:left;padding-left:0}td:first-child{overflow-wrap:break-word;"
    "white-space:normal}\n"
    ".bar{width:22%%}.bar i{display:block;height:.55rem;background:var(--i5);border-radius:1px;"
    "print-color-adjust:exact;-webkit-print-color-adjust:exact}\n"
    "pre{margin:.5rem 0 0;padding:.8rem 1rem;border:1px solid var(--i2);border-radius:4px;white-space:pre-wrap;"
    "overflow-wrap:anywhere;font:13px/1.5 ui-monospace,monospace}\n"
    ".heat{max-width:46rem}svg,img{print-color-adjust:exact;-webkit-print-color-adjust:exact}\n"
    "footer{margin-top:2.5rem}\n"
    "@media print{body{padding:0;max-width:none;font-size:10.5pt}section{break-inside:auto}h2{break-after:avoid}"
    "svg,tr,pre{break-inside:avoid}.pair{grid-template-columns:1fr 1fr}@page{margin:16mm}}\n";

void cln_page_begin(FILE *stream, const struct cln_page *page, const char *nonce, const char *more) {
    const json_t *start = cln_page_run(page)->start;
    const char *network = cln_event_text(start, "network"), *data = cln_event_text(start, "data");
    cln_text_print_html(stream,
                        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
                        "<meta name=\"generator\" content=\"clenet " CLENET_VERSION "\">\n"
                        "<title>%s on %s</title>\n",
                        network, data);
    cln_text_print_html(stream, nonce != NULL ? "<style nonce=\"%s\">\n" : "<style>%s\n", nonce != NULL ? nonce : "");
    cln_svg_style(stream);
    cln_text_print(stream, style);
    cln_text_print(stream, "%-s", more);
    cln_text_print_html(stream, "</style>\n</head>\n<body>\n<header>\n<h1>%s on %s</h1>\n", network, data);
}

void cln_page_end(FILE *stream) {
    cln_text_print(stream, "</main>\n<footer>Written by clenet " CLENET_VERSION ".</footer>\n");
}

enum cln_status cln_page_write(FILE *stream, const struct cln_page *page) {
    enum cln_status status = CLN_OK;
    cln_page_begin(stream, page, NULL, "");
    cln_text_print(stream, "</header>\n<main>\n");
    for (size_t i = 0; i < cln_section_count && status == CLN_OK; i++)
        status = cln_section_write(stream, cln_sections[i], page);
    cln_page_end(stream);
    cln_text_print(stream, "</body>\n</html>\n");
    return status;
}
