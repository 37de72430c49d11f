/* clenet devices: what --device may name, and what matters for training. */
#include <stdio.h>
#include <stdlib.h>

#include "host/device.h"
#include "host/profile.h"
#include "host/select.h"
#include "src/cli/command.h"
#include "src/cli/options.h"
#include "src/cli/report.h"
#include "src/engine/tuning.h"

/* Name of the profile that matches, into `text`; a broken profile is reported and shown as such. */
static void find_profile(char *text, size_t bytes, const struct ocl_device *device, const char *file) {
    if (!device->available) {
        snprintf(text, bytes, "(not usable)");
        return;
    }
    const struct ocl_profile_params params = {.keys = cln_tuning_keys, .key_count = cln_tuning_key_count, .file = file};
    struct ocl_profile *profile = NULL;
    if (ocl_profile_load(&profile, device, &params) == CLN_OK) {
        snprintf(text, bytes, "%s", ocl_profile_name(profile));
    } else {
        cln_report_error("%s", cln_error_message());
        snprintf(text, bytes, "(broken)");
    }
    ocl_profile_destroy(&profile);
}

static void print_device(const struct ocl_device *device, bool chosen, const char *profile_file) {
    char number[24], version[24], memory[32], profile[64];
    snprintf(number, sizeof number, "%u:%u%s", device->platform_index, device->device_index, chosen ? " *" : "");
    snprintf(version, sizeof version, "%u.%u", device->opencl_major, device->opencl_minor);
    snprintf(memory, sizeof memory, "%.1f GiB", (double)device->global_memory_bytes / (1024.0 * 1024.0 * 1024.0));
    find_profile(profile, sizeof profile, device, profile_file);
    printf("%-6s %-40s %-28s %-11s %10s %5u  %-6s  %s\n", number, device->name, device->platform,
           ocl_device_type_name(device->type), memory, device->compute_units, version, profile);
}

static enum cln_status list_devices(const char *profile_file) {
    struct ocl_device *devices = NULL;
    size_t count = 0, chosen = 0;
    enum cln_status status = ocl_devices_list(&devices, &count);
    if (status == CLN_OK) {
        /* Listing must work where $CLENET_DEVICE fits nothing: then no line is marked, and it is told why. */
        enum cln_status selected = ocl_device_select(&chosen, devices, count, getenv("CLENET_DEVICE"));
        printf("%-6s %-40s %-28s %-11s %10s %5s  %-6s  %s\n", "device", "name", "platform", "type", "memory", "units",
               "OpenCL", "profile");
        for (size_t i = 0; i < count; i++)
            print_device(&devices[i], selected == CLN_OK && i == chosen, profile_file);
        if (selected == CLN_OK)
            printf("\n* is used unless --device says otherwise.\n");
        else
            cln_report_error("%s", cln_error_message());
    }
    free(devices);
    return status;
}

int cln_command_devices(const struct cln_command *command, int argc, const char **argv) {
    const char *profile_file = NULL;
    int exit_status = CLN_EXIT_OK;
    struct cln_option options[] = {
        {"profile-file", "FILE", "tuning values that win over all others", CLN_OPTION_TEXT, {.text = &profile_file}},
        {0},
    };
    if (cln_options_parse(options, command, argc, argv, &exit_status))
        exit_status = cln_report_failure(list_devices(profile_file));
    cln_options_release(options);
    return exit_status;
}
