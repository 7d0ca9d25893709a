/* backup.h - what the request "backup" of control.h does. */
#ifndef USHER_CLI_BACKUP_H
#define USHER_CLI_BACKUP_H

#include "base/app.h"
#include "base/json.h"

/* {"dir": an absolute path} -> {"backup": the new folder's path, "files", "bytes"}. Blocks for as long as the copying takes. */
enum err backup_serving(struct app *app, struct arena *arena, const struct json_t *request, struct buf *reply, struct fault *fault);

#endif
