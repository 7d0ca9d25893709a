// An event's picture as the server takes it. What a phone's camera makes is larger, and nobody at a phone can make it smaller but we.

/** What the server takes (src/events/image.h): these kinds, so many bytes, so many pixels a side. */
export const kinds = ['image/png', 'image/jpeg', 'image/webp'];
const BYTES_MAX = 5 * 1024 * 1024;
const SIDE_MAX = 10_000;
/** Wide enough for the largest place that shows it, on a dense screen. */
const SIDE = 2400;

/** How large a picture of these sides is drawn so that none is longer than SIDE; never larger than it is. */
export function drawnAs(width: number, height: number): { width: number; height: number } {
  const scale = Math.min(1, SIDE / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

async function smaller(image: ImageBitmap, name: string): Promise<File | undefined> {
  const canvas = document.createElement('canvas');
  Object.assign(canvas, drawnAs(image.width, image.height));
  const context = canvas.getContext('2d');
  if (!context) return undefined;
  // JPEG has no transparency: on white, as paper.
  context.fillStyle = '#fff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, 'image/jpeg', 0.85));
  return blob && blob.size <= BYTES_MAX ? new File([blob], name.replace(/\.\w+$/, '.jpg'), { type: blob.type }) : undefined;
}

/** The file as it is where the server takes it, else drawn anew; undefined for what is no picture. */
export async function fitting(file: File): Promise<File | undefined> {
  if (!kinds.includes(file.type)) return undefined;
  let image: ImageBitmap;
  try {
    // The way up that the camera noted.
    image = await createImageBitmap(file, { imageOrientation: 'from-image' });
  } catch {
    return undefined;
  }
  const fits = file.size <= BYTES_MAX && Math.max(image.width, image.height) <= SIDE_MAX;
  const result = fits ? file : await smaller(image, file.name);
  image.close();
  return result;
}
