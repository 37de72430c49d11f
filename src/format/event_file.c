/* Writes event files from protobuf-c's structs (event_file.proto): see event_file.h. */
#include "src/format/event_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/table.h"
#include "src/format/event_file.pb-c.h"

/* ---- Records ---- */

/* CRC-32C, bit by bit: event files are small. */
static uint32_t crc32c(const uint8_t *bytes, size_t count) {
    uint32_t crc = ~UINT32_C(0);
    for (size_t i = 0; i < count; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (UINT32_C(0x82f63b78) & -(crc & 1));
    }
    return ~crc;
}

static void put_little_endian(uint8_t *out, uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(value >> 8 * i);
}

/* Writes a CRC as TFRecord files have it: masked, because a CRC of bytes that end with their CRC is a constant. */
static void put_crc(uint8_t *out, const uint8_t *bytes, size_t count) {
    const uint32_t crc = crc32c(bytes, count);
    put_little_endian(out, (crc >> 15 | crc << 17) + UINT32_C(0xa282ead8), sizeof crc);
}

static enum cln_status put_event(FILE *stream, const Tensorboard__Event *event) {
    enum { LENGTH = 8, CRC = 4, HEAD = LENGTH + CRC };
    const size_t bytes = tensorboard__event__get_packed_size(event);
    uint8_t *record = malloc(HEAD + bytes + CRC);
    if (!record)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for an event of %zu bytes", bytes);
    put_little_endian(record, bytes, LENGTH);
    put_crc(record + LENGTH, record, LENGTH);
    tensorboard__event__pack(event, record + HEAD);
    put_crc(record + HEAD + bytes, record + HEAD, bytes);
    const bool written = fwrite(record, HEAD + bytes + CRC, 1, stream) == 1 && fflush(stream) == 0;
    free(record);
    return written ? CLN_OK : cln_fail(CLN_IO, "%s", strerror(errno));
}

static Tensorboard__Event event_at(struct cln_event_time time) {
    Tensorboard__Event event = TENSORBOARD__EVENT__INIT;
    event.has_wall_time = event.has_step = true;
    event.wall_time = time.seconds;
    event.step = (int64_t)time.step;
    return event;
}

enum cln_status cln_event_file_check(void) {
    return CLN_OK;
}

enum cln_status cln_event_file_begin(FILE *stream, double seconds) {
    Tensorboard__Event event = event_at((struct cln_event_time){.seconds = seconds});
    event.what_case = TENSORBOARD__EVENT__WHAT_FILE_VERSION;
    event.file_version = (char *)"brain.Event:2";
    return put_event(stream, &event);
}

enum cln_status cln_event_file_restart(FILE *stream, struct cln_event_time time) {
    Tensorboard__Event event = event_at(time);
    Tensorboard__SessionLog session = TENSORBOARD__SESSION_LOG__INIT;
    session.has_status = true;
    session.status = TENSORBOARD__SESSION_LOG__SESSION_STATUS__START;
    event.what_case = TENSORBOARD__EVENT__WHAT_SESSION_LOG;
    event.session_log = &session;
    return put_event(stream, &event);
}

/* ---- Values ---- */

/* A value with all messages that it may have inside. */
struct parts {
    Tensorboard__Summary__Value value;
    Tensorboard__Summary__Image image;
    Tensorboard__HistogramProto histogram;
    Tensorboard__TensorProto tensor;
    ProtobufCBinaryData text;
    Tensorboard__SummaryMetadata metadata;
    Tensorboard__SummaryMetadata__PluginData plugin;
};

static void fill_scalar(struct parts *p, const struct cln_event_value *v) {
    p->value.value_case = TENSORBOARD__SUMMARY__VALUE__VALUE_SIMPLE_VALUE;
    p->value.simple_value = v->scalar;
}

static void fill_histogram(struct parts *p, const struct cln_event_value *v) {
    tensorboard__histogram_proto__init(&p->histogram);
    p->value.value_case = TENSORBOARD__SUMMARY__VALUE__VALUE_HISTO;
    p->value.histo = &p->histogram;
    Tensorboard__HistogramProto *h = &p->histogram;
    h->has_min = h->has_max = h->has_num = h->has_sum = h->has_sum_squares = true;
    h->min = v->histogram.min;
    h->max = v->histogram.max;
    h->num = v->histogram.count;
    h->sum = v->histogram.sum;
    h->sum_squares = v->histogram.sum_squares;
    h->n_bucket_limit = h->n_bucket = v->histogram.buckets;
    h->bucket_limit = v->histogram.limits;
    h->bucket = v->histogram.counts;
}

static void fill_text(struct parts *p, const struct cln_event_value *v) {
    enum { STRING = 7 };
    tensorboard__tensor_proto__init(&p->tensor);
    tensorboard__summary_metadata__init(&p->metadata);
    tensorboard__summary_metadata__plugin_data__init(&p->plugin);
    p->value.value_case = TENSORBOARD__SUMMARY__VALUE__VALUE_TENSOR;
    p->value.tensor = &p->tensor;
    p->value.metadata = &p->metadata;
    p->metadata.plugin_data = &p->plugin;
    p->plugin.plugin_name = (char *)"text";
    p->tensor.has_dtype = true;
    p->tensor.dtype = STRING;
    p->tensor.n_string_val = 1;
    p->tensor.string_val = &p->text;
    p->text = (ProtobufCBinaryData){strlen(v->text), (uint8_t *)v->text};
}

static void fill_image(struct parts *p, const struct cln_event_value *v) {
    tensorboard__summary__image__init(&p->image);
    p->value.value_case = TENSORBOARD__SUMMARY__VALUE__VALUE_IMAGE;
    p->value.image = &p->image;
    Tensorboard__Summary__Image *i = &p->image;
    i->has_height = i->has_width = i->has_colorspace = i->has_encoded_image_string = true;
    i->height = v->image.height;
    i->width = v->image.width;
    i->colorspace = v->image.channels;
    i->encoded_image_string = (ProtobufCBinaryData){v->image.bytes, v->image.file};
}

static void (*const fills[])(struct parts *parts, const struct cln_event_value *value) = {
    [CLN_EVENT_SCALAR] = fill_scalar,
    [CLN_EVENT_HISTOGRAM] = fill_histogram,
    [CLN_EVENT_TEXT] = fill_text,
    [CLN_EVENT_IMAGE] = fill_image,
};
CLN_EVERY(fills, CLN_EVENT_VALUE_KINDS);

enum cln_status cln_event_file_put(FILE *stream, struct cln_event_time time, const struct cln_event_value *values,
                                   size_t count) {
    Tensorboard__Event event = event_at(time);
    Tensorboard__Summary summary = TENSORBOARD__SUMMARY__INIT;
    struct parts *parts = calloc(count, sizeof *parts);
    summary.value = calloc(count, sizeof *summary.value);
    enum cln_status status = CLN_OK;
    if (count > 0 && (!parts || !summary.value))
        status = cln_fail(CLN_OUT_OF_MEMORY, "no memory for an event of %zu values", count);
    for (size_t i = 0; i < count && status == CLN_OK; i++) {
        tensorboard__summary__value__init(&parts[i].value);
        parts[i].value.tag = (char *)values[i].tag;
        fills[values[i].kind](&parts[i], &values[i]);
        summary.value[summary.n_value++] = &parts[i].value;
    }
    event.what_case = TENSORBOARD__EVENT__WHAT_SUMMARY;
    event.summary = &summary;
    if (status == CLN_OK && count > 0)
        status = put_event(stream, &event);
    free(parts);
    free(summary.value);
    return status;
}
