/* Surveys all platforms and devices of this machine, and the reasons for those missing. */
#include "host/survey.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/log.h"
#include "clenet/text.h"
#include "host/call.h"
#include "host/device_limits.h"
#include "host/driver_files.h"
#include "host/embedded.h"
#include "host/source.h"
#include "src/base/json_text.h"

static const char install[] = "install a driver (on Debian and Ubuntu, apt-get install pocl-opencl-icd for the CPU, or "
                              "your GPU vendor's driver)";

CLN_PRINTF(2, 3)
static enum cln_status add_absence(struct ocl_survey *s, const char *format, ...) {
    struct ocl_absence *grown = realloc(s->absences, (s->absence_count + 1) * sizeof *grown);
    if (!grown)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a list of devices");
    s->absences = grown;
    va_list arguments;
    va_start(arguments, format);
    cln_text_vformat(grown[s->absence_count++].text, sizeof grown->text, format, arguments);
    va_end(arguments);
    return CLN_OK;
}

/* The advice of a shipped profile for a platform without devices ("no_device"). *out is the caller's: free(); NULL:
 * none. */
static enum cln_status find_advice(char **out, const char *platform) {
    *out = NULL;
    for (const struct ocl_embedded *file = ocl_embedded_devices; file->name && !*out; file++) {
        json_error_t error;
        json_t *root;
        const enum cln_status status = cln_json_parse(&root, file->text, strlen(file->text), 0, &error);
        if (status != CLN_OK)
            return status == CLN_INVALID ? cln_fail(status, "%s: %s", file->name, error.text) : status;
        const char *advice = json_string_value(json_object_get(root, "no_device"));
        const char *part = json_string_value(json_object_get(json_object_get(root, "match"), "platform"));
        const bool fits = advice && part && strstr(platform, part);
        if (fits)
            *out = strdup(advice);
        json_decref(root);
        if (fits && !*out)
            return cln_fail(CLN_OUT_OF_MEMORY, "host memory for an advice");
    }
    return CLN_OK;
}

static enum cln_status add_empty_platform(struct ocl_survey *s, const struct ocl_device *platform, unsigned index,
                                          const char *reason) {
    char *advice = NULL;
    enum cln_status status = find_advice(&advice, platform->platform);
    if (status == CLN_OK)
        status = add_absence(s, "platform %u, %s, shows no device (%-s)%s%s", index,
                             platform->platform[0] ? platform->platform : "whose name is not told", reason,
                             advice ? ": " : "", advice ? advice : "");
    s->advised |= advice != NULL;
    free(advice);
    return status;
}

/* Appends a device, or the reason why it does not answer. */
static enum cln_status add_device(struct ocl_survey *s, const struct ocl_device *platform, cl_device_id id,
                                  unsigned index) {
    struct ocl_device *device = &s->devices[s->device_count];
    *device = *platform;
    device->device_index = index;
    const enum cln_status status = ocl_device_describe(device, id);
    if (status == CLN_OK)
        s->device_count++;
    if (status == CLN_OK || status == CLN_OUT_OF_MEMORY)
        return status;
    return add_absence(s, "device %u:%u of %s is left out: %-s", platform->platform_index, index, platform->platform,
                       cln_error_message());
}

static enum cln_status add_platform(struct ocl_survey *s, cl_platform_id id, unsigned index) {
    struct ocl_device platform;
    cl_uint found = 0;
    enum cln_status status = ocl_platform_describe(&platform, id, index);
    if (status == CLN_OK)
        status = OCL_CALL(clGetDeviceIDs, id, CL_DEVICE_TYPE_ALL, 0, NULL, &found);
    if (status != CLN_OK || found == 0) {
        char reason[512];
        snprintf(reason, sizeof reason, "%s", status != CLN_OK ? cln_error_message() : "it says it has 0");
        return add_empty_platform(s, &platform, index, reason);
    }
    cl_device_id *ids = calloc(found, sizeof *ids);
    struct ocl_device *grown = realloc(s->devices, (s->device_count + found) * sizeof *grown);
    if (grown)
        s->devices = grown;
    if (!ids || !grown) {
        free(ids);
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a list of %u devices", found);
    }
    status = OCL_CALL(clGetDeviceIDs, id, CL_DEVICE_TYPE_ALL, found, ids, NULL);
    if (status != CLN_OK) {
        char reason[512];
        snprintf(reason, sizeof reason, "%s", cln_error_message());
        status = add_empty_platform(s, &platform, index, reason);
        found = 0;
    }
    for (unsigned i = 0; status == CLN_OK && i < found; i++)
        status = add_device(s, &platform, ids[i], i);
    free(ids);
    return status;
}

