#include "base/err.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct err_info err_infos[] = {
#define X(name, status, slug, title, text) [ERR_##name] = { status, #name, slug, title, text },
    ERR_MAP(X)
#undef X
};
_Static_assert(COUNT(err_infos) == ERR_COUNT, "each error has its line");

/* A body can hold many more faults than anyone reads; the answer stays small. */
#define FIELD_FAULTS_MAX 100

const struct err_info *err_info(enum err e)
{
    assert(e < ERR_COUNT);
    return &err_infos[e];
}

/* A sentence of at most 511 bytes; a character that the end would cut goes whole, for the text must stay UTF-8. */
__attribute__((format(printf, 2, 0))) static char *vprint(struct arena *arena, const char *format, va_list args)
{
    char text[512];
    int len = vsnprintf(text, sizeof text, format, args);

    if (len >= (int)sizeof text) {
        size_t end = sizeof text - 1;

        while (end > 0 && ((unsigned char)text[end - 1] & 0xc0) == 0x80)
            end--;
        if (end > 0 && (unsigned char)text[end - 1] >= 0xc0)
            text[end - 1] = '\0';
    }
    return arena_strdup(arena, text);
}

enum err fault_set(struct fault *fault, enum err e, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fault->detail = vprint(fault->arena, format, args);
    va_end(args);
    return e;
}

void fault_field(struct fault *fault, const char *pointer, const char *code, const char *format, ...)
{
    struct field_fault *field;
    va_list args;

    if (fault->field_count == FIELD_FAULTS_MAX)
        return;
    field = ARENA_NEW(fault->arena, struct field_fault);
    field->pointer = arena_strdup(fault->arena, pointer);
    field->code = code;
    va_start(args, format);
    field->detail = vprint(fault->arena, format, args);
    va_end(args);
    if (fault->fields_last)
        fault->fields_last->next = field;
    else
        fault->fields = field;
    fault->fields_last = field;
    fault->field_count++;
}

bool fault_has(const struct fault *fault, const char *pointer)
{
    for (const struct field_fault *field = fault->fields; field; field = field->next)
        if (strcmp(field->pointer, pointer) == 0)
            return true;
    return false;
}

void fault_clear(struct fault *fault)
{
    *fault = (struct fault){ .arena = fault->arena };
}
