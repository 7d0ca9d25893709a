/* user.h - accounts from the shell: what the requests of control.h do. Each blocks until its write is durable. */
#ifndef USHER_CLI_USER_H
#define USHER_CLI_USER_H

#include "base/json.h"
#include "base/app.h"

/* {"email", "name"?, "groups", "passwordHash"?} -> {"accountId"} */
enum err user_add(struct app *app, struct arena *arena, const struct json_t *request, struct buf *reply, struct fault *fault);
/* {"after"?} -> {"users": [at most 500], "next": a value for "after", or null}, by e-mail address */
enum err user_list(struct app *app, struct arena *arena, const struct json_t *request, struct buf *reply, struct fault *fault);
/* {"email", "groups"} -> {} */
enum err user_group(struct app *app, struct arena *arena, const struct json_t *request, struct buf *reply, struct fault *fault);
/* {"email"} -> {} */
enum err user_disable(struct app *app, struct arena *arena, const struct json_t *request, struct buf *reply, struct fault *fault);
/* {"email"} -> {}: takes the second factor off */
enum err user_mfa_off(struct app *app, struct arena *arena, const struct json_t *request, struct buf *reply, struct fault *fault);
/* {"email"} -> {} */
enum err user_delete(struct app *app, struct arena *arena, const struct json_t *request, struct buf *reply, struct fault *fault);

#endif
