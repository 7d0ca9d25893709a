/* payment_jobs.h - work of this room that is asked for by a row or by the clock; the tables are in payment_jobs.c. */
#ifndef USHER_PAYMENTS_PAYMENT_JOBS_H
#define USHER_PAYMENTS_PAYMENT_JOBS_H

#include "store/lanes.h"

/* event_cancel.c: everybody of a cancelled event is given back their money or their hold, in slices; resumable at any point. */
enum err event_cancel_run(struct job *job);

/* reconcile.c: what a lost webhook or a crash left lying. */
void reconcile_payments(struct app *app, struct reader *reader, struct arena *arena);
/* Time of Stripe's events that a first round reads at once; later ones find out how much it may be. */
#define EVENTS_WINDOW_S 86400
void reconcile_events(struct app *app, struct reader *reader, struct arena *arena);

#endif
