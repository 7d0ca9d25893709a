/*
 * check.h - the invariants of the product, recounted from the rows.
 *
 * Nothing here trusts a counter, a status or a trail that it checks: seats are
 * added up from what registrations ordered, tickets from their rows, admissions
 * from the history at the gate, money from payments and refunds.
 */
#ifndef USHER_CLI_CHECK_H
#define USHER_CLI_CHECK_H

#include "base/buf.h"
#include "store/store.h"

enum invariant { CHECK_SEATS, CHECK_TICKETS, CHECK_MONEY, CHECK_ADMISSIONS, CHECK_DURABLE, CHECK_OUTSIDE, CHECK_COUNT };

#define CHECK_BREACHES_SHOWN 20
#define CHECK_JOBS_SHOWN 100

struct breach {
    struct breach *next;
    const char *about, *what; /* "registration 0193...", "has 1 ticket where 2 were bought" */
};
struct finding {
    struct breach *first, *last;   /* at most CHECK_BREACHES_SHOWN of them */
    uint64_t breaches;             /* how many there are */
    uint64_t looked_at;            /* rows of the kind that the title names */
};

struct check {
    struct arena *arena;           /* the findings' */
    struct tx *tx;
    struct finding found[CHECK_COUNT];
    struct buf jobs;               /* members of a JSON array: the jobs that are live or parked */
    uint64_t job_count, job_parked;
    /* The ledger against the provider's own books: up to when these were read (0: never); how many registrations' money was compared, and how
     * many of that time are not in those books at all (another account's, the simulator's before there was one). */
    int64_t balance_read_to_ms;
    uint64_t balance_compared, balance_absent;
};

struct registration;
/* One registration's rows in the ledger against its payments, refunds and disputes (check_ledger.c). */
void check_ledger_of(struct check *check, const struct registration *reg);
/* One registration's rows in the ledger against the provider's balance transactions (check_balance.c), as far as these were read. */
void check_balance_begin(struct check *check);
void check_balance_of(struct check *check, const struct registration *reg);
/* Is there a job of one of these kinds (NULL-terminated) with that key? It stands in for an outcome. */
bool check_has_job(struct check *check, const char *const *kinds, const char *key);
/* What a bank holds or took of an intent. */
int64_t check_disputed(struct check *check, const struct registration *reg, const char *intent);

/* All but CHECK_DURABLE, in the snapshot of check->tx. False when the database could not be read through. */
bool check_rows(struct check *check);
/* The database file itself (CHECK_DURABLE): every page is what its neighbours say. */
bool check_file(struct check *check, const char *dir);

void check_breach(struct check *check, enum invariant which, const char *about, const struct id *id, const char *format, ...) PRINTF_LIKE(5, 6);

#endif
