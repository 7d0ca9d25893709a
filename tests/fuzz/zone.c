/* TZif files: any bytes are refused or give offsets within a day, before, between and after all transitions. */
#include "base/zone.c" /* read_tzif is static: files of the system are its only other input */

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct zone *zone = calloc(1, sizeof(*zone));
    static const int64_t when[] = { -62135596800, -2208988800, 0, 1795374000, 1814400000, 253402300799 };

    HOLDS(zone);
    if (read_tzif(zone, data, size)) {
        for (size_t i = 0; i < COUNT(when); i++) {
            const char *abbreviation = NULL;
            int offset = zone_offset(zone, when[i] * 1000, &abbreviation);

            HOLDS(abbreviation && strlen(abbreviation) < 256);
            HOLDS(offset >= -8 * 86400 && offset <= 8 * 86400);
            zone_civil(zone, when[i] * 1000);
        }
        PLANT(zone->rule.present && zone->rule.has_dst && zone->rule.start.kind != MONTH_WEEK_DAY);
    }
    zone_free(zone);
    return 0;
}
