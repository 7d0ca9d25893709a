#include "events/payable.h"

#include "base/money.h"

static bool is_payable(const struct event *event, int64_t amount, const char *what, const char *at, struct fault *fault)
{
    int64_t step = money_step(event->currency);

    if (amount % step == 0)
        return true;
    fault_field(fault, at, "step", "In %s amounts are multiples of %s; %s is not.", event->currency, money_text(fault->arena, event->currency, step), what);
    return false;
}

void payable_type(const struct ticket_type *type, const struct event *event, const char *at, struct fault *fault)
{
    int64_t least = money_minimum(event->currency), order;

    if (type->price <= 0 || fault_has(fault, at) ||
        !is_payable(event, type->price, arena_printf(fault->arena, "the price of \"%s\"", type->name ? type->name : ""), at, fault))
        return;
    if (type->price >= least) /* most are, and fee and tax only add to it */
        return;
    order = price_of_order(MAX(1, MIN(type->min_per_order, 255)), type->price, type->tax, &event->fee, event->currency);
    if (order < least)
        fault_field(fault, at, "too-small", "An order of \"%s\" comes to %s; a card payment is at least %s. Make it free, or ask for more.",
                    type->name ? type->name : "", money_text(fault->arena, event->currency, order), money_text(fault->arena, event->currency, least));
}

void payable_fee(const struct event *event, const char *at, struct fault *fault)
{
    if (event->fee.fixed > 0 && !fault_has(fault, at))
        is_payable(event, event->fee.fixed, "the fixed service fee", at, fault);
}
