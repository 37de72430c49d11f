/* See device_list.h. */
#include "src/cli/device_list.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEVICE_BYTES = 256 };

int cln_device_list_count(const char *list) {
    int count = 1;
    for (; *list; list++)
        count += *list == ',';
    return count;
}

bool cln_device_list_is_wrong(const char *list) {
    for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strcspn(at, ",") == 0 || strcspn(at, ",") >= DEVICE_BYTES)
            return true;
    return false;
}

const char *cln_device_list_take(const char *list, int number) {
    static char device[DEVICE_BYTES];
    const char *at = list;
    for (int i = 0; i < number % cln_device_list_count(list); i++)
        at = strchr(at, ',') + 1;
    snprintf(device, sizeof device, "%.*s", (int)strcspn(at, ","), at);
    return device;
}

void cln_share_cores(int processes) {
    char threads[24];
    const long cores = sysconf(_SC_NPROCESSORS_ONLN), each = processes > 0 ? cores / processes : cores;
    snprintf(threads, sizeof threads, "%ld", each > 0 ? each : 1);
    setenv("POCL_MAX_PTHREAD_COUNT", threads, 0);
}
