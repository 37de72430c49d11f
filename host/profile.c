/* Loads the profiles that match a device, and merges their values. */
#include "host/profile.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/log.h"
#include "host/embedded.h"
#include "host/profile_private.h"
#include "src/base/file.h"

enum { TIER_SHIPPED, TIER_INSTALLED, TIER_SITE, TIER_USER, TIER_ASKED };

static const char built_in[] = "built-in", set[] = "set";

struct ocl_profile {
    struct ocl_profile_params params;
    struct ocl_profile_file *files;
    size_t file_count;
    const struct ocl_profile_file *narrowest; /* NULL: no profile matches */
    long *values;
    const char **origins; /* one per value */
    struct ocl_profile_layer_value *layers;
    size_t layer_count;
    struct ocl_profile_quirk *quirks;
    size_t quirk_count;
};

/* "x/cpu.json" → "cpu.json" */
static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static enum cln_status add_text(struct ocl_profile *p, const char *text, const char *path, int tier) {
    struct ocl_profile_file file;
    enum cln_status status = ocl_profile_file_parse(&file, text, path, tier, &p->params);
    if (status != CLN_OK)
        return status;
    for (size_t i = 0; tier == TIER_INSTALLED && i < p->file_count; i++)
        if (p->files[i].tier == TIER_SHIPPED && strcmp(base_name(p->files[i].path), base_name(path)) == 0) {
            ocl_profile_file_clear(&p->files[i]);
            p->files[i] = file;
            return CLN_OK;
        }
    struct ocl_profile_file *grown = realloc(p->files, (p->file_count + 1) * sizeof *grown);
    if (!grown) {
        ocl_profile_file_clear(&file);
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %s", path);
    }
    p->files = grown;
    p->files[p->file_count++] = file;
    return CLN_OK;
}

static enum cln_status add_file(struct ocl_profile *p, const char *path, int tier) {
    char *text = NULL;
    enum cln_status status = cln_file_read(&text, path);
    if (status == CLN_OK)
        status = add_text(p, text, path, tier);
    free(text);
    return status;
}

static int is_profile(const struct dirent *entry) {
    const char *suffix = strrchr(entry->d_name, '.');
    return entry->d_name[0] != '.' && suffix && strcmp(suffix, ".json") == 0;
}

/* Adds the profiles of a folder. A folder that cannot be read is no error: most machines have none. */
static enum cln_status add_folder(struct ocl_profile *p, const char *folder, int tier) {
    struct dirent **entries = NULL;
    int count = folder ? scandir(folder, &entries, is_profile, alphasort) : 0;
    if (count < 0 && errno != ENOENT && errno != ENOTDIR)
        cln_log(CLN_LOG_WARNING, "%s: %s: device profiles there are not used", folder, strerror(errno));
    enum cln_status status = CLN_OK;
    for (int i = 0; i < count; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        if (status == CLN_OK)
            status = add_file(p, path, tier);
        free(entries[i]);
    }
    free(entries);
    return status;
}

static enum cln_status add_tiers(struct ocl_profile *p, const struct ocl_profile_folders *folders) {
    enum cln_status status = CLN_OK;
    for (const struct ocl_embedded *file = ocl_embedded_devices; status == CLN_OK && file->name; file++) {
        char path[256];
        snprintf(path, sizeof path, "devices/%s", file->name);
        status = add_text(p, file->text, path, TIER_SHIPPED);
    }
    if (status == CLN_OK)
        status = add_folder(p, folders->installed, TIER_INSTALLED);
    if (status == CLN_OK)
        status = add_folder(p, folders->site, TIER_SITE);
    if (status == CLN_OK)
        status = add_folder(p, folders->user, TIER_USER);
    return status;
}

/* A path contains a slash or a dot; a name contains neither. */
bool ocl_profile_is_path(const char *asked) {
    return strpbrk(asked, "/.") != NULL;
}

/* Finds the profile that the user asked for. */
static enum cln_status find_asked(const struct ocl_profile_file **out, struct ocl_profile *p) {
    const char *asked = p->params.file;
    if (ocl_profile_is_path(asked)) {
        enum cln_status status = add_file(p, asked, TIER_ASKED);
        *out = status != CLN_OK ? NULL : &p->files[p->file_count - 1];
        return status;
    }
    *out = NULL;
    char known[1024] = "";
    size_t length = 0;
    for (size_t i = 0; i < p->file_count; i++) {
        if (strcmp(p->files[i].name, asked) == 0)
            *out = &p->files[i];
        if (length < sizeof known)
            length += (size_t)snprintf(known + length, sizeof known - length, "%s%s", i ? ", " : "", p->files[i].name);
    }
    return *out ? CLN_OK : cln_fail(CLN_NOT_FOUND, "no profile is called \"%s\"; there is %s", asked, known);
}

