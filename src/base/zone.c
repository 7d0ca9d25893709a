/*
 * Reads TZif, versions 1 to 4 (RFC 8536 and its successor RFC 9636). A file is
 * a version 1 block with 32-bit times, and, from version 2 on, a block with
 * 64-bit times and a footer: the POSIX rule for all that comes after.
 */
#include "base/zone.h"

#include <assert.h>
#include <ctype.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ZONE_DIR "/usr/share/zoneinfo/"
#define NAME_BYTES_MAX 64
#define FILE_BYTES_MAX (64u << 10) /* the largest in tzdata, in its fat form, is under 4 KiB */
#define HEADER_BYTES 44
#define ABBREVIATION_MAX 16

/* When a rule of the footer begins: on a date, `time` seconds after that midnight (-167 h to 167 h). */
struct rule_date {
    enum { JULIAN_NO_LEAP, JULIAN, MONTH_WEEK_DAY } kind;
    int month, week, day;
    int32_t time;
};

struct rule {
    bool present, has_dst;
    char std[ABBREVIATION_MAX], dst[ABBREVIATION_MAX];
    int32_t std_offset, dst_offset; /* seconds east */
    struct rule_date start, end;    /* of dst */
};

struct local_type {
    int32_t offset;
    const char *abbreviation; /* in the zone's own text */
};

/* Set by zone_read, constant from then on: any thread reads freely. */
struct zone {
    struct zone *next; /* in its bucket */
    char *name;
    size_t transition_count;
    int64_t *transitions; /* seconds, rising */
    uint8_t *types;       /* of the time from that transition on */
    size_t type_count;
    struct local_type *local;
    char *abbreviations;
    struct rule rule;
};

/* Guarded by lock. Zones are only ever added, and no more than tzdata has files. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct zone *buckets[256];

/* ---- the footer's rule (RFC 8536, 3.3; POSIX.1, 8.3) ---- */

static bool read_name(const char **at, char out[ABBREVIATION_MAX])
{
    bool quoted = **at == '<';
    size_t len = 0;

    *at += quoted;
    while (quoted ? isalnum((unsigned char)**at) || **at == '+' || **at == '-' : isalpha((unsigned char)**at)) {
        if (len + 1 == ABBREVIATION_MAX)
            return false;
        out[len++] = *(*at)++;
    }
    out[len] = '\0';
    if (quoted && *(*at)++ != '>')
        return false;
    return len >= 3;
}

static bool read_number(const char **at, int most, int *out)
{
    int value = 0;

    if (!isdigit((unsigned char)**at))
        return false;
    for (; isdigit((unsigned char)**at); (*at)++) {
        value = value * 10 + (**at - '0');
        if (value > most)
            return false;
    }
    *out = value;
    return true;
}

/* [+-]hh[:mm[:ss]] as seconds. */
static bool read_seconds(const char **at, int32_t *out)
{
    int sign = 1, hours, minutes = 0, seconds = 0;

    if (**at == '+' || **at == '-')
        sign = *(*at)++ == '-' ? -1 : 1;
    if (!read_number(at, 167, &hours))
        return false;
    if (**at == ':') {
        ++*at;
        if (!read_number(at, 59, &minutes))
            return false;
        if (**at == ':') {
            ++*at;
            if (!read_number(at, 59, &seconds))
                return false;
        }
    }
    *out = sign * (hours * 3600 + minutes * 60 + seconds);
    return true;
}

static bool read_date(const char **at, struct rule_date *out)
{
    out->time = 2 * 3600;
    if (**at == 'M') {
        ++*at;
        out->kind = MONTH_WEEK_DAY;
        if (!read_number(at, 12, &out->month) || !out->month || *(*at)++ != '.' || !read_number(at, 5, &out->week) || !out->week ||
            *(*at)++ != '.' || !read_number(at, 6, &out->day))
            return false;
    } else if (**at == 'J') {
        ++*at;
        out->kind = JULIAN_NO_LEAP;
        if (!read_number(at, 365, &out->day) || !out->day)
            return false;
    } else {
        out->kind = JULIAN;
        if (!read_number(at, 365, &out->day))
            return false;
    }
    if (**at == '/') {
        ++*at;
        return read_seconds(at, &out->time);
    }
    return true;
}

/* "CET-1CEST,M3.5.0,M10.5.0/3"; offsets count westwards there. An empty text is no rule. */
static bool read_rule(const char *text, struct rule *out)
{
    const char *at = text;

    if (!*at)
        return true;
    if (!read_name(&at, out->std) || !read_seconds(&at, &out->std_offset))
        return false;
    out->std_offset = -out->std_offset;
    if (*at) {
        if (!read_name(&at, out->dst))
            return false;
        out->dst_offset = out->std_offset + 3600;
        if (*at != ',') {
            if (!read_seconds(&at, &out->dst_offset))
                return false;
            out->dst_offset = -out->dst_offset;
        }
        if (*at++ != ',' || !read_date(&at, &out->start) || *at++ != ',' || !read_date(&at, &out->end) || *at)
            return false;
        out->has_dst = true;
    }
    out->present = true;
    return true;
}

