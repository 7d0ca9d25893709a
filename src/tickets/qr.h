/* qr.h - a QR code as a picture for pages. The codes on tickets are drawn by draw.c. */
#ifndef USHER_TICKETS_QR_H
#define USHER_TICKETS_QR_H

#include "base/buf.h"

/* An <svg> of the text's code (level M, with its quiet zone), black on white, one path; nothing in it is the text's own. False when the text is
 * more than a code holds. Some 0.3 ms for an address. */
bool qr_svg(struct buf *out, const char *text);

#endif
