#include "base/name.h"

#include <ctype.h>
#include <string.h>

unsigned name_distance(const char *name, size_t len, const char *known)
{
    unsigned row[NAME_SHOWN_MAX + 1];
    size_t known_len = MIN(strlen(known), (size_t)NAME_SHOWN_MAX);

    len = MIN(len, (size_t)NAME_SHOWN_MAX);
    for (size_t j = 0; j <= known_len; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= len; i++) {
        unsigned diagonal = row[0];

        row[0] = (unsigned)i;
        for (size_t j = 1; j <= known_len; j++) {
            unsigned change = diagonal + (tolower((unsigned char)name[i - 1]) != known[j - 1]);

            diagonal = row[j];
            row[j] = MIN(change, MIN(row[j], row[j - 1]) + 1);
        }
    }
    return row[known_len];
}

void name_show(struct buf *out, const char *name, size_t len)
{
    for (size_t i = 0; i < len && i < NAME_SHOWN_MAX; i++)
        buf_char(out, isgraph((unsigned char)name[i]) ? name[i] : '?');
}
