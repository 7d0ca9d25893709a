/* text.h - small questions about text from outside, shared by the files of http/. */
#ifndef USHER_HTTP_TEXT_H
#define USHER_HTTP_TEXT_H

#include "base/util.h"

bool text_is_utf8(const char *text, size_t len);

#endif
