/* shape_value.c - the scalar types of fields: what each accepts, and the sentence when it does not. */
#include "http/shape_value.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <utf8proc.h>

#include "base/clock.h"
#include "base/zone.h"
#include "http/text.h"

/* ISO 4217, the codes in circulation (without funds, metals and test codes). */
static const char currencies[] =
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK "
    "DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD "
    "KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON "
    "RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST "
    "XAF XCD XCG XOF XPF YER ZAR ZMW ZWG ";

struct complaint complain(struct arena *arena, const char *code, const char *format, ...)
{
    char text[256];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return (struct complaint){ code, arena_strdup(arena, text) };
}

struct raw_value raw_of_json(struct json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_STRING:
        return (struct raw_value){ .kind = RAW_TEXT, .text = json_string_value(value), .len = json_string_length(value) };
    case JSON_INTEGER:
        return (struct raw_value){ .kind = RAW_INT, .number = json_integer_value(value) };
    case JSON_TRUE:
    case JSON_FALSE:
        return (struct raw_value){ .kind = RAW_BOOL, .number = json_is_true(value) };
    default:
        return (struct raw_value){ .kind = RAW_OTHER };
    }
}

/* ---- text ---- */

static bool is_blank_point(utf8proc_int32_t point)
{
    utf8proc_category_t category;

    if (point < 0x80)
        return point == ' ';
    category = utf8proc_category(point);
    return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL || category == UTF8PROC_CATEGORY_ZP;
}

/* Code points, or -1 when one of them is a control character that this kind of text does not take. */
static int64_t count_points(const char *text, size_t len, bool lines)
{
    const utf8proc_uint8_t *at = (const utf8proc_uint8_t *)text, *end = at + len;
    int64_t count = 0;

    for (; at < end; count++) {
        utf8proc_int32_t point = *at;

        if (point < 0x80)
            at++;
        else
            at += utf8proc_iterate(at, end - at, &point);
        if ((point < 0x20 && !(lines && (point == '\n' || point == '\t'))) || (point >= 0x7F && point < 0xA0))
            return -1;
    }
    return count;
}

static bool is_ascii(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] & 0x80)
            return false;
    return true;
}

/* Composed (NFC), so that what looks the same is stored and found as the same. */
static char *composed(struct arena *arena, const char *text, size_t *len)
{
    utf8proc_uint8_t *out = NULL;
    utf8proc_ssize_t n;
    char *copy;

    if (is_ascii(text, *len))
        return arena_copy(arena, text, *len);
    n = utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)*len, &out, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    if (n < 0)
        return NULL;
    copy = arena_copy(arena, out, (size_t)n);
    free(out);
    *len = (size_t)n;
    return copy;
}

static void trim(const char **text, size_t *len)
{
    const utf8proc_uint8_t *at = (const utf8proc_uint8_t *)*text, *end = at + *len;

    while (at < end) {
        utf8proc_int32_t point;
        utf8proc_ssize_t n = utf8proc_iterate(at, end - at, &point);

        if (n <= 0 || !is_blank_point(point))
            break;
        at += n;
    }
    while (end > at) {
        const utf8proc_uint8_t *last = end - 1;
        utf8proc_int32_t point;

        while (last > at && (*last & 0xC0) == 0x80)
            last--;
        if (utf8proc_iterate(last, end - last, &point) <= 0 || !is_blank_point(point))
            break;
        end = last;
    }
    *text = (const char *)at;
    *len = (size_t)(end - at);
}

static bool read_text(struct arena *arena, const struct field *field, const char *text, size_t len, bool lines, const char **out, struct complaint *why)
{
    char *copy;
    int64_t points;
    bool had_some = len > 0;

    if (!text_is_utf8(text, len)) {
        *why = (struct complaint){ "format", "The text is not UTF-8." };
        return false;
    }
    if (!lines)
        trim(&text, &len);
    copy = composed(arena, text, &len);
    points = copy ? count_points(copy, len, lines) : -1;
    if (points < 0) {
        *why = (struct complaint){ "control", lines ? "Control characters other than line ends and tabs are not allowed." : "Control characters are not allowed." };
        return false;
    }
    if (!lines && !len && had_some) {
        *why = (struct complaint){ "blank", "It holds nothing but blanks." };
        return false;
    }
    if (points < field->min) {
        *why = complain(arena, "too-short", "At least %" PRId64 " characters needed.", field->min);
        return false;
    }
    if (points > field->max) {
        *why = complain(arena, "too-long", "At most %" PRId64 " characters allowed.", field->max);
        return false;
    }
    *out = copy;
    return true;
}

