/* demo_sales.h - a few visitors of the demo who buy with a test card, across HTTP like everyone. */
#ifndef USHER_CLI_DEMO_SALES_H
#define USHER_CLI_DEMO_SALES_H

#include "base/id.h"

struct demo_sale {
    const char *email;
    struct id event;
    unsigned type, quantity;
};

struct demo_sales;
/* Begin to buy, on a thread of its own, at the server at `address` (as http_address gives it), which need not serve yet.
 * Everything is copied. NULL when there is no thread to be had. */
struct demo_sales *demo_sales_start(const char *address, const char *password, const struct demo_sale *sales, size_t count);
/* Give up what is not bought yet; joins. Takes NULL. */
void demo_sales_stop(struct demo_sales *sales);

#endif
