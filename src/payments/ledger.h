/*
 * ledger.h - every movement of money, a row each, for ever.
 *
 *     charge       a payment came                               +
 *     fee          what the provider took of it                 -
 *     refund       money went back, or (back) failed to         -  +
 *     dispute      a bank took it back, or returned it          -  +
 *     adjustment   the provider moved another sum than we said  + or -
 *
 * A row is written in the transaction that applies the movement, and never
 * changes. Its key is the provider's id, kind and side, so a movement that is
 * heard of twice is there once. Amounts are ISO 4217 minor units, positive to
 * the organizer, in the currency in which they moved: a fee may be in that of
 * the Stripe account. `at` is the provider's time, so that a day's sums are
 * the provider's report of that day.
 *
 * Only what moves at the provider is a row. A service fee that the buyer pays is a
 * part of the charge; one that the organizer bears moves nothing there, and is
 * settled between him and the operator: a row of it would never reconcile.
 *
 * Always true (usher check adds them up): a registration's charges are what its
 * payments received, its refunds what its pending and succeeded refunds say.
 */
#ifndef USHER_PAYMENTS_LEDGER_H
#define USHER_PAYMENTS_LEDGER_H

#include "store/store.h"

enum ledger_kind { LEDGER_CHARGE, LEDGER_FEE, LEDGER_REFUND, LEDGER_DISPUTE, LEDGER_ADJUSTMENT, LEDGER_KIND_COUNT };
extern const char *const ledger_kind_words[]; /* NULL-terminated */

struct movement {
    enum ledger_kind kind;
    bool back;               /* undoes the movement of the same kind and id */
    const char *provider_id; /* pi_ of a charge, re_ of a refund, txn_ of all else */
    struct id event, registration;
    int64_t amount;
    const char *currency;
    int64_t at_ms;
};

/* Once: false when it is there already (or when nothing moved, amount 0). */
bool ledger_write(struct tx *tx, const struct movement *movement);
bool ledger_find(struct tx *tx, enum ledger_kind kind, const char *provider_id, struct movement *out);
/* A time of the provider's, in seconds, as a row's: now, where it is not told or lies in the future. */
int64_t ledger_time(const struct tx *tx, int64_t at_s);

/* Up to `max` rows of an event in order of time, those behind `after` (NULL: from the first). `more`: there are further ones. */
size_t ledger_of_event(struct tx *tx, const struct id *event, const struct movement *after, size_t max, struct movement **out, bool *more);

#endif
