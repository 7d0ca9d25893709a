/* Handing messages to an SMTP server, by libcurl. */
#include "mail/mail_inside.h"

#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "base/clock.h"
#include "base/log.h"

#define CONNECT_SECONDS 5L
#define TOTAL_SECONDS 20L
/* After a server could not be reached, the next messages fail at once for so long: the lane that sends them has other work. */
#define REST_US (5 * INT64_C(1000000))

struct smtp {
    CURL *curl; /* keeps the connection; one thread at a time (the caller holds the lock) */
    int64_t rest_until_us;
};

struct upload {
    const char *at;
    size_t left;
};

static size_t read_upload(char *out, size_t size, size_t count, void *closure)
{
    struct upload *upload = closure;
    size_t n = MIN(upload->left, size * count);

    memcpy(out, upload->at, n);
    upload->at += n;
    upload->left -= n;
    return n;
}

static size_t drop(char *data, size_t size, size_t count, void *closure)
{
    return size * count;
}

struct smtp *smtp_open(const char *url, struct buf *error)
{
    struct smtp *smtp;
    bool has_login = strchr(url, '@') != NULL;

    if (strncmp(url, "smtp://", 7) != 0 && strncmp(url, "smtps://", 8) != 0) {
        buf_str(error, "USHER_SMTP_URL must begin with smtp:// or smtps://.");
        return NULL;
    }
    smtp = calloc(1, sizeof *smtp);
    if (!smtp || curl_global_init(CURL_GLOBAL_DEFAULT) || !(smtp->curl = curl_easy_init()))
        log_die("Out of memory.");
    curl_easy_setopt(smtp->curl, CURLOPT_URL, url);
    curl_easy_setopt(smtp->curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(smtp->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(smtp->curl, CURLOPT_PROXY, "");
    curl_easy_setopt(smtp->curl, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
    curl_easy_setopt(smtp->curl, CURLOPT_TIMEOUT, TOTAL_SECONDS);
    curl_easy_setopt(smtp->curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, TOTAL_SECONDS);
    curl_easy_setopt(smtp->curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(smtp->curl, CURLOPT_READFUNCTION, read_upload);
    curl_easy_setopt(smtp->curl, CURLOPT_WRITEFUNCTION, drop);
    /* A password only goes over TLS whose certificate was checked. Without one, encryption is taken where it is offered (RFC 7435):
     * a local relay's self-made certificate is still better than none. */
    curl_easy_setopt(smtp->curl, CURLOPT_USE_SSL, has_login ? (long)CURLUSESSL_ALL : (long)CURLUSESSL_TRY);
    if (!has_login && strncmp(url, "smtp://", 7) == 0) {
        curl_easy_setopt(smtp->curl, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(smtp->curl, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    return smtp;
}

void smtp_close(struct smtp *smtp)
{
    if (!smtp)
        return;
    curl_easy_cleanup(smtp->curl);
    curl_global_cleanup();
    free(smtp);
}

enum err smtp_send(struct smtp *smtp, const char *from, const char *to, struct bytes message)
{
    struct upload upload = { message.data, message.len };
    struct curl_slist *rcpt = NULL;
    char address[260];
    CURLcode code;
    long answer = 0;

    /* libcurl 7.88.1 sends what it is given: a line break in an address would be a command of its own. */
    if (!mail_address_good(from) || !mail_address_good(to))
        return ERR_INVALID;
    if (clock_mono_us() < smtp->rest_until_us)
        return ERR_UPSTREAM;
    rcpt = curl_slist_append(NULL, to);
    snprintf(address, sizeof address, "<%s>", from);
    curl_easy_setopt(smtp->curl, CURLOPT_MAIL_FROM, address);
    curl_easy_setopt(smtp->curl, CURLOPT_MAIL_RCPT, rcpt);
    curl_easy_setopt(smtp->curl, CURLOPT_READDATA, &upload);
    curl_easy_setopt(smtp->curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)message.len);
    code = curl_easy_perform(smtp->curl);
    curl_easy_getinfo(smtp->curl, CURLINFO_RESPONSE_CODE, &answer);
    curl_easy_setopt(smtp->curl, CURLOPT_MAIL_RCPT, NULL);
    curl_easy_setopt(smtp->curl, CURLOPT_READDATA, NULL);
    curl_slist_free_all(rcpt);
    if (!code)
        return ERR_OK;
    if (answer == 0)
        smtp->rest_until_us = clock_mono_us() + REST_US;
    log_warn("A mail was not taken by the SMTP server: %s (answer %ld).", curl_easy_strerror(code), answer);
    return ERR_UPSTREAM;
}
