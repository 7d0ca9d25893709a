/*
 * arena.h - memory that lives as long as a request.
 *
 * An arena hands out zeroed memory and takes it back all at once. Nobody frees
 * a piece. arena_alloc never returns NULL: what a request may ask for is
 * limited before (body, page, row counts), and a machine with no memory left
 * ends the process, which loses nothing that was answered.
 *
 * One thread at a time may use an arena; it moves with its request.
 */
#ifndef USHER_BASE_ARENA_H
#define USHER_BASE_ARENA_H

#include "base/util.h"

struct arena;

/* A point to go back to. Only valid for the arena that gave it, until a rewind behind it. */
struct arena_mark {
    void *block;
    size_t used;
    void *deferred;
    size_t total;
};

/* `first_bytes` is the size of the block made at once; 0 takes the usual 8 KiB. */
struct arena *arena_new(size_t first_bytes);
void arena_free(struct arena *arena); /* takes NULL */

/* Zeroed, aligned for any type. */
void *arena_alloc(struct arena *arena, size_t size);
/* count * size, checked for overflow (which aborts). */
void *arena_array(struct arena *arena, size_t count, size_t size);
/* A copy of `len` bytes, and a NUL behind it that `len` does not count. */
void *arena_copy(struct arena *arena, const void *data, size_t len);
char *arena_strdup(struct arena *arena, const char *text); /* NULL gives NULL */
char *arena_printf(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);

/* Run `undo(thing)` when the arena is reset or rewound past here; last in, first out.
 * For what is not memory: a file, a statement, a library's handle. */
void arena_defer(struct arena *arena, void (*undo)(void *thing), void *thing);

struct arena_mark arena_mark(struct arena *arena);
void arena_rewind(struct arena *arena, struct arena_mark mark);
/* Back to empty; keeps the first block for the next request. */
void arena_reset(struct arena *arena);

/* Bytes taken from the system now; bounds the queues (design, section 2). */
size_t arena_bytes(const struct arena *arena);

#define ARENA_NEW(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, count, type) ((type *)arena_array((arena), (count), sizeof(type)))

#endif
