import type { ApiError } from '@/api/errors';
import { pointerToForm } from './draft';

/** The server's faults, each at the pointer of the form's field that it is about. */
export function faultsOf(error: ApiError, places: number[]): Record<string, string> {
  return Object.fromEntries(error.faults.map((fault) => [pointerToForm(fault.pointer, places), fault.detail]));
}
