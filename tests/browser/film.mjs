// A film for the browser's fake camera: a ticket's code held before it. As y4m, for Chromium shows an mjpeg as black. Chromium plays it again and again.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const web = createRequire(new URL('../../web/package.json', import.meta.url));
const { prepareZXingModule, writeBarcode } = web('zxing-wasm/writer');
prepareZXingModule({ overrides: { wasmBinary: readFileSync(web.resolve('zxing-wasm/writer/zxing_writer.wasm')) } });

const width = 640;
const height = 480;
const side = 400; // about how large people hold their phone

// One frame's brightness: the modules on white, with dark grey around, moved by `shift` pixels.
function picture({ data, width: modules }, shift) {
    const luma = Buffer.alloc(width * height, 70);
    const scale = side / (modules + 8); // a quiet zone of four modules
    const left = (width - side) / 2 + shift, top = (height - side) / 2 + shift;

    for (let y = 0; y < side; y++)
        for (let x = 0; x < side; x++) {
            const column = Math.floor(x / scale) - 4, row = Math.floor(y / scale) - 4;
            const inside = column >= 0 && row >= 0 && column < modules && row < modules;
            luma[(top + y) * width + left + x] = inside ? 30 + (data[row * modules + column] * 190) / 255 : 220;
        }
    return luma;
}

// The arguments of a Chromium that sees this text as a QR code; `end` removes the file.
export async function film(text) {
    const { symbol, error } = await writeBarcode(text, { format: 'QRCode', ecLevel: 'M' });
    if (error)
        throw new Error(error);
    const colour = Buffer.alloc((width * height) / 2, 128);
    const frames = [0, 2, 4, 6, 8, 6, 4, 2].map((shift) => Buffer.concat([Buffer.from('FRAME\n'), picture(symbol, shift), colour]));
    const folder = mkdtempSync(join(tmpdir(), 'usher-film-'));
    const path = join(folder, 'film.y4m');
    writeFileSync(path, Buffer.concat([Buffer.from(`YUV4MPEG2 W${width} H${height} F15:1 Ip A1:1 C420jpeg\n`), ...frames]));
    return {
        args: ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', `--use-file-for-fake-video-capture=${path}`],
        symbol,
        end: () => rmSync(folder, { recursive: true, force: true }),
    };
}
