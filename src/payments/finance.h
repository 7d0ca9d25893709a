/* finance.h - what an event earned, from its ledger: sums by day and currency for its organizer, and every row as CSV. */
#ifndef USHER_PAYMENTS_FINANCE_H
#define USHER_PAYMENTS_FINANCE_H

#include "events/event.h"
#include "payments/ledger.h"

/* Room for "2026-11-26", and for any numbers that a compiler thinks a date may have. */
#define DATE_SIZE 40

/* Of one day (or of all: date ""), in one currency. Each is the sum of its kind's rows, signed as they are; together they are what is left. */
struct finance_line {
    char date[DATE_SIZE];    /* in the event's time zone */
    const char *currency;
    int64_t sum[LEDGER_KIND_COUNT];
    int64_t count[LEDGER_KIND_COUNT];
};
/* What the provider makes available for its payouts on a day, in the currency of its account. */
struct payout {
    char date[DATE_SIZE];    /* in the event's time zone */
    const char *currency;
    int64_t amount;          /* less what the provider took; negative where more went than came */
};
struct finance {
    struct finance_line *days, *totals;
    struct payout *payouts;
    size_t day_count, total_count, payout_count;
};
/* About 0.5 us a row, in one snapshot: belongs on LANE_SCAN. */
void finance_of(struct tx *tx, const struct event *event, struct finance *out);

void finance_json(struct buf *out, struct tx *tx, const struct event *event, const struct finance *finance);

/* RFC 4180; amounts in minor units with their sign. */
void finance_csv_header(struct buf *out);
void finance_csv(struct buf *out, const struct event *event, const struct movement *rows, size_t count);

#endif
