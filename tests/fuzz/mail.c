/* Messages: the input's lines are address, name, subject, file name and text. Whatever they hold, no line is added to the headers and none is too long. */
#include "fuzz.h"
#include "mail/mail.h"

static void check_lines(const char *text, size_t len)
{
    size_t begin = 0;

    for (size_t i = 0; i < len; i++) {
        HOLDS(text[i] != '\0');
        HOLDS(text[i] != '\n' || (i > 0 && text[i - 1] == '\r'));
        HOLDS(text[i] != '\r' || (i + 1 < len && text[i + 1] == '\n'));
        if (text[i] == '\n') {
            HOLDS(i - begin <= 999);
            begin = i + 1;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = fuzz_arena();
    struct mail_attachment attachment = { .content_type = "application/pdf", .body = BYTES_OF("%PDF") };
    struct mail_message message = { .to = fuzz_line(arena, &data, &size), .to_name = fuzz_line(arena, &data, &size), .subject = fuzz_line(arena, &data, &size) };
    struct bytes out;
    const char *text, *end, *at;
    int headers = 0;

    /* File names are our own: short. The other texts are a stranger's. */
    attachment.filename = arena_printf(arena, "%.80s", fuzz_line(arena, &data, &size));
    message.text = arena_copy(arena, data, size);
    message.attachments = &attachment;
    message.attachment_count = size % 2;
    if (mail_compose(arena, "Usher <tickets@example.org>", &message, 1795374000000LL, &out) != ERR_OK)
        return 0;
    text = out.data;
    check_lines(text, out.len);
    end = memmem(text, out.len, "\r\n\r\n", 4);
    HOLDS(end);
    for (at = text; at && at < end; at = memchr(at, '\n', (size_t)(end - at)), at = at ? at + 1 : NULL) {
        if (*at == ' ' || *at == '\t')
            continue;
        headers++;
        HOLDS(memchr(at, ':', (size_t)(end - at)));
        HOLDS(strncasecmp(at, "bcc:", 4) != 0 && strncasecmp(at, "x-evil:", 7) != 0);
    }
    HOLDS(headers >= 6 && headers <= 14);
    PLANT(message.attachment_count && strlen(message.subject) > 60 && strchr(message.to, '@'));
    return 0;
}
