/* image.c - see image.h. Each reader stays inside `len` and moves forward only. */
#include "events/image.h"

#include <string.h>

static uint32_t be16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t be32(const uint8_t *p)
{
    return be16(p) << 16 | be16(p + 2);
}

static uint32_t le16(const uint8_t *p)
{
    return (uint32_t)p[1] << 8 | p[0];
}

static uint32_t le24(const uint8_t *p)
{
    return (uint32_t)p[2] << 16 | le16(p);
}

static uint32_t le32(const uint8_t *p)
{
    return (uint32_t)p[3] << 24 | le24(p);
}

/* PNG (W3C, section 5.2): the signature, then IHDR with width and height. */
static struct image look_png(const uint8_t *p, size_t len)
{
    if (len < 24 || memcmp(p, "\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16) != 0)
        return (struct image){ IMAGE_NONE };
    return (struct image){ IMAGE_PNG, be32(p + 16), be32(p + 20) };
}

/* JPEG (T.81, annex B): markers with lengths up to a start of frame. */
static struct image look_jpeg(const uint8_t *p, size_t len)
{
    size_t at = 2;

    if (len < 4 || memcmp(p, "\xff\xd8\xff", 3) != 0)
        return (struct image){ IMAGE_NONE };
    while (at + 9 < len) {
        uint8_t marker;

        if (p[at] != 0xff)
            break;
        marker = p[at + 1];
        if (marker == 0xff) { /* fill */
            at++;
            continue;
        }
        /* C0..CF are frames but for DHT (C4), JPG (C8) and DAC (CC). */
        if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc)
            return (struct image){ IMAGE_JPEG, be16(p + at + 7), be16(p + at + 5) };
        if (marker == 0xd9 || marker == 0xda || (marker >= 0xd0 && marker <= 0xd7) || be16(p + at + 2) < 2)
            break;
        at += 2 + be16(p + at + 2);
    }
    return (struct image){ IMAGE_NONE };
}

/* WebP (RFC 9649): RIFF, then VP8 (lossy), VP8L (lossless) or VP8X (extended). */
static struct image look_webp(const uint8_t *p, size_t len)
{
    if (len < 30 || memcmp(p, "RIFF", 4) != 0 || memcmp(p + 8, "WEBP", 4) != 0 || le32(p + 4) > len - 8)
        return (struct image){ IMAGE_NONE };
    if (memcmp(p + 12, "VP8X", 4) == 0)
        return (struct image){ IMAGE_WEBP, le24(p + 24) + 1, le24(p + 27) + 1 };
    if (memcmp(p + 12, "VP8L", 4) == 0 && p[20] == 0x2f)
        return (struct image){ IMAGE_WEBP, (le32(p + 21) & 0x3fff) + 1, (le32(p + 21) >> 14 & 0x3fff) + 1 };
    if (memcmp(p + 12, "VP8 ", 4) == 0 && memcmp(p + 23, "\x9d\x01\x2a", 3) == 0)
        return (struct image){ IMAGE_WEBP, le16(p + 26) & 0x3fff, le16(p + 28) & 0x3fff };
    return (struct image){ IMAGE_NONE };
}

struct image image_look(const uint8_t *data, size_t len)
{
    static struct image (*const look[])(const uint8_t *p, size_t len) = { look_png, look_jpeg, look_webp };

    for (size_t i = 0; i < COUNT(look); i++) {
        struct image found = look[i](data, len);

        if (found.kind && found.width && found.height)
            return found;
    }
    return (struct image){ IMAGE_NONE };
}

const char *image_content_type(enum image_kind kind)
{
    static const char *const types[] = { [IMAGE_NONE] = "application/octet-stream", [IMAGE_PNG] = "image/png", [IMAGE_JPEG] = "image/jpeg",
                                         [IMAGE_WEBP] = "image/webp" };
    return types[kind];
}

const char *image_extension(enum image_kind kind)
{
    static const char *const extensions[] = { [IMAGE_NONE] = "bin", [IMAGE_PNG] = "png", [IMAGE_JPEG] = "jpg", [IMAGE_WEBP] = "webp" };

    return extensions[kind];
}
