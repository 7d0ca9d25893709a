// What went wrong with a call, in one form: a problem of the server's (RFC 9457), or no answer at all.

export type FieldFault = { pointer: string; code: string; detail: string };

export class ApiError extends Error {
  override name = 'ApiError';

  constructor(
    /** The HTTP status; 0 when no answer came. */
    readonly status: number,
    /** The problem type's last part: "sold-out"; "network" when no answer came. */
    readonly code: string,
    /** One sentence, in English; pages say it in their own words where they know the code. */
    readonly detail: string,
    readonly faults: FieldFault[] = [],
    readonly requestId?: string,
    /** Seconds to wait, where the server named them. */
    readonly retryAfter?: number,
    /** The whole problem document: "sold-out" has what is left beside it. */
    readonly problem: Record<string, unknown> = {},
  ) {
    super(detail);
  }

  /** Worth another try without anybody doing anything: no answer, overloaded, or told to wait. */
  get passing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** Hand each fault to the form field it is about ("/ticketTypes/0/price" as "ticketTypes.0.price"); gives back those that no field took. */
export function faultsToForm(error: ApiError, set: (name: string, message: string) => boolean): FieldFault[] {
  return error.faults.filter((fault) => !set(fault.pointer.replace(/^\//, '').replaceAll('/', '.'), fault.detail));
}
