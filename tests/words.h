/* Networks in few words, for tests: "conv norm relu ( same:2 | point:2 ) flatten linear". A number behind a word is
 * that of its outputs. In brackets are the branches of a Residual: its layers, and behind a bar its shortcut. */
#ifndef TESTS_WORDS_H
#define TESTS_WORDS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/network.h"

#define CLN_CONV "{\"type\": \"Conv2d\", \"out_channels\": %d, \"kernel_size\": "

static const struct cln_word {
    const char *name, *layer;
    int outputs; /* without a number */
} cln_words[] = {
    {"conv", CLN_CONV "3}", 2},
    {"same", CLN_CONV "3, \"padding\": 1}", 1},
    {"half", CLN_CONV "3, \"padding\": 1, \"stride\": 2}", 1},
    {"point", CLN_CONV "1}", 1},
    {"pointhalf", CLN_CONV "1, \"stride\": 2}", 1},
    {"linear", "{\"type\": \"Linear\", \"out_features\": %d}", 5},
    {"norm", "{\"type\": \"BatchNorm2d\"}", 0},
    {"norm1d", "{\"type\": \"BatchNorm1d\"}", 0},
    {"normplain", "{\"type\": \"BatchNorm2d\", \"affine\": false}", 0},
    {"group", "{\"type\": \"GroupNorm\", \"num_groups\": %d}", 2},
    {"groupplain", "{\"type\": \"GroupNorm\", \"num_groups\": %d, \"affine\": false}", 2},
    {"layernorm", "{\"type\": \"LayerNorm\"}", 0},
    {"layerplain", "{\"type\": \"LayerNorm\", \"elementwise_affine\": false}", 0},
    {"sigmoid", "{\"type\": \"Sigmoid\"}", 0},
    {"relu", "{\"type\": \"ReLU\"}", 0},
    {"tanh", "{\"type\": \"Tanh\"}", 0},
    {"hardswish", "{\"type\": \"Hardswish\"}", 0},
    {"silu", "{\"type\": \"SiLU\"}", 0},
    {"gelu", "{\"type\": \"GELU\"}", 0},
    {"gelutanh", "{\"type\": \"GELU\", \"approximate\": \"tanh\"}", 0},
    {"identity", "{\"type\": \"Identity\"}", 0},
    {"max", "{\"type\": \"MaxPool2d\", \"kernel_size\": 2}", 0},
    {"avg", "{\"type\": \"AvgPool2d\", \"kernel_size\": 2}", 0},
    {"global", "{\"type\": \"AdaptiveAvgPool2d\", \"output_size\": 1}", 0},
    {"drop", "{\"type\": \"Dropout\", \"p\": 0.3}", 0},
    {"drop2d", "{\"type\": \"Dropout2d\"}", 0},
    {"none", "{\"type\": \"Dropout2d\", \"p\": 0}", 0},
    {"flatten", "{\"type\": \"Flatten\"}", 0},
    {"(", "{\"type\": \"Residual\", \"layers\": [", 0},
    {"|", "], \"shortcut\": [", 0},
    {")", "]}", 0},
};

/* Appends what a word stands for to a text of `bytes`. An unknown word ends the program. */
static inline void cln_word_append(char *text, size_t bytes, const char *word) {
    const size_t length = strcspn(word, ":"), used = strlen(text);
    const struct cln_word *w = cln_words, *end = w + sizeof cln_words / sizeof *cln_words;
    while (w < end && (strlen(w->name) != length || strncmp(w->name, word, length) != 0))
        w++;
    if (w == end) {
        fprintf(stderr, "no layer is called %s\n", word);
        abort();
    }
    const char *outputs = strstr(w->layer, "%d");
    const int before = outputs ? (int)(outputs - w->layer) : (int)strlen(w->layer);
    const char *comma = strchr("[", text[used - 1]) || strchr("|)", *word) ? "" : ", ";
    char number[16] = "";
    if (outputs)
        snprintf(number, sizeof number, "%d", word[length] ? atoi(word + length + 1) : w->outputs);
    snprintf(text + used, bytes - used, "%s%.*s%s%s", comma, before, w->layer, number, outputs ? outputs + 2 : "");
}

/* The network of an input, such as "[1, 8, 8]", and of words. The caller destroys it. */
static inline enum cln_status cln_words_network(struct cln_network **out, const char *input, const char *words) {
    char text[8192], copy[512], *rest;
    snprintf(text, sizeof text, "{\"input\": %s, \"layers\": [", input);
    snprintf(copy, sizeof copy, "%s", words);
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        cln_word_append(text, sizeof text, word);
    strncat(text, "]}", sizeof text - strlen(text) - 1);
    return cln_network_parse(out, text, strlen(text), words, NULL);
}

#endif
