/* keys.h - the keys that sign tokens, from the shell: what the requests of control.h do. */
#ifndef USHER_CLI_KEYS_H
#define USHER_CLI_KEYS_H

#include "base/app.h"
#include "base/json.h"

/* {"now"?: true} -> as keys_list, after the change */
enum err keys_rotate(struct app *app, struct arena *arena, const struct json_t *request, struct buf *reply, struct fault *fault);
/* {} -> {"keys": [{"kid", "state": "next" | "signs" | "retires", "signsFrom", "leavesAt"}]}; a time that is not known is null */
enum err keys_list(struct app *app, struct arena *arena, const struct json_t *request, struct buf *reply, struct fault *fault);

#endif
