#include "tickets/qr.h"

#include <qrencode.h>

enum { QUIET = 4 }; /* modules of white around the code, by ISO/IEC 18004 */

bool qr_svg(struct buf *out, const char *text)
{
    QRcode *code = QRcode_encodeString(text, 0, QR_ECLEVEL_M, QR_MODE_8, 1);
    int width;

    if (!code)
        return false;
    width = code->width;
    buf_printf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" shape-rendering=\"crispEdges\">", width + 2 * QUIET, width + 2 * QUIET);
    buf_str(out, "<path fill=\"#fff\" d=\"M0 0h999v999H0z\"/><path d=\"");
    for (int row = 0; row < width; row++)
        for (int col = 0, end; col < width; col = end + 1) {
            for (end = col; end < width && code->data[row * width + end] & 1; end++) {
            }
            if (end > col)
                buf_printf(out, "M%d %dh%dv1h-%dz", col + QUIET, row + QUIET, end - col, end - col);
        }
    buf_str(out, "\"/></svg>");
    QRcode_free(code);
    return true;
}