/* A plain addr-spec of RFC 5322 without quoting and comments: what every mail system takes. */
static bool is_email(const char *text, size_t len)
{
    static const char atom[] = "!#$%&'*+/=?^_`{|}~-.";
    const char *at = memrchr(text, '@', len);
    const char *end = text + len;
    char before = '.';

    if (!at || len < 3 || len > 254 || at == text || at - text > 64 || at + 1 == end)
        return false;
    for (const char *p = text; p < at; before = *p++) {
        bool letter = (*p >= '0' && *p <= '9') || ((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z' && !(*p & 0x80));

        if (!letter && (!*p || !strchr(atom, *p) || (*p == '.' && before == '.')))
            return false;
    }
    if (before == '.')
        return false;
    before = '.';
    for (const char *p = at + 1; p < end; before = *p++) {
        bool letter = (*p >= '0' && *p <= '9') || ((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z' && !(*p & 0x80));

        if (!letter && !(*p == '-' && before != '.') && !(*p == '.' && before != '.' && before != '-'))
            return false;
    }
    return before != '.' && before != '-';
}

static bool is_slug(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!(text[i] >= 'a' && text[i] <= 'z') && !(text[i] >= '0' && text[i] <= '9') && text[i] != '-')
            return false;
    return len > 0;
}

static bool is_upper(const char *text, size_t len, size_t want)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] < 'A' || text[i] > 'Z')
            return false;
    return len == want;
}

static bool is_currency(const char *text, size_t len)
{
    if (!is_upper(text, len, 3))
        return false;
    for (const char *code = currencies; *code; code += 4)
        if (!memcmp(code, text, 3))
            return true;
    return false;
}

static bool is_url(const char *text, size_t len)
{
    size_t scheme = len > 7 && !strncasecmp(text, "http://", 7) ? 7 : len > 8 && !strncasecmp(text, "https://", 8) ? 8 : 0;

    if (!scheme || strchr("/?#:@", text[scheme]))
        return false;
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] == 0x7F || strchr("\"<>\\^`{|}", text[i]))
            return false; /* a char is signed here: bytes over 0x7F are refused too, for they are to be escaped (RFC 3986, 2) */
    return true;
}

/* Types whose value is the text itself, copied as it is once it has passed its test. */
static bool read_token(struct arena *arena, const struct field *field, const char *text, size_t len, const char **out, struct complaint *why)
{
    bool good = false;

    switch (field->type) {
    case FIELD_EMAIL:
        good = is_email(text, len);
        *why = (struct complaint){ "format", "A plain e-mail address is expected." };
        break;
    case FIELD_SLUG:
        good = is_slug(text, len);
        *why = (struct complaint){ "format", "Lower-case letters, digits and dashes are expected." };
        if (good && (int64_t)len < field->min) {
            good = false;
            *why = complain(arena, "too-short", "At least %" PRId64 " characters needed.", field->min);
        } else if (good && (int64_t)len > field->max) {
            good = false;
            *why = complain(arena, "too-long", "At most %" PRId64 " characters allowed.", field->max);
        }
        break;
    case FIELD_CURRENCY:
        good = is_currency(text, len);
        *why = (struct complaint){ "format", "A currency code of ISO 4217 is expected, such as EUR." };
        break;
    case FIELD_COUNTRY:
        good = is_upper(text, len, 2);
        *why = (struct complaint){ "format", "A country code of ISO 3166 is expected, such as DE." };
        break;
    case FIELD_ZONE:
        good = !memchr(text, 0, len) && len <= 64 && zone_find(text);
        *why = (struct complaint){ "format", "An IANA time zone is expected, such as Europe/Berlin." };
        break;
    case FIELD_URL:
        good = is_url(text, len);
        *why = (struct complaint){ "format", "An address that begins with http:// or https:// is expected." };
        if (good && field->max && (int64_t)len > field->max) {
            good = false;
            *why = complain(arena, "too-long", "At most %" PRId64 " bytes allowed.", field->max);
        }
        break;
    default:
        break;
    }
    if (good)
        *out = arena_copy(arena, text, len);
    return good;
}

