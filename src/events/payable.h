/*
 * payable.h - what nobody could pay is not offered: it is refused when it is set, not when a buyer stands at the till.
 *
 * A price must be a multiple of what the currency can be paid in (money_step),
 * and the smallest order of a ticket type, without a discount, either free or
 * no less than a card payment may be (money_minimum). A discount may still lead
 * below that: such an order is refused with amount-too-small before a seat is
 * held (registration_order.c), for the same code is good for a larger one.
 */
#ifndef USHER_EVENTS_PAYABLE_H
#define USHER_EVENTS_PAYABLE_H

#include "events/event.h"

/* Of the event, its currency and fee count. `at` is the pointer to blame; what has a fault there already gets no second one. Codes: "step", "too-small". */
void payable_type(const struct ticket_type *type, const struct event *event, const char *at, struct fault *fault);
void payable_fee(const struct event *event, const char *at, struct fault *fault);

#endif
