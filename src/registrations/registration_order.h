/* registration_order.h - an order before it is a registration: is it one, what does it cost, may this account have it? Inside this room. */
#ifndef USHER_REGISTRATIONS_REGISTRATION_ORDER_H
#define USHER_REGISTRATIONS_REGISTRATION_ORDER_H

#include "events/discount.h"
#include "events/sale.h"
#include "registrations/registration_new.h"

struct order {
    struct sale sale;
    struct sale_type *types;     /* one for each item */
    bool has_code;
    struct discount_code code;
};

/* Fill in event, account, items, quantity, amount, currency and code of `reg`. Reads only. `to_sell`: refuse where the event is not for sale.
 * ERR_INVALID with every fault of the order, ERR_NOT_FOUND, ERR_SALE_CLOSED, ERR_CODE_USED_UP, ERR_AMOUNT_TOO_SMALL. */
enum err order_read(struct tx *tx, const struct registration_new *in, const struct id *account, bool to_sell, struct order *out, struct registration *reg);
/* May it be sold now: the sale's times, what an account may have (which is taken), and seats. The code's use is taken last.
 * ERR_SALE_CLOSED, ERR_LIMIT_REACHED, ERR_SOLD_OUT with what is left, ERR_CODE_USED_UP. */
enum err order_take(struct tx *tx, const struct order *order, const struct registration *reg);
/* Named attendees go to the tickets of their type in order; the others stay unnamed. */
enum err order_place_attendees(struct tx *tx, const struct registration_new *in, struct registration *reg);
enum err order_refuse_sold_out(struct tx *tx, const struct id *event);

/* ---- limits for one account ---- */

void quota_add(struct tx *tx, const struct id *event, const struct id *account, unsigned n, int64_t quantity);
void quota_give_back(struct tx *tx, const struct registration *reg, unsigned n, int64_t quantity);

#endif
