/* What a picture is, from bytes that claim to be one: nothing is read outside them, and what is found has a size. */
#include "events/image.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image image = image_look(data, size);

    HOLDS(image.kind == IMAGE_NONE || (image.width > 0 && image.height > 0));
    HOLDS(image_content_type(image.kind) && image_extension(image.kind));
    /* A JPEG whose frame stands behind another segment. */
    PLANT(image.kind == IMAGE_JPEG && size > 24 && image.width == 640 && image.height != 480);
    return 0;
}