static int64_t day_seconds(int year, int month, int day)
{
    return clock_from_civil(&(struct civil){ .year = year, .month = month, .day = day }) / 1000;
}

/* The instant, in seconds and as if local time were UTC, at which a rule begins in that year. */
static int64_t date_in_year(const struct rule_date *date, int year)
{
    int64_t first, next, at;
    int weekday;

    switch (date->kind) {
    case JULIAN_NO_LEAP: {
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

        return day_seconds(year, 1, 1) + (date->day - 1 + (leap && date->day >= 60)) * INT64_C(86400) + date->time;
    }
    case JULIAN:
        return day_seconds(year, 1, 1) + date->day * INT64_C(86400) + date->time;
    case MONTH_WEEK_DAY:
        break;
    }
    first = day_seconds(year, date->month, 1);
    next = date->month == 12 ? day_seconds(year + 1, 1, 1) : day_seconds(year, date->month + 1, 1);
    weekday = clock_civil(first * 1000).weekday;
    at = first + ((date->day - weekday + 7) % 7 + (date->week - 1) * 7) * INT64_C(86400);
    if (at >= next) /* week 5 is the last one, whichever that is */
        at -= 7 * INT64_C(86400);
    return at + date->time;
}

static int rule_offset(const struct rule *rule, int64_t at, const char **abbreviation)
{
    int year = clock_civil((at + rule->std_offset) * 1000).year;
    bool dst = false;

    if (rule->has_dst) {
        int64_t start = date_in_year(&rule->start, year) - rule->std_offset;
        int64_t end = date_in_year(&rule->end, year) - rule->dst_offset;

        /* South of the equator, and in Ireland, where winter is the exception, it lasts over the new year. */
        dst = start < end ? at >= start && at < end : at >= start || at < end;
    }
    if (abbreviation)
        *abbreviation = dst ? rule->dst : rule->std;
    return dst ? rule->dst_offset : rule->std_offset;
}

/* ---- the file ---- */

struct counts {
    uint32_t isut, isstd, leap, time, type, chars;
};

static uint32_t big32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t big64(const uint8_t *p)
{
    return (int64_t)((uint64_t)big32(p) << 32 | big32(p + 4));
}

/* False unless a header stands at `at`. Counts are bounded, so that sums of them cannot overflow. */
static bool read_header(const uint8_t *data, size_t len, size_t at, char *version, struct counts *out)
{
    const uint8_t *p = data + at;

    if (len - at < HEADER_BYTES || memcmp(p, "TZif", 4) != 0)
        return false;
    *version = (char)p[4];
    *out = (struct counts){ big32(p + 20), big32(p + 24), big32(p + 28), big32(p + 32), big32(p + 36), big32(p + 40) };
    return out->isut < FILE_BYTES_MAX && out->isstd < FILE_BYTES_MAX && out->leap < FILE_BYTES_MAX && out->time < FILE_BYTES_MAX &&
           out->type >= 1 && out->type <= 256 && out->chars >= 1 && out->chars < FILE_BYTES_MAX;
}

static size_t block_bytes(const struct counts *n, size_t time_bytes)
{
    return n->time * time_bytes + n->time + n->type * 6u + n->chars + n->leap * (time_bytes + 4) + n->isstd + n->isut;
}

static void *take_memory(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);

    if (!memory)
        abort();
    return memory;
}

/* `p` holds block_bytes() of data. */
static bool read_block(struct zone *zone, const uint8_t *p, const struct counts *n, size_t time_bytes)
{
    const uint8_t *types = p + n->time * time_bytes, *local = types + n->time, *chars = local + n->type * 6u;

    zone->transition_count = n->time;
    zone->transitions = take_memory(n->time, sizeof *zone->transitions);
    zone->types = take_memory(n->time, 1);
    zone->type_count = n->type;
    zone->local = take_memory(n->type, sizeof *zone->local);
    zone->abbreviations = take_memory(n->chars + 1, 1);
    memcpy(zone->abbreviations, chars, n->chars);
    for (size_t i = 0; i < n->time; i++) {
        zone->transitions[i] = time_bytes == 8 ? big64(p + i * 8) : (int32_t)big32(p + i * 4);
        zone->types[i] = types[i];
        if (types[i] >= n->type || (i && zone->transitions[i] <= zone->transitions[i - 1]))
            return false;
    }
    for (size_t i = 0; i < n->type; i++) {
        if (local[i * 6 + 5] >= n->chars)
            return false;
        zone->local[i] = (struct local_type){ (int32_t)big32(local + i * 6), zone->abbreviations + local[i * 6 + 5] };
        if (zone->local[i].offset < -100000 || zone->local[i].offset > 100000) /* RFC 8536, 3.2: about a day */
            return false;
    }
    return true;
}

