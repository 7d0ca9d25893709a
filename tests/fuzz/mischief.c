/* The simulator's rules of mischief: any text gives rules within their bounds, or one sentence. What was read, written again, reads the same. */
#include "fuzz.h"
#include "sim/sim_inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = fuzz_arena();
    const char *text = arena_copy(arena, data, size);
    struct buf error = buf_in(arena), written = buf_in(arena), again = buf_in(arena);
    struct sim_mischief read, back;

    if (!sim_mischief_read(text, &read, &error)) {
        HOLDS(error.len > 0);
        return 0;
    }
    HOLDS(error.len == 0 && read.count <= SIM_RULES_MAX);
    for (size_t i = 0; i < read.count; i++) {
        HOLDS(read.rules[i].evil < EVIL_COUNT && read.rules[i].chance >= 0 && read.rules[i].chance <= 1 && read.rules[i].ms >= 0);
        HOLDS(read.rules[i].turn_count <= SIM_TURNS_MAX && strlen(read.rules[i].scope) < sizeof read.rules[i].scope);
        PLANT(i > 0 && read.rules[i].turn_count > 1 && *read.rules[i].scope);
    }
    sim_mischief_write(&read, &written);
    HOLDS(sim_mischief_read(written.data, &back, &error));
    sim_mischief_write(&back, &again);
    HOLDS(strcmp(written.data, again.data) == 0);
    return 0;
}
