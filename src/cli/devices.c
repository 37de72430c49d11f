/* clenet devices: lists the devices that --device can select; with --verbose all their properties, and the origin of
 * every tuning value. The verbose text is made from the JSON object. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/text.h"
#include "host/device.h"
#include "host/select.h"
#include "src/base/json_text.h"
#include "src/cli/command.h"
#include "src/cli/options.h"
#include "src/cli/report.h"
#include "src/engine/tuning.h"

struct devices_options {
    const char *profile_file;
    bool verbose, json;
};

/* Adds a member and takes over `value`. If that fails, *failed becomes true: no member may be missing silently. */
static void put(json_t *object, const char *key, json_t *value, bool *failed) {
    *failed |= json_object_set_new(object, key, value) != 0;
}

static json_t *describe_values(const struct ocl_profile *profile, const struct cln_tuning *tuning, bool *failed) {
    json_t *values = json_object();
    for (size_t i = 0; i < cln_tuning_key_count; i++) {
        const char *key = cln_tuning_keys[i].name;
        put(values, key,
            json_pack("{s:I, s:I, s:o}", "profile", (json_int_t)ocl_profile_value(profile, key), "used",
                      (json_int_t)cln_tuning_value(tuning, key), "from",
                      cln_json_text(ocl_profile_origin(profile, key))),
            failed);
    }
    return values;
}

/* The values of layers by themselves. */
static json_t *describe_layers(const struct ocl_profile *profile, const struct cln_tuning *tuning, bool *failed) {
    json_t *all = json_array();
    size_t count = 0;
    const struct ocl_profile_layer_value *layers = ocl_profile_layers(profile, &count);
    for (size_t i = 0; i < count; i++)
        *failed |= json_array_append_new(
                       all, json_pack("{s:o, s:o, s:I, s:I, s:o}", "layer", cln_json_text(layers[i].layer), "value",
                                      cln_json_text(cln_tuning_keys[layers[i].key].name), "profile",
                                      (json_int_t)layers[i].value, "used", (json_int_t)tuning->layers[i].value, "from",
                                      cln_json_text(layers[i].origin))) != 0;
    return all;
}

static json_t *describe_quirks(const struct ocl_profile *profile, bool *failed) {
    json_t *all = json_array();
    size_t count = 0;
    const struct ocl_profile_quirk *quirks = ocl_profile_quirks(profile, &count);
    for (size_t i = 0; i < count; i++)
        *failed |=
            json_array_append_new(all, json_pack("{s:o, s:o, s:o, s:o}", "operation",
                                                 cln_json_text(cln_operations[quirks[i].operation]), "reason",
                                                 cln_json_text(quirks[i].reason), "link", cln_json_text(quirks[i].link),
                                                 "from", cln_json_text(quirks[i].origin))) != 0;
    return all;
}

/* Adds the device's profile. An invalid profile is reported and shown as broken; *status is the last error. */
static void describe_profile(json_t *object, const struct ocl_device *device, const char *file, bool *failed,
                             enum cln_status *status) {
    struct ocl_profile *profile = NULL;
    struct cln_tuning tuning;
    enum cln_status read = cln_tuning_profile(&profile, device, file);
    if (read == CLN_OK)
        read = cln_tuning_create(&tuning, profile, device);
    if (read == CLN_OK) {
        put(object, "profile", cln_json_text(ocl_profile_name(profile)), failed);
        put(object, "measured", cln_json_text(ocl_profile_measured(profile)), failed);
        put(object, "note", cln_json_text(ocl_profile_note(profile)), failed);
        put(object, "values", describe_values(profile, &tuning, failed), failed);
        put(object, "layers", describe_layers(profile, &tuning, failed), failed);
        put(object, "quirks", describe_quirks(profile, failed), failed);
    } else {
        put(object, "profile", json_null(), failed);
        *status = read;
    }
    ocl_profile_destroy(&profile);
}

