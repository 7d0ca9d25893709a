/* image.h - telling what a picture is from its bytes: nothing a client says about it is believed, and nothing is decoded. */
#ifndef USHER_EVENTS_IMAGE_H
#define USHER_EVENTS_IMAGE_H

#include "base/util.h"

#define IMAGE_BYTES_MAX (5 * 1024 * 1024)
#define IMAGE_PIXELS_MAX 10000 /* a side */

enum image_kind { IMAGE_NONE, IMAGE_PNG, IMAGE_JPEG, IMAGE_WEBP };
struct image {
    enum image_kind kind;   /* IMAGE_NONE: not one of these, or broken before its size */
    uint32_t width, height;
};
struct image image_look(const uint8_t *data, size_t len);
/* "image/png" and "png". */
const char *image_content_type(enum image_kind kind);
const char *image_extension(enum image_kind kind);

#endif
