/* mail_inside.h - what the files of mail/ share. */
#ifndef USHER_MAIL_MAIL_INSIDE_H
#define USHER_MAIL_MAIL_INSIDE_H

#include "mail/mail.h"

/* ASCII, one '@', no blank, no control, none of <>()[]\,;:" - so it can end neither a header line nor an SMTP command. At most 254 bytes. */
bool mail_address_good(const char *address);

struct smtp;
/* One connection, kept between messages; NULL and a sentence when the address is none. */
struct smtp *smtp_open(const char *url, struct buf *error);
void smtp_close(struct smtp *smtp);
/* Hand one message over. ERR_UPSTREAM when the server cannot be reached or refuses. One message at a time; blocks, at most 20 s. */
enum err smtp_send(struct smtp *smtp, const char *from, const char *to, struct bytes message);

#endif
