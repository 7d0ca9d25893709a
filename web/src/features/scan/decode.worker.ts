// Reads QR codes out of camera frames, off the page's thread: by the browser's own reader where it has one, else by ours (WebAssembly, from our own
// server: the package would fetch it from elsewhere).
import { prepareZXingModule, readBarcodes } from 'zxing-wasm/reader';
import wasm from 'zxing-wasm/reader/zxing_reader.wasm?url';

type Native = { detect: (image: ImageBitmap) => Promise<{ rawValue: string }[]> };
type NativeClass = { new (options: { formats: string[] }): Native; getSupportedFormats: () => Promise<string[]> };

async function native(): Promise<Native | undefined> {
  const Detector = (self as { BarcodeDetector?: NativeClass }).BarcodeDetector;
  try {
    return Detector && (await Detector.getSupportedFormats()).includes('qr_code') ? new Detector({ formats: ['qr_code'] }) : undefined;
  } catch {
    return undefined;
  }
}

const reader = native().then((detector) => {
  if (!detector) prepareZXingModule({ overrides: { locateFile: () => wasm }, fireImmediately: true }).catch(() => undefined);
  return detector;
});

let canvas: OffscreenCanvas | undefined;

async function read(image: ImageBitmap): Promise<string | undefined> {
  const detector = await reader;
  if (detector) return (await detector.detect(image))[0]?.rawValue;
  canvas ??= new OffscreenCanvas(image.width, image.height);
  if (canvas.width !== image.width) canvas.width = image.width;
  if (canvas.height !== image.height) canvas.height = image.height;
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context?.drawImage(image, 0, 0);
  const pixels = context?.getImageData(0, 0, image.width, image.height);
  const [found] = pixels ? await readBarcodes(pixels, { formats: ['QRCode'], maxNumberOfSymbols: 1 }) : [];
  return found?.isValid ? found.text : undefined;
}

/** One answer to each frame, also to one that could not be read: the page sends the next one then. */
self.onmessage = async ({ data: image }: MessageEvent<ImageBitmap>) => {
  let text: string | undefined;
  let fault: string | undefined;
  try {
    text = await read(image);
  } catch (error) {
    fault = String(error);
  }
  image.close();
  self.postMessage({ text, fault });
};
