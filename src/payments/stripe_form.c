/* stripe_form.c - application/x-www-form-urlencoded as Stripe's libraries write it: a[b][0]=c with literal brackets. */
#include "payments/stripe.h"

void form_add(struct buf *form, const char *name, const char *value)
{
    if (form->len)
        buf_char(form, '&');
    buf_url(form, name, "[]");
    buf_char(form, '=');
    buf_url(form, value, NULL);
}

void form_add_int(struct buf *form, const char *name, int64_t value)
{
    if (form->len)
        buf_char(form, '&');
    buf_url(form, name, "[]");
    buf_char(form, '=');
    buf_int(form, value);
}
