#include "base/arena.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN 16u
#define BLOCK_BYTES 8192u

struct block {
    struct block *prev;
    size_t size, used; /* of `data` */
    _Alignas(ALIGN) char data[];
};

struct deferred {
    struct deferred *prev;
    void (*undo)(void *);
    void *thing;
};

struct arena {
    struct block *last;
    struct deferred *deferred;
    size_t total; /* bytes in all blocks */
};

static struct block *block_new(struct block *prev, size_t size)
{
    struct block *block = malloc(sizeof *block + size);

    if (!block) {
        fputs("usher: out of memory\n", stderr);
        abort();
    }
    block->prev = prev;
    block->size = size;
    block->used = 0;
    return block;
}

struct arena *arena_new(size_t first_bytes)
{
    struct arena *arena = calloc(1, sizeof *arena);

    if (!arena) {
        fputs("usher: out of memory\n", stderr);
        abort();
    }
    arena->last = block_new(NULL, first_bytes ? first_bytes : BLOCK_BYTES);
    arena->total = arena->last->size;
    return arena;
}

void arena_free(struct arena *arena)
{
    if (!arena)
        return;
    arena_reset(arena);
    free(arena->last);
    free(arena);
}

void *arena_alloc(struct arena *arena, size_t size)
{
    struct block *block = arena->last;
    size_t need = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    void *out;

    assert(need >= size);
    if (block->size - block->used < need) {
        /* Doubling keeps the number of blocks, and so of mallocs, logarithmic. */
        size_t grow = MIN(block->size * 2, (size_t)1 << 20);

        block = block_new(block, MAX(need, grow));
        arena->last = block;
        arena->total += block->size;
    }
    out = block->data + block->used;
    block->used += need;
    return memset(out, 0, need);
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    size_t total;
    bool overflow = __builtin_mul_overflow(count, size, &total);

    assert(!overflow);
    return arena_alloc(arena, total);
}

void *arena_copy(struct arena *arena, const void *data, size_t len)
{
    char *out = arena_alloc(arena, len + 1);

    if (len)
        memcpy(out, data, len);
    return out;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return text ? arena_copy(arena, text, strlen(text)) : NULL;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args, again;
    char *out;
    int len;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(len >= 0);
    out = arena_alloc(arena, (size_t)len + 1);
    vsnprintf(out, (size_t)len + 1, format, again);
    va_end(again);
    return out;
}

void arena_defer(struct arena *arena, void (*undo)(void *thing), void *thing)
{
    struct deferred *deferred = arena_alloc(arena, sizeof *deferred);

    deferred->prev = arena->deferred;
    deferred->undo = undo;
    deferred->thing = thing;
    arena->deferred = deferred;
}

struct arena_mark arena_mark(struct arena *arena)
{
    return (struct arena_mark){ arena->last, arena->last->used, arena->deferred, arena->total };
}

void arena_rewind(struct arena *arena, struct arena_mark mark)
{
    while (arena->deferred != mark.deferred) {
        struct deferred *deferred = arena->deferred;

        arena->deferred = deferred->prev;
        deferred->undo(deferred->thing);
    }
    while (arena->last != mark.block) {
        struct block *block = arena->last;

        arena->last = block->prev;
        assert(arena->last);
        free(block);
    }
    arena->last->used = mark.used;
    arena->total = mark.total;
}

void arena_reset(struct arena *arena)
{
    struct block *first = arena->last;
    struct arena_mark mark = { 0 };

    while (first->prev)
        first = first->prev;
    mark.block = first;
    mark.total = first->size;
    arena_rewind(arena, mark);
}

size_t arena_bytes(const struct arena *arena)
{
    return arena->total;
}