/* ---- numbers, times, words ---- */

/* Digits with an optional minus, as many as fit; the query's spelling of an integer. */
static bool read_digits(const char *text, size_t len, int64_t *out)
{
    bool minus = len > 0 && text[0] == '-';
    int64_t value = 0;

    if (len == minus)
        return false;
    for (size_t i = minus; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_sub_overflow(value, text[i] - '0', &value))
            return false;
    }
    return !__builtin_mul_overflow(value, minus ? 1 : -1, out);
}

static bool read_int(struct arena *arena, const struct field *field, const struct raw_value *raw, int64_t *out, struct complaint *why)
{
    int64_t value = raw->number;

    if (raw->from_query ? !read_digits(raw->text, raw->len, &value) : raw->kind != RAW_INT) {
        *why = (struct complaint){ "type", "A whole number is expected." };
        return false;
    }
    if (value < field->min || value > field->max) {
        *why = complain(arena, value < field->min ? "too-small" : "too-large", "From %" PRId64 " to %" PRId64 ".", field->min, field->max);
        return false;
    }
    *out = value;
    return true;
}

static bool read_bool(const struct raw_value *raw, bool *out, struct complaint *why)
{
    if (raw->from_query && raw->len == 4 && !memcmp(raw->text, "true", 4)) {
        *out = true;
    } else if (raw->from_query && raw->len == 5 && !memcmp(raw->text, "false", 5)) {
        *out = false;
    } else if (raw->kind == RAW_BOOL) {
        *out = raw->number;
    } else {
        *why = (struct complaint){ "type", "true or false is expected." };
        return false;
    }
    return true;
}

static bool read_word(struct arena *arena, const struct field *field, const struct raw_value *raw, int *out, struct complaint *why)
{
    struct buf words = buf_in(arena);

    for (int i = 0; field->words[i]; i++) {
        if (strlen(field->words[i]) == raw->len && !memcmp(field->words[i], raw->text, raw->len)) {
            *out = i;
            return true;
        }
        buf_printf(&words, "%s%s", i ? ", " : "", field->words[i]);
    }
    *why = complain(arena, "not-allowed", "One of: %s.", words.data ? words.data : "");
    return false;
}

bool value_read(struct arena *arena, const struct field *field, const struct raw_value *raw, void *out, struct complaint *why)
{
    int64_t at_ms;
    struct id id;

    if (field->type == FIELD_INT)
        return read_int(arena, field, raw, out, why);
    if (field->type == FIELD_BOOL)
        return read_bool(raw, out, why);
    if (raw->kind != RAW_TEXT) {
        *why = (struct complaint){ "type", "A text is expected." };
        return false;
    }
    switch (field->type) {
    case FIELD_TEXT:
    case FIELD_LINE:
        return read_text(arena, field, raw->text, raw->len, field->type == FIELD_TEXT, out, why);
    case FIELD_ENUM:
        return read_word(arena, field, raw, out, why);
    case FIELD_ID:
        *why = (struct complaint){ "format", "An id is expected: the text of a UUID." };
        if (!id_parse(raw->text, raw->len, &id))
            return false;
        *(struct id *)out = id;
        return true;
    case FIELD_TIME:
        *why = (struct complaint){ "format", "A time of RFC 3339 is expected, such as 2026-11-22T19:00:00Z." };
        if (!clock_parse(raw->text, raw->len, &at_ms) || at_ms <= 0)
            return false;
        *(int64_t *)out = at_ms;
        return true;
    case FIELD_EMAIL:
    case FIELD_SLUG:
    case FIELD_CURRENCY:
    case FIELD_COUNTRY:
    case FIELD_ZONE:
    case FIELD_URL:
        return read_token(arena, field, raw->text, raw->len, out, why);
    default:
        *why = (struct complaint){ "type", "A single value is expected." };
        return false;
    }
}
