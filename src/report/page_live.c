/* The live page: the sections of a report that need no model, and a script. */
#include "clenet/text.h"
#include "src/report/page_private.h"

static const char style[] =
    ".live{display:flex;flex-wrap:wrap;align-items:center;gap:.75rem 1rem;margin-top:.9rem;min-height:2.2rem}\n"
    ".live p{margin:0;display:flex;align-items:center;gap:.55rem}\n"
    ".live i{flex:none;width:.6rem;height:.6rem;border-radius:50%;background:var(--i1)}\n"
    ".live .on i{background:var(--i7)}.live .off i{background:var(--i6)}\n"
    "button{font:inherit;font-weight:550;color:var(--i0);background:none;border:1px solid var(--i1);"
    "border-radius:6px;padding:.25rem .9rem;cursor:pointer}\n"
    "button:hover:enabled{border-color:var(--i0)}button:disabled{color:var(--i1);border-color:var(--i2);"
    "cursor:default}\n"
    "progress{display:block;appearance:none;-webkit-appearance:none;width:100%;height:.5rem;border:0;border-radius:4px;"
    "background:var(--i2);overflow:hidden}\n"
    "progress::-webkit-progress-bar{background:var(--i2)}progress::-webkit-progress-value{background:var(--i5)}\n"
    "progress::-moz-progress-bar{background:var(--i5)}\n"
    "@media print{.live{display:none}}\n";

/* A section stands in a place of its own, whether there is something to draw or not, so that the script replaces what
 * is in it. A stream that the server has refused is not tried again by the browser. */
static const char script[] =
    "const state = document.getElementById('state'), words = state.querySelector('span');\n"
    "const stop = document.getElementById('stop'), events = new EventSource('events');\n"
    "let stopping = false;\n"
    "function say(name, text) { state.className = name; words.textContent = text; }\n"
    "events.onopen = () => say('on', stopping ? 'Stopping: the training saves, and ends' : 'Live');\n"
    "events.onerror = () => say('off', events.readyState === EventSource.CLOSED\n"
    "  ? 'The program does not answer: reload this page' : 'Connection lost; trying again');\n"
    "events.addEventListener('part', event => {\n"
    "  const part = JSON.parse(event.data);\n"
    "  document.getElementById('part-' + part.id).innerHTML = part.html;\n"
    "});\n"
    "events.addEventListener('end', () => {\n"
    "  events.close();\n"
    "  stop.hidden = true;\n"
    "  say('', 'The training has ended. This page stays as it is while it is open.');\n"
    "});\n"
    "stop.onclick = async () => {\n"
    "  stop.disabled = stopping = true;\n"
    "  const answer = await fetch('stop', {method: 'POST'}).catch(() => null);\n"
    "  if (answer?.ok)\n"
    "    return say('on', 'Stopping: the training saves, and ends');\n"
    "  stop.disabled = stopping = false;\n"
    "  say('off', 'The program did not answer: it was not stopped');\n"
    "};\n";

enum cln_status cln_live_page_write(FILE *stream, const struct cln_page *page, const char *nonce) {
    enum cln_status status = CLN_OK;
    cln_page_begin(stream, page, nonce, style);
    cln_text_print(stream, "<div class=\"live\"><p id=\"state\" role=\"status\"><i></i><span>Connecting</span></p>"
                           "<button id=\"stop\" type=\"button\">Stop the training</button></div>\n"
                           "<noscript><p class=\"note\">Without its script this page shows how it was when it was "
                           "loaded.</p></noscript>\n</header>\n<main>\n");
    for (size_t i = 0; i < cln_section_count && status == CLN_OK; i++) {
        if (cln_sections[i]->source == CLN_SOURCE_MODEL)
            continue;
        cln_text_print_html(stream, "<div id=\"part-%s\">\n", cln_sections[i]->id);
        status = cln_section_write(stream, cln_sections[i], page);
        cln_text_print(stream, "</div>\n");
    }
    cln_page_end(stream);
    cln_text_print_html(stream, "<script nonce=\"%s\">\n", nonce);
    cln_text_print(stream, "%-s</script>\n</body>\n</html>\n", script);
    return status;
}