/* Describes a device as JSON; NULL: out of memory. An invalid profile sets *status and the message. */
static json_t *describe(const struct ocl_device *d, bool used, const char *profile_file, enum cln_status *status) {
    char number[24];
    snprintf(number, sizeof number, "%u:%u", d->platform_index, d->device_index);
    const struct {
        const char *key;
        json_t *value;
    } facts[] = {
        {"device", cln_json_text(number)},
        {"used", json_boolean(used)},
        {"name", cln_json_text(d->name)},
        {"vendor", cln_json_text(d->vendor)},
        {"type", cln_json_text(ocl_device_type_name(d->type))},
        {"platform", cln_json_text(d->platform)},
        {"platform_version", cln_json_text(d->platform_version)},
        {"device_version", cln_json_text(d->device_version)},
        {"driver_version", cln_json_text(d->driver_version)},
        {"available", json_boolean(d->available)},
        {"problem", cln_json_text(ocl_device_problem(d))},
        {"compute_units", json_integer(d->compute_units)},
        {"clock_mhz", json_integer(d->clock_mhz)},
        {"native_float_vector", json_integer(d->native_float_vector)},
        {"max_work_group_size", json_integer((json_int_t)d->max_work_group_size)},
        {"max_work_item_sizes",
         json_pack("[I, I, I]", (json_int_t)d->max_work_item_sizes[0], (json_int_t)d->max_work_item_sizes[1],
                   (json_int_t)d->max_work_item_sizes[2])},
        {"global_memory_bytes", json_integer((json_int_t)d->global_memory_bytes)},
        {"max_alloc_bytes", json_integer((json_int_t)d->max_alloc_bytes)},
        {"cache_bytes", json_integer((json_int_t)d->cache_bytes)},
        {"local_memory_bytes", json_integer((json_int_t)d->local_memory_bytes)},
        {"constant_buffer_bytes", json_integer((json_int_t)d->constant_buffer_bytes)},
        {"unified_memory", json_boolean(d->unified_memory)},
        {"cl_khr_fp64", json_boolean(d->has_fp64)},
        {"cl_khr_command_buffer", json_boolean(d->has_command_buffer)},
        {"simultaneous_command_buffers", json_boolean(d->simultaneous_command_buffers)},
    };
    json_t *object = json_object();
    bool failed = false;
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        put(object, facts[i].key, facts[i].value, &failed);
    if (d->available)
        describe_profile(object, d, profile_file, &failed, status);
    if (failed) {
        json_decref(object);
        object = NULL;
    }
    return object;
}

static const char *text_of(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}
static long long number_of(const json_t *object, const char *key) {
    return (long long)json_integer_value(json_object_get(object, key));
}

/* Widths of the two columns whose texts come from drivers. */
struct widths {
    int name, platform;
};

static struct widths find_widths(const json_t *list) {
    struct widths w = {.name = (int)strlen("name"), .platform = (int)strlen("platform")};
    size_t i;
    json_t *device;
    json_array_foreach(list, i, device) {
        const int name = (int)cln_text_columns(text_of(device, "name")),
                  platform = (int)cln_text_columns(text_of(device, "platform"));
        w.name = name > w.name ? name : w.name;
        w.platform = platform > w.platform ? platform : w.platform;
    }
    return w;
}

static void print_head(struct widths w) {
    cln_report_text("%-6s %-*s %-*s %-11s %10s %5s  %-6s  %s\n", "device", w.name, "name", w.platform, "platform",
                    "type", "memory", "units", "OpenCL", "profile");
}

static void print_row(const json_t *object, struct widths w) {
    char number[24], version[24] = "", memory[32], profile[96];
    const char *name = text_of(object, "profile"), *problem = text_of(object, "problem");
    snprintf(number, sizeof number, "%s%s", text_of(object, "device"),
             json_is_true(json_object_get(object, "used")) ? " *" : "");
    sscanf(text_of(object, "device_version"), "OpenCL %23s", version);
    snprintf(memory, sizeof memory, "%.1f GiB",
             (double)number_of(object, "global_memory_bytes") / (1024.0 * 1024.0 * 1024.0));
    snprintf(profile, sizeof profile, "%s%s%s%s",
             problem ? "(not usable: "
             : name  ? name
                     : "(broken)",
             problem ? problem : "", problem ? ")" : "",
             !problem && name && !text_of(object, "measured") ? " (not measured)" : "");
    cln_report_text("%-6s %-*s %-*s %-11s %10s %5lld  %-6s  %s\n", number, w.name, text_of(object, "name"), w.platform,
                    text_of(object, "platform"), text_of(object, "type"), memory, number_of(object, "compute_units"),
                    version, profile);
}

static void print_number(const char *key, json_int_t number) {
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    const char *suffix = strrchr(key, '_');
    double value = (double)number;
    size_t unit = 0;
    for (; value >= 1024 && unit + 1 < sizeof units / sizeof *units; unit++)
        value /= 1024;
    if (suffix && strcmp(suffix, "_bytes") == 0)
        cln_report_text("%.6g %s", value, units[unit]);
    else
        cln_report_text("%lld", (long long)number);
}

static void print_fact(const char *key, const json_t *value) {
    cln_report_text("  %-30s ", key);
    if (json_is_integer(value))
        print_number(key, json_integer_value(value));
    else if (json_is_array(value))
        for (size_t i = 0; i < json_array_size(value); i++)
            cln_report_text("%s%lld", i ? " × " : "", (long long)json_integer_value(json_array_get(value, i)));
    else if (json_is_boolean(value))
        cln_report_text("%s", json_is_true(value) ? "yes" : "no");
    else if (json_is_string(value))
        cln_report_text("%s", json_string_value(value));
    else
        cln_report_text("%s", strcmp(key, "measured") == 0 ? "not measured" : "-");
    cln_report_text("\n");
}