/* Sets a layer's value, in place of an earlier one. */
static enum cln_status put_layer(struct ocl_profile *p, const char *layer, size_t key, long value, const char *origin) {
    size_t i = 0;
    while (i < p->layer_count && (p->layers[i].key != key || strcmp(p->layers[i].layer, layer) != 0))
        i++;
    if (i == p->layer_count) {
        struct ocl_profile_layer_value *grown = realloc(p->layers, (p->layer_count + 1) * sizeof *grown);
        p->layers = grown ? grown : p->layers;
        char *copy = grown ? strdup(layer) : NULL;
        if (!copy)
            return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a profile");
        p->layers[p->layer_count++] = (struct ocl_profile_layer_value){.layer = copy, .key = key};
    }
    p->layers[i].value = value;
    p->layers[i].origin = origin;
    return CLN_OK;
}

/* Forgets the values of layers for a key: a narrower profile's value for all layers wins over them. */
static void drop_layers(struct ocl_profile *p, size_t key) {
    size_t kept = 0;
    for (size_t i = 0; i < p->layer_count; i++)
        if (p->layers[i].key == key)
            free(p->layers[i].layer);
        else
            p->layers[kept++] = p->layers[i];
    p->layer_count = kept;
}

/* Overrides values by those of a file, and adds the file's quirks. */
static enum cln_status apply(struct ocl_profile *p, const struct ocl_profile_file *file,
                             const struct ocl_device *device) {
    p->narrowest = file;
    for (size_t i = 0; i < p->params.key_count; i++)
        if (file->all.values[i] != OCL_PROFILE_UNSET) {
            p->values[i] = file->all.values[i];
            p->origins[i] = file->all.origins[i];
            drop_layers(p, i);
        }
    for (size_t n = 0; n < file->layer_count; n++)
        for (size_t i = 0; i < p->params.key_count; i++) {
            const struct ocl_profile_values *layer = &file->layers[n];
            if (layer->values[i] == OCL_PROFILE_UNSET)
                continue;
            const enum cln_status status = put_layer(p, layer->layer, i, layer->values[i], layer->origins[i]);
            if (status != CLN_OK)
                return status;
        }
    for (size_t i = 0; i < file->quirk_count; i++) {
        const struct ocl_profile_file_quirk *q = &file->quirks[i];
        if (!ocl_profile_quirk_applies(q, device->driver_version))
            continue;
        struct ocl_profile_quirk *grown = realloc(p->quirks, (p->quirk_count + 1) * sizeof *grown);
        if (!grown)
            return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a profile");
        p->quirks = grown;
        p->quirks[p->quirk_count++] = (struct ocl_profile_quirk){
            .operation = q->operation, .reason = q->reason, .link = q->link, .origin = q->origin};
    }
    return CLN_OK;
}

/* Applies the matching profiles from the widest to the narrowest, so that the narrowest wins. Files are in the order of
 * their tiers, and equal scores keep that order. The profile that the user asked for comes last. */
static enum cln_status merge(struct ocl_profile *p, const struct ocl_device *device) {
    const struct ocl_profile_file *asked = NULL;
    enum cln_status status = p->params.file ? find_asked(&asked, p) : CLN_OK;
    for (int score = 0; score <= OCL_PROFILE_MAX_SCORE; score++)
        for (int tier = TIER_SHIPPED; tier <= TIER_USER; tier++)
            for (size_t i = 0; i < p->file_count && status == CLN_OK; i++)
                if (&p->files[i] != asked && p->files[i].tier == tier &&
                    ocl_profile_file_score(&p->files[i], device) == score)
                    status = apply(p, &p->files[i], device);
    return asked && status == CLN_OK ? apply(p, asked, device) : status;
}

enum cln_status ocl_profile_load_from(struct ocl_profile **out, const struct ocl_device *device,
                                      const struct ocl_profile_params *params,
                                      const struct ocl_profile_folders *folders) {
    *out = NULL;
    struct ocl_profile *p = calloc(1, sizeof *p);
    if (!p)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a profile");
    p->params = *params;
    p->values = calloc(params->key_count + 1, sizeof *p->values);
    p->origins = calloc(params->key_count + 1, sizeof *p->origins);
    enum cln_status status = CLN_OK;
    if (!p->values || !p->origins)
        status = cln_fail(CLN_OUT_OF_MEMORY, "host memory for a profile");
    for (size_t i = 0; status == CLN_OK && i < params->key_count; i++) {
        p->values[i] = params->keys[i].value;
        p->origins[i] = built_in;
    }
    if (status == CLN_OK)
        status = add_tiers(p, folders);
    if (status == CLN_OK)
        status = merge(p, device);
    if (status != CLN_OK)
        ocl_profile_destroy(&p);
    *out = p;
    return status;
}

