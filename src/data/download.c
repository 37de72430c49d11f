/* Downloads with libcurl: written aside, measured, digested, then renamed. */
#include "src/data/download.h"

#include <curl/curl.h>
#include <nettle/base16.h>
#include <nettle/sha2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clenet/log.h"
#include "src/base/file.h"
#include "src/base/replace.h"

enum { FILE_LIMIT = 1 << 30, PATH_BYTES = 4096, URL_BYTES = 2048 };

/* What arrives goes to the file and into the digest. */
struct sink {
    FILE *file;
    struct sha256_ctx sha256;
    size_t bytes;
};

static size_t take(char *bytes, size_t size, size_t count, void *user) {
    struct sink *sink = user;
    count *= size;
    if (count > FILE_LIMIT - sink->bytes)
        return 0; /* has curl give up */
    sink->bytes += count;
    sha256_update(&sink->sha256, count, (const uint8_t *)bytes);
    return fwrite(bytes, 1, count, sink->file);
}

static enum cln_status transfer(CURL *curl, const char *url, struct sink *sink) {
    char reason[CURL_ERROR_SIZE] = "";
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, sink);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 15L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1000L); /* bytes per second, over … */
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 30L);    /* … seconds */
    CURLcode code = curl_easy_perform(curl);
    if (code != CURLE_OK)
        return cln_fail(CLN_IO, "%s", reason[0] ? reason : curl_easy_strerror(code));
    return CLN_OK;
}

static enum cln_status check_digest(struct sink *sink, const char *expected) {
    uint8_t digest[SHA256_DIGEST_SIZE];
    char text[BASE16_ENCODE_LENGTH(SHA256_DIGEST_SIZE) + 1] = "";
    sha256_digest(&sink->sha256, sizeof(digest), digest);
    base16_encode_update(text, sizeof(digest), digest);
    if (strcmp(text, expected) != 0)
        return cln_fail(CLN_IO, "%zu bytes with SHA-256 %s instead of %s", sink->bytes, text, expected);
    return CLN_OK;
}

/* From one mirror: `path` exists afterwards if and only if this succeeds. */
static enum cln_status fetch(const char *url, const char *path, const char *sha256) {
    struct cln_replacement file = {0};
    enum cln_status status = cln_replace_begin(&file, path);
    struct sink sink = {.file = file.stream};
    sha256_init(&sink.sha256);
    CURL *curl = status == CLN_OK ? curl_easy_init() : NULL;
    if (status == CLN_OK && !curl)
        status = cln_fail(CLN_OUT_OF_MEMORY, "no memory to download");
    if (status == CLN_OK)
        status = transfer(curl, url, &sink);
    if (status == CLN_OK)
        status = check_digest(&sink, sha256);
    if (status == CLN_OK)
        status = cln_replace_commit(&file);
    cln_replace_end(&file);
    curl_easy_cleanup(curl);
    return status;
}

/* Tries every mirror; the message of a failure holds them all. */
static enum cln_status fetch_any(const char *path, const struct cln_download_file *file, const char *mirrors) {
    char reasons[4096] = "";
    for (;;) {
        mirrors += strspn(mirrors, " \t\n");
        size_t length = strcspn(mirrors, " \t\n");
        if (length == 0)
            return cln_fail(CLN_IO, "downloading %s: %s", file->name, reasons[0] ? reasons : "no mirror given");
        char url[URL_BYTES];
        snprintf(url, sizeof(url), "%.*s%s%s", (int)length, mirrors, mirrors[length - 1] == '/' ? "" : "/", file->name);
        mirrors += length;
        cln_log(CLN_LOG_INFO, "downloading %s", url);
        if (fetch(url, path, file->sha256) == CLN_OK)
            return CLN_OK;
        size_t used = strlen(reasons);
        snprintf(reasons + used, sizeof(reasons) - used, "%s%s: %s", used ? "; " : "", url, cln_error_message());
    }
}

enum cln_status cln_download(const char *folder, const struct cln_download_file *files, size_t count,
                             const char *mirrors) {
    enum cln_status status = cln_folder_make(folder, CLN_FOLDER_PRIVATE);
    for (size_t i = 0; status == CLN_OK && i < count; i++) {
        char path[PATH_BYTES];
        if (snprintf(path, sizeof(path), "%s/%s", folder, files[i].name) >= (int)sizeof(path))
            return cln_fail(CLN_INVALID, "%s: the name is too long", folder);
        if (access(path, F_OK) != 0)
            status = fetch_any(path, &files[i], mirrors);
    }
    return status;
}
