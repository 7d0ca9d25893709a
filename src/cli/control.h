/*
 * control.h - DIR/control.sock (0600): how a command reaches a server that holds the data folder.
 *
 * One line of JSON in, one line of JSON out, then the connection is closed:
 *
 *     {"command":"user-add","email":...,"name":...,"groups":2,"passwordHash":...}
 *     {"ok":true, ...} or {"ok":false,"error":"a sentence"}
 *
 * The same requests are carried out on a stopped folder by control_execute, so
 * that there is one way of doing each thing. Requests are served one after the
 * other by one thread; a peer that is silent for 5 s is dropped.
 */
#ifndef USHER_CLI_CONTROL_H
#define USHER_CLI_CONTROL_H

#include "base/app.h"
#include "base/buf.h"
#include "base/json.h"

#define CONTROL_LINE_MAX (64u << 10)     /* a request */
#define CONTROL_REPLY_MAX (4u << 20)     /* what a command reads of a reply */

struct control;
/* Make the socket (a dead one of the same name is replaced: the data lock says that we are alone) and its thread. */
struct control *control_open(struct app *app, struct buf *error);
void control_close(struct control *control);

/* Carry out one request; appends the reply, without its newline. Blocks. */
void control_execute(struct app *app, const char *line, size_t len, struct buf *reply);

/* Send a request to the server that holds `dir`. False when none is listening there: `error` stays empty. False with a sentence
 * when one is and it went wrong. */
bool control_ask(const char *dir, const struct buf *request, struct buf *reply, struct buf *error);

/* Have a request carried out by the server that holds the data folder, or by ourselves on a stopped one (`make`: a folder that is none yet becomes
 * one). The reply object, in the arena, or NULL after a sentence on standard error. */
struct json_t *control_carry_out(const struct config *config, const struct buf *request, bool make, struct arena *arena);

#endif
