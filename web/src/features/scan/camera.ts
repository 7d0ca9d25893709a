// The camera, and its frames to the reader: the middle of the picture, at most 800 px wide, 14 times a second, one at a time.
const SIDE = 800;
const EVERY_MS = 70;
/** So many frames in a row that could not be read at all are no accident. */
const UNREAD_MAX = 5;

/** `reader`: the camera works, and what reads its pictures does not. */
export type CameraFault = 'insecure' | 'refused' | 'none' | 'busy' | 'reader';
export type Abilities = { torch: boolean; zoom?: { min: number; max: number; step: number }; cameras: number };

type Capabilities = MediaTrackCapabilities & { torch?: boolean; zoom?: { min: number; max: number; step?: number } };

function faultOf(error: unknown): CameraFault {
  const name = error instanceof DOMException ? error.name : '';
  if (name === 'NotAllowedError' || name === 'SecurityError') return 'refused';
  return name === 'NotFoundError' || name === 'OverconstrainedError' ? 'none' : 'busy';
}

export class Camera {
  private stream?: MediaStream;
  private worker?: Worker;
  private timer?: ReturnType<typeof setTimeout>;
  private free = true;
  private capturedAt = 0;
  private running = false;
  private unread = 0;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly onCode: (text: string, capturedAt: number) => void,
    /** What ended after a good beginning: a still picture or a dead reader must not pass for a camera that sees. */
    private readonly onFault: (fault: CameraFault) => void,
  ) {}

  /** Which cameras there are is told only once one was allowed. `device` undefined: the one that looks away from the user. */
  async open(device?: string): Promise<{ fault: CameraFault } | { abilities: Abilities }> {
    if (!window.isSecureContext || !navigator.mediaDevices) return { fault: 'insecure' };
    this.running = true;
    try {
      const wish = device ? { deviceId: { exact: device } } : { facingMode: 'environment' };
      const stream = await navigator.mediaDevices.getUserMedia({
        video: { ...wish, width: { ideal: 1280 }, height: { ideal: 720 } },
        audio: false,
      });
      // Closed while the question was on the screen.
      if (!this.running) for (const track of stream.getTracks()) track.stop();
      else this.stream = stream;
      // A call, another app, a cable that was pulled.
      this.track?.addEventListener('ended', () => this.running && this.onFault('busy'));
      this.video.srcObject = stream;
      await this.video.play().catch(() => undefined);
    } catch (error) {
      return { fault: faultOf(error) };
    }
    this.worker ??= this.makeWorker();
    this.tick();
    return { abilities: await this.abilities() };
  }

  private makeWorker(): Worker {
    const worker = new Worker(new URL('./decode.worker.ts', import.meta.url), { type: 'module' });
    worker.onmessage = ({ data }: MessageEvent<{ text?: string; fault?: string }>) => {
      this.free = true;
      this.unread = data.fault ? this.unread + 1 : 0;
      if (data.fault) console.warn('scanner:', data.fault);
      if (this.unread === UNREAD_MAX && this.running) this.onFault('reader');
      if (data.text && this.running) this.onCode(data.text, this.capturedAt);
    };
    worker.onerror = () => this.running && this.onFault('reader');
    return worker;
  }

  private get track(): MediaStreamTrack | undefined {
    return this.stream?.getVideoTracks()[0];
  }

  private async abilities(): Promise<Abilities> {
    const can = (this.track?.getCapabilities?.() ?? {}) as Capabilities;
    const cameras = (await navigator.mediaDevices.enumerateDevices()).filter((one) => one.kind === 'videoinput');
    return {
      torch: can.torch === true,
      ...(can.zoom && can.zoom.max > can.zoom.min && { zoom: { min: can.zoom.min, max: can.zoom.max, step: can.zoom.step ?? 0.1 } }),
      cameras: cameras.length,
    };
  }

  private tick = (): void => {
    clearTimeout(this.timer);
    if (!this.running) return;
    this.timer = setTimeout(this.tick, EVERY_MS);
    if (this.free && this.video.readyState >= 2 && document.visibilityState === 'visible') void this.send();
  };

  private async send(): Promise<void> {
    const { videoWidth: width, videoHeight: height } = this.video;
    const side = Math.min(width, height);
    if (!side) return;
    this.free = false;
    this.capturedAt = performance.now();
    const size = Math.min(side, SIDE);
    try {
      const image = await createImageBitmap(this.video, (width - side) / 2, (height - side) / 2, side, side, {
        resizeWidth: size,
        resizeHeight: size,
      });
      this.worker?.postMessage(image, [image]);
    } catch {
      // The stream has just ended or changed: the next frame.
      this.free = true;
    }
  }

  /** The next of the phone's cameras. */
  async another(): ReturnType<Camera['open']> {
    const cameras = (await navigator.mediaDevices.enumerateDevices()).filter((one) => one.kind === 'videoinput');
    const at = cameras.findIndex((one) => one.deviceId === this.track?.getSettings().deviceId);
    this.track?.stop();
    return this.open(cameras[(at + 1) % cameras.length]?.deviceId);
  }

  torch = (on: boolean): Promise<void> => this.apply({ torch: on });
  zoom = (to: number): Promise<void> => this.apply({ zoom: to });
  private async apply(wish: Record<string, unknown>): Promise<void> {
    await this.track?.applyConstraints({ advanced: [wish as MediaTrackConstraintSet] }).catch(() => undefined);
  }

  close(): void {
    this.running = false;
    clearTimeout(this.timer);
    this.worker?.terminate();
    this.worker = undefined;
    this.free = true;
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = undefined;
    this.video.srcObject = null;
  }
}
