/* Times and ids as text: what is accepted is written back to something that reads the same. */
#include "base/clock.h"
#include "base/id.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    char written[CLOCK_TEXT_LEN + 1], id_text[ID_TEXT_LEN + 1];
    int64_t at_ms, again_ms;
    struct id id, again;

    if (clock_parse(text, size, &at_ms)) {
        struct civil civil = clock_civil(at_ms);

        HOLDS(civil.year >= 0 && civil.year <= 10000 && civil.month >= 1 && civil.month <= 12 && civil.day >= 1 && civil.day <= 31);
        HOLDS(clock_from_civil(&civil) == at_ms);
        if (civil.year >= 1 && civil.year <= 9999) {
            clock_format(at_ms, written);
            HOLDS(clock_parse(written, strlen(written), &again_ms) && again_ms == at_ms);
        }
        /* 29 February. */
        PLANT(civil.month == 2 && civil.day == 29);
    }
    if (id_parse(text, size, &id)) {
        HOLDS(size == ID_TEXT_LEN);
        id_format(&id, id_text);
        HOLDS(id_parse(id_text, strlen(id_text), &again) && id_equal(&id, &again));
    }
    return 0;
}