static bool read_footer(struct zone *zone, const uint8_t *p, size_t len)
{
    const uint8_t *end;
    char text[128];

    if (!len || p[0] != '\n')
        return false;
    end = memchr(p + 1, '\n', len - 1);
    if (!end || (size_t)(end - p) > sizeof text)
        return false;
    memcpy(text, p + 1, (size_t)(end - p - 1));
    text[end - p - 1] = '\0';
    return read_rule(text, &zone->rule);
}

static bool read_tzif(struct zone *zone, const uint8_t *data, size_t len)
{
    struct counts n;
    size_t at = HEADER_BYTES;
    char version;

    if (!read_header(data, len, 0, &version, &n) || len - at < block_bytes(&n, 4))
        return false;
    if (version < '2')
        return read_block(zone, data + at, &n, 4);
    at += block_bytes(&n, 4);
    if (!read_header(data, len, at, &version, &n))
        return false;
    at += HEADER_BYTES;
    if (len - at < block_bytes(&n, 8) || !read_block(zone, data + at, &n, 8))
        return false;
    at += block_bytes(&n, 8);
    return read_footer(zone, data + at, len - at);
}

static void zone_free(struct zone *zone)
{
    free(zone->transitions);
    free(zone->types);
    free(zone->local);
    free(zone->abbreviations);
    free(zone->name);
    free(zone);
}

static struct zone *zone_read(const char *name)
{
    char path[sizeof ZONE_DIR + NAME_BYTES_MAX];
    uint8_t *data = NULL;
    struct zone *zone = NULL;
    size_t len = 0;
    ssize_t n;
    int fd;

    strcpy(path, ZONE_DIR);
    strcat(path, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    data = take_memory(FILE_BYTES_MAX, 1);
    while (len < FILE_BYTES_MAX && (n = read(fd, data + len, FILE_BYTES_MAX - len)) > 0)
        len += (size_t)n;
    close(fd);
    zone = take_memory(1, sizeof *zone);
    zone->name = strdup(name);
    if (!zone->name)
        abort();
    if (!read_tzif(zone, data, len)) {
        zone_free(zone);
        zone = NULL;
    }
    free(data);
    return zone;
}

/* ---- public ---- */

/* Names of IANA's database: "right/" counts leap seconds, "posix/" and the two others are this machine's. */
static bool is_name(const char *name)
{
    size_t len = strlen(name);

    if (!len || len > NAME_BYTES_MAX || name[0] == '/' || name[len - 1] == '/' || strstr(name, "//"))
        return false;
    for (const char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("_+-/", *c))
            return false;
    return strncmp(name, "right/", 6) != 0 && strncmp(name, "posix/", 6) != 0 && strcmp(name, "localtime") != 0 &&
           strcmp(name, "posixrules") != 0;
}

static unsigned bucket_of(const char *name)
{
    unsigned hash = 5381;

    for (; *name; name++)
        hash = hash * 33 + (unsigned char)*name;
    return hash % COUNT(buckets);
}

static struct zone *find_locked(const char *name, unsigned bucket)
{
    struct zone *zone = buckets[bucket];

    while (zone && strcmp(zone->name, name) != 0)
        zone = zone->next;
    return zone;
}

const struct zone *zone_find(const char *name)
{
    struct zone *zone, *read;
    unsigned bucket;

    if (!is_name(name))
        return NULL;
    bucket = bucket_of(name);
    pthread_mutex_lock(&lock);
    zone = find_locked(name, bucket);
    pthread_mutex_unlock(&lock);
    if (zone)
        return zone;
    read = zone_read(name);
    if (!read)
        return NULL;
    pthread_mutex_lock(&lock);
    zone = find_locked(name, bucket);
    if (!zone) {
        zone = read;
        zone->next = buckets[bucket];
        buckets[bucket] = zone;
        read = NULL;
    }
    pthread_mutex_unlock(&lock);
    if (read) /* another thread was faster */
        zone_free(read);
    return zone;
}

int zone_offset(const struct zone *zone, int64_t at_ms, const char **abbreviation)
{
    int64_t at = at_ms / 1000 - (at_ms % 1000 < 0);
    size_t low = 0, high = zone->transition_count;
    const struct local_type *type;

    /* The number of transitions that are not after `at`. */
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (zone->transitions[middle] <= at)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == zone->transition_count && zone->rule.present)
        return rule_offset(&zone->rule, at, abbreviation);
    /* Before the first transition type 0 holds (RFC 8536, 3.2). */
    type = &zone->local[low ? zone->types[low - 1] : 0];
    if (abbreviation)
        *abbreviation = type->abbreviation;
    return type->offset;
}

struct civil zone_civil(const struct zone *zone, int64_t at_ms)
{
    return clock_civil(at_ms + zone_offset(zone, at_ms, NULL) * INT64_C(1000));
}

const char *zone_name(const struct zone *zone)
{
    return zone->name;
}
