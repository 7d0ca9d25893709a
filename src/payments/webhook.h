/*
 * webhook.h - is a webhook really Stripe's?
 *
 * Stripe-Signature: t=<seconds>,v1=<64 hex>[,v1=...][,v0=...]; v1 is the
 * HMAC-SHA256 of "t.body" under the whole secret, "whsec_" included. Checked
 * over the raw bytes: the same JSON printed again need not have the same bytes.
 */
#ifndef USHER_PAYMENTS_WEBHOOK_H
#define USHER_PAYMENTS_WEBHOOK_H

#include "base/util.h"

/* Stripe's libraries accept 5 minutes of age by default; so do we. */
#define WEBHOOK_TOLERANCE_S 300
/* They accept any time to come; an hour is more than a clock goes wrong, and keeps a signature from being good for years. */
#define WEBHOOK_FUTURE_S 3600

/* True when one v1 signature fits one of the `count` secrets and its time is near `now_s`. Pure; any bytes may come. `header` may be NULL. */
bool webhook_verify(const char *const *secrets, size_t count, const char *header, struct bytes body, int64_t now_s);

#endif