bool ocl_profile_user_folder(char *out, size_t bytes) {
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (config && config[0] == '/')
        return snprintf(out, bytes, "%s/clenet/devices", config) < (int)bytes;
    return home && home[0] && snprintf(out, bytes, "%s/.config/clenet/devices", home) < (int)bytes;
}

/* Finds the folders of profiles. `user` is memory for the path of the user's. */
static struct ocl_profile_folders find_folders(char *user, size_t bytes) {
    const bool has_home = ocl_profile_user_folder(user, bytes);
    return (struct ocl_profile_folders){
        .installed = CLN_DATA_FOLDER "/devices", .site = CLN_SITE_FOLDER "/devices", .user = has_home ? user : NULL};
}

enum cln_status ocl_profile_load(struct ocl_profile **out, const struct ocl_device *device,
                                 const struct ocl_profile_params *params) {
    char user[4096];
    const struct ocl_profile_folders folders = find_folders(user, sizeof user);
    return ocl_profile_load_from(out, device, params, &folders);
}

void ocl_profile_each_file(void (*tell)(void *user, const char *path), void *user) {
    char home[4096], path[4096];
    const struct ocl_profile_folders folders = find_folders(home, sizeof home);
    const char *const all[] = {folders.installed, folders.site, folders.user};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        DIR *folder = all[i] ? opendir(all[i]) : NULL;
        for (struct dirent *entry; folder && (entry = readdir(folder)) != NULL;)
            if (is_profile(entry) && snprintf(path, sizeof path, "%s/%s", all[i], entry->d_name) < (int)sizeof path)
                tell(user, path);
        if (folder)
            closedir(folder);
    }
}

void ocl_profile_destroy(struct ocl_profile **profile) {
    struct ocl_profile *p = *profile;
    if (!p)
        return;
    *profile = NULL;
    for (size_t i = 0; i < p->file_count; i++)
        ocl_profile_file_clear(&p->files[i]);
    free(p->files);
    free(p->values);
    free(p->origins);
    for (size_t i = 0; i < p->layer_count; i++)
        free(p->layers[i].layer);
    free(p->layers);
    free(p->quirks);
    free(p);
}

static size_t find_value(const struct ocl_profile *profile, const char *key) {
    size_t i = 0;
    while (i < profile->params.key_count && strcmp(profile->params.keys[i].name, key) != 0)
        i++;
    assert(i < profile->params.key_count);
    return i;
}

long ocl_profile_value(const struct ocl_profile *profile, const char *key) {
    return profile->values[find_value(profile, key)];
}

static enum cln_status check_value(const struct ocl_profile_key *k, long value) {
    if (value >= k->min && value <= k->max)
        return CLN_OK;
    return cln_fail(CLN_INVALID, "%s: %ld: has to be an integer from %ld to %ld (%s%s%s)", k->name, value, k->min,
                    k->max, k->meaning, k->zero ? "; 0: " : "", k->zero ? k->zero : "");
}

enum cln_status ocl_profile_set(struct ocl_profile *profile, const char *key, long value) {
    size_t i = find_value(profile, key);
    const enum cln_status status = check_value(&profile->params.keys[i], value);
    if (status != CLN_OK)
        return status;
    profile->values[i] = value;
    profile->origins[i] = set;
    return CLN_OK;
}

const struct ocl_profile_layer_value *ocl_profile_layers(const struct ocl_profile *profile, size_t *count) {
    *count = profile->layer_count;
    return profile->layers;
}

enum cln_status ocl_profile_set_layer(struct ocl_profile *profile, const char *layer, const char *key, long value) {
    const struct ocl_profile_params *params = &profile->params;
    size_t i = find_value(profile, key);
    if (!params->is_layer || !params->is_layer(layer))
        return cln_fail(CLN_INVALID, "%s: is no layer; an example of one is \"%s\"", layer,
                        params->layer_example ? params->layer_example : "");
    if (!params->keys[i].per_layer)
        return cln_fail(CLN_INVALID, "%s: %s: is no value of a layer", layer, key);
    const enum cln_status status = check_value(&params->keys[i], value);
    return status == CLN_OK ? put_layer(profile, layer, i, value, set) : status;
}

const char *ocl_profile_name(const struct ocl_profile *profile) {
    return profile->narrowest ? profile->narrowest->name : built_in;
}

const char *ocl_profile_measured(const struct ocl_profile *profile) {
    return profile->narrowest ? profile->narrowest->measured : NULL;
}

const char *ocl_profile_note(const struct ocl_profile *profile) {
    return profile->narrowest ? profile->narrowest->note : NULL;
}

const char *ocl_profile_origin(const struct ocl_profile *profile, const char *key) {
    return profile->origins[find_value(profile, key)];
}

const struct ocl_profile_quirk *ocl_profile_quirks(const struct ocl_profile *profile, size_t *count) {
    *count = profile->quirk_count;
    return profile->quirks;
}
