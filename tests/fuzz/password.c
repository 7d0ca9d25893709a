/*
 * Passwords, and what SRP's clients send. Five lines: a password, an address, a name, a time, a number. What the owner's name and address add
 * only adds; a time is written back as it was read; a number is below N and read again from what was read.
 */
#include <sodium.h>

#include "fuzz.h"
#include "identity/guessable.h"
#include "identity/srp.h"

static void check_password(const char *password, const char *email, const char *name)
{
    bool alone = password_is_guessable(password, NULL, NULL), owned = password_is_guessable(password, email, name);

    HOLDS(!alone || owned);
    HOLDS(!alone || password_fault(password, email, name));
    PLANT(!alone && owned && strlen(password) >= 8);
}

static void check_time(const char *text)
{
    int64_t ms;

    if (srp_time_read(text, &ms))
        HOLDS(ms % 1000 == 0 && strstr(text, " UTC ") && strlen(text) >= 27 && strlen(text) <= 28);
}

static void check_number(const char *text)
{
    uint8_t number[SRP_NUMBER_BYTES], again[SRP_NUMBER_BYTES];
    char hex[2 * SRP_NUMBER_BYTES + 1];

    if (srp_number_read(text, number)) {
        sodium_bin2hex(hex, sizeof hex, number, sizeof number);
        HOLDS(srp_number_read(hex, again) && memcmp(number, again, sizeof number) == 0);
        HOLDS(strspn(text, "0") < strlen(text) && strlen(text) <= 1024);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = fuzz_arena();
    const char *password = fuzz_line(arena, &data, &size), *email = fuzz_line(arena, &data, &size), *name = fuzz_line(arena, &data, &size);

    check_password(password, email, name);
    check_time(fuzz_line(arena, &data, &size));
    check_number(fuzz_line(arena, &data, &size));
    return 0;
}