static enum cln_status add_platforms(struct ocl_survey *s) {
    cl_uint count = 0;
    enum cln_status status = OCL_CALL(clGetPlatformIDs, 0, NULL, &count);
    if (status == CLN_NO_DEVICE || (status == CLN_OK && count == 0))
        return CLN_OK;
    if (status != CLN_OK)
        return status;
    cl_platform_id *platforms = calloc(count, sizeof *platforms);
    if (!platforms)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a list of %u platforms", count);
    status = OCL_CALL(clGetPlatformIDs, count, platforms, NULL);
    s->platform_count = status != CLN_OK ? 0 : count;
    for (unsigned i = 0; status == CLN_OK && i < count; i++)
        status = add_platform(s, platforms[i], i);
    free(platforms);
    ocl_drivers_loaded();
    return status;
}

/* Collects problems with drivers, for a callback that returns nothing. */
struct gathering {
    struct ocl_survey *survey;
    enum cln_status status;
};

static void on_driver(void *user, const char *file, const char *reason) {
    struct gathering *g = user;
    if (!g->status)
        g->status = add_absence(g->survey, "the driver that %s names cannot be loaded: %-s", file, reason);
}

static enum cln_status add_drivers(struct ocl_survey *s) {
    struct gathering gathering = {.survey = s};
    const struct ocl_driver_place place = ocl_driver_place();
    const size_t before = s->absence_count, found = ocl_driver_files_try(&place, on_driver, &gathering);
    if (gathering.status != CLN_OK || s->platform_count > 0)
        return gathering.status;
    char named[128] = "";
    if (place.variable)
        snprintf(named, sizeof named, " (as $%s says)", place.variable);
    if (found == 0)
        return add_absence(s, "no driver is installed: %s%s has no .icd file", place.path, named);
    if (s->absence_count - before < found)
        return add_absence(s, "drivers are installed in %s%s, but show no platform", place.path, named);
    return CLN_OK;
}

static enum cln_status survey(struct ocl_survey *out) {
    *out = (struct ocl_survey){.devices = NULL};
    enum cln_status status = ocl_limits_check(); /* an invalid limit concerns every device */
    if (status != CLN_OK)
        return status;
    if (ocl_limits_text())
        cln_log(CLN_LOG_INFO, "CLENET_LIMITS lowers what devices report: %s", ocl_limits_text());
    if (*ocl_build_options())
        cln_log(CLN_LOG_INFO, "CLENET_BUILD_OPTIONS adds to the options of all kernels of clenet: %-s",
                ocl_build_options());
    return add_platforms(out);
}

enum cln_status ocl_devices_survey(struct ocl_survey *out) {
    enum cln_status status = survey(out);
    if (status == CLN_OK)
        status = add_drivers(out);
    if (status != CLN_OK)
        ocl_survey_clear(out);
    return status;
}

void ocl_survey_clear(struct ocl_survey *survey) {
    free(survey->devices);
    free(survey->absences);
    *survey = (struct ocl_survey){.devices = NULL};
}

enum cln_status ocl_survey_fail(const struct ocl_survey *survey) {
    char all[4096] = "";
    size_t used = 0;
    for (size_t i = 0; i < survey->absence_count && used < sizeof all; i++)
        used += (size_t)snprintf(all + used, sizeof all - used, "\n  %s", survey->absences[i].text);
    const struct ocl_driver_place place = ocl_driver_place();
    char advice[512] = "";
    if (survey->platform_count == 0 && place.variable)
        snprintf(advice, sizeof advice, "\n  Unset %s, or %s. `clinfo -l` lists what is found", place.variable,
                 install);
    else if (survey->platform_count == 0)
        snprintf(advice, sizeof advice, "\n  To do: %s. `clinfo -l` lists what is found", install);
    else if (!survey->advised)
        snprintf(advice, sizeof advice, "\n  `clinfo` shows what these platforms say of themselves");
    return cln_fail(CLN_NO_DEVICE, "no OpenCL device is there:%-s%-s", all, advice);
}

enum cln_status ocl_devices_list(struct ocl_device **out, size_t *count) {
    struct ocl_survey found;
    *out = NULL;
    *count = 0;
    enum cln_status status = survey(&found);
    for (size_t i = 0; status == CLN_OK && found.device_count > 0 && i < found.absence_count; i++)
        cln_log(strncmp(found.absences[i].text, "device", 6) == 0 ? CLN_LOG_WARNING : CLN_LOG_DEBUG, "%-s",
                found.absences[i].text);
    if (status == CLN_OK && found.device_count == 0)
        status = add_drivers(&found);
    if (status == CLN_OK && found.device_count == 0)
        status = ocl_survey_fail(&found);
    if (status == CLN_OK) {
        *out = found.devices;
        *count = found.device_count;
        found.devices = NULL;
    }
    ocl_survey_clear(&found);
    return status;
}
