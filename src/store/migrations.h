/* migrations.h - the numbered steps from an empty database to today's schema. */
#ifndef USHER_STORE_MIGRATIONS_H
#define USHER_STORE_MIGRATIONS_H

struct migration {
    int version;                    /* rises by one; 0 ends the list */
    const char *const *statements;  /* NULL-terminated */
};

extern const struct migration store_migrations[];

#endif
