/* Forms with bracketed names, as Stripe's clients send them. What was read, written again as our own client writes it, reads the same. */
#include "fuzz.h"
#include "payments/stripe.h"
#include "sim/sim_inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = fuzz_arena();
    struct sim_form form, again;
    struct buf out = buf_in(arena);

    if (!sim_form_read(arena, (const char *)data, size, &form))
        return 0;
    for (size_t i = 0; i < form.count; i++) {
        HOLDS(form.pairs[i].name && *form.pairs[i].name && form.pairs[i].value);
        HOLDS(sim_form_get(&form, form.pairs[i].name));
        form_add(&out, form.pairs[i].name, form.pairs[i].value);
    }
    HOLDS(sim_form_read(arena, out.len ? out.data : "", out.len, &again) && again.count == form.count);
    for (size_t i = 0; i < form.count; i++)
        HOLDS(strcmp(form.pairs[i].name, again.pairs[i].name) == 0 && strcmp(form.pairs[i].value, again.pairs[i].value) == 0);
    PLANT(sim_form_get(&form, "metadata[a]") && strlen(sim_form_get(&form, "metadata[a]")) > 2);
    return 0;
}
