/*
 * parts.h - the tables of all modules, and opening and closing them in order.
 *
 * Two forms: the whole server (parts_open), and just the store, for a command
 * that works on a stopped data folder (store_of_folder).
 */
#ifndef USHER_CLI_PARTS_H
#define USHER_CLI_PARTS_H

#include "base/app.h"
#include "base/buf.h"
#include "store/person.h"

/* What every module holds on a person; NULL-terminated. */
extern const struct person_part *const person_tables[];

/* Do the settings go together, beyond what each must be by itself? A sentence and false when not. Opens nothing. */
bool parts_settings_good(const struct config *config, struct buf *error);
/* Open everything for `config` and listen, without accepting yet. A sentence and false on a fault, with nothing left open.
 * app->public_url lives until parts_close. */
bool parts_open(struct app *app, const struct config *config, struct buf *error);
/* In reverse. The server no longer runs. */
void parts_close(struct app *app);

/* The data folder's lock, its database and the writer; nothing else. The folder must hold a database already, unless `make` is set. */
bool store_of_folder(struct app *app, const struct config *config, bool make, struct buf *error);
void store_of_folder_close(struct app *app);

#endif