static void print_full(const json_t *object) {
    const char *key;
    json_t *value, *quirk, *layer;
    size_t i;
    json_object_foreach((json_t *)object, key, value) if (strcmp(key, "values") != 0 && strcmp(key, "quirks") != 0 &&
                                                          strcmp(key, "layers") != 0) print_fact(key, value);
    if (json_object_get(object, "values"))
        cln_report_text("\n  %-18s %10s %10s  %s\n", "value", "profile", "used", "from");
    json_object_foreach(json_object_get(object, "values"), key, value)
        cln_report_text("  %-18s %10lld %10lld  %s\n", key, number_of(value, "profile"), number_of(value, "used"),
                        text_of(value, "from"));
    json_array_foreach(json_object_get(object, "layers"), i, layer)
        cln_report_text("  %-18s %10lld %10lld  %s, %s\n", text_of(layer, "value"), number_of(layer, "profile"),
                        number_of(layer, "used"), text_of(layer, "layer"), text_of(layer, "from"));
    json_array_foreach(json_object_get(object, "quirks"), i, quirk) {
        const char *link = text_of(quirk, "link");
        cln_report_text("\n  %s runs in its safe variant: %s%s%s\n  %s\n", text_of(quirk, "operation"),
                        text_of(quirk, "reason"), link ? ", " : "", link ? link : "", text_of(quirk, "from"));
    }
    cln_report_text("\n");
}

static void print_table(const json_t *list) {
    const struct widths widths = find_widths(list);
    size_t i;
    json_t *device;
    print_head(widths);
    json_array_foreach(list, i, device) print_row(device, widths);
}

static enum cln_status print(const json_t *list, const struct devices_options *o) {
    size_t i;
    json_t *device;
    if (o->json)
        return cln_report_json(list, JSON_INDENT(2));
    if (o->verbose)
        json_array_foreach(list, i, device) print_full(device);
    else
        print_table(list);
    return CLN_OK;
}

/* Prints platforms and drivers without devices, with the reason. With --json they are notes, because the JSON has no
 * place for them. */
static void print_absences(const struct ocl_survey *survey, const struct devices_options *o) {
    for (size_t i = 0; i < survey->absence_count; i++)
        if (o->json)
            cln_report_note("%-s", survey->absences[i].text);
        else
            cln_report_text("%-s%-s\n", i == 0 && !o->verbose ? "\n" : "", survey->absences[i].text);
}

static enum cln_status list_survey(const struct ocl_survey *survey, const struct devices_options *o) {
    const size_t count = survey->device_count;
    size_t chosen = 0;
    enum cln_status profiles = CLN_OK, status = CLN_OK;
    /* Listing must work even if $CLENET_DEVICE fits no device: then none is marked, and the reason follows at the
     * end. */
    const enum cln_status selected = ocl_device_select(&chosen, survey->devices, count, getenv("CLENET_DEVICE"));
    char problem[2048] = "", broken[2048] = "";
    if (selected != CLN_OK)
        snprintf(problem, sizeof problem, "%s", cln_error_message());
    json_t *list = json_array();
    for (size_t i = 0; i < count && status == CLN_OK; i++) {
        json_t *device = describe(&survey->devices[i], selected == CLN_OK && i == chosen, o->profile_file, &profiles);
        if (profiles != CLN_OK && !broken[0])
            snprintf(broken, sizeof broken, "%s", cln_error_message());
        if (json_array_append_new(list, device) != 0)
            status = cln_fail(CLN_OUT_OF_MEMORY, "no memory for the list of devices");
    }
    if (status == CLN_OK)
        status = print(list, o);
    json_decref(list);
    if (status != CLN_OK)
        return status;
    print_absences(survey, o);
    const char *variable = getenv("CLENET_DEVICE");
    if (problem[0] && (variable == NULL || variable[0] == '\0'))
        return cln_fail(selected, "%-s", problem);
    if (problem[0])
        cln_report_note("clenet devices: warning: no device would be used: %-s", problem);
    else if (!o->json && !o->verbose)
        cln_report_text("\n* marks the default device.\n");
    return profiles == CLN_OK ? CLN_OK : cln_fail(profiles, "%-s", broken);
}

static enum cln_status list_devices(const struct devices_options *o) {
    struct ocl_survey survey;
    enum cln_status status = ocl_devices_survey(&survey);
    if (status != CLN_OK)
        return status;
    status = survey.device_count > 0 ? list_survey(&survey, o) : ocl_survey_fail(&survey);
    ocl_survey_clear(&survey);
    return status;
}

int cln_command_devices(const struct cln_command *command, int argc, const char **argv) {
    struct devices_options o = {0};
    int exit_status = CLN_EXIT_OK;
    struct cln_option options[] = {
        {"verbose",
         NULL,
         "print all properties, and the origin of every tuning value",
         CLN_OPTION_FLAG,
         {.flag = &o.verbose}},
        {"json", NULL, "print one JSON array instead", CLN_OPTION_FLAG, {.flag = &o.json}},
        {"profile-file",
         "FILE",
         "tuning values that win over all others",
         CLN_OPTION_TEXT,
         {.text = &o.profile_file},
         .file = CLN_FILE_PROFILE},
        {0},
    };
    if (cln_options_parse(options, command, argc, argv, &exit_status))
        exit_status = cln_report_failure(list_devices(&o));
    cln_options_release(options);
    return exit_status;
}
