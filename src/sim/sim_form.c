/* sim_form.c - forms as Stripe's libraries send them: brackets literal or encoded, blanks as + or %20. */
#include <string.h>

#include "sim/sim_inside.h"

#define NAMES_MAX 200

bool sim_form_read(struct arena *arena, const char *text, size_t len, struct sim_form *out)
{
    const char *end = text + len;

    *out = (struct sim_form){ .pairs = ARENA_ARRAY(arena, NAMES_MAX, struct sim_pair) };
    while (text < end) {
        const char *stop = memchr(text, '&', (size_t)(end - text));
        const char *equals;
        struct sim_pair pair;

        if (!stop)
            stop = end;
        if (stop == text) {
            text++;
            continue;
        }
        equals = memchr(text, '=', (size_t)(stop - text));
        pair.name = url_decode(arena, text, (size_t)((equals ? equals : stop) - text), true, NULL);
        pair.value = equals ? url_decode(arena, equals + 1, (size_t)(stop - equals - 1), true, NULL) : "";
        if (!pair.name || !pair.value || !*pair.name || out->count == NAMES_MAX)
            return false;
        out->pairs[out->count++] = pair;
        text = stop < end ? stop + 1 : end;
    }
    return true;
}

/* The last one counts, as in PHP and Rack. */
const char *sim_form_get(const struct sim_form *form, const char *name)
{
    for (size_t i = form->count; i-- > 0;)
        if (strcmp(form->pairs[i].name, name) == 0)
            return form->pairs[i].value;
    return NULL;
}
