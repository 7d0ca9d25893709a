// The one way to the API: typed by the paths of openapi.json, with the token, an Idempotency-Key for writes, and errors in one form.
import axios, { AxiosError, type AxiosResponse } from 'axios';
import { learnTime } from '@/lib/clock';
import { uuid7 } from '@/lib/id';
import { ApiError, type FieldFault } from './errors';
import type { paths } from './schema';

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';
export type PathWith<M extends Method> = { [P in keyof paths]: paths[P] extends { [K in M]: unknown } ? P : never }[keyof paths];
type Operation<P extends keyof paths, M extends Method> = paths[P] extends { [K in M]: infer O } ? O : never;
type Json<R> = R extends { content: { 'application/json': infer B } } ? B : never;
type Replies<O> = O extends { responses: infer R } ? R : never;
export type Answer<P extends keyof paths, M extends Method> = {
  [S in 200 | 201 | 202]: S extends keyof Replies<Operation<P, M>> ? Json<Replies<Operation<P, M>>[S]> : never;
}[200 | 201 | 202];
type Part<O, N extends string> = O extends { parameters: { [K in N]?: infer V } } ? V : never;
export type Query<P extends keyof paths, M extends Method> = Part<Operation<P, M>, 'query'>;
export type PathParams<P extends keyof paths, M extends Method> = Part<Operation<P, M>, 'path'>;
export type Body<P extends keyof paths, M extends Method> =
  Operation<P, M> extends { requestBody?: { content: { 'application/json': infer B } } } ? B : never;

export type Options<P extends keyof paths, M extends Method> = {
  path?: PathParams<P, M>;
  query?: Query<P, M>;
  body?: Body<P, M>;
  /** Made before the first try and kept over all of them; made here where it is left out. */
  key?: string;
  /** If-Match of a PATCH. */
  match?: string;
  /** Without the token, though somebody is signed in: what a shared cache may answer. */
  anonymous?: boolean;
  /** As the scanner device of this credential, whoever is signed in. */
  bearer?: string;
  signal?: AbortSignal;
};

let token: () => Promise<string | undefined> = async () => undefined;

/** The session says where tokens come from; until then every call is anonymous. */
export function tokensFrom(source: typeof token): void {
  token = source;
}

const client = axios.create({ timeout: 30_000, paramsSerializer: { indexes: null } });

function fill(path: string, params: Record<string, string> | undefined): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params?.[name] ?? ''));
}

/** Make an ApiError of whatever axios threw. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const answer = error instanceof AxiosError ? error.response : undefined;
  if (!answer) return new ApiError(0, 'network', error instanceof Error ? error.message : String(error));
  const problem = (typeof answer.data === 'object' && answer.data ? answer.data : {}) as Record<string, unknown>;
  const code =
    String(problem.type ?? '')
      .split('/')
      .pop() || `http-${answer.status}`;
  const wait = Number(answer.headers['retry-after']);
  return new ApiError(
    answer.status,
    code,
    String(problem.detail ?? problem.title ?? answer.statusText),
    (problem.errors as FieldFault[] | undefined) ?? [],
    problem.requestId as string | undefined,
    Number.isFinite(wait) ? wait : undefined,
    problem,
  );
}

export async function call<P extends PathWith<M> & string, M extends Method>(
  method: M,
  path: P,
  options: Options<P, M> = {},
): Promise<AxiosResponse<Answer<P, M>>> {
  const headers: Record<string, string> = {};
  if (method !== 'get') headers['Idempotency-Key'] = options.key ?? uuid7();
  if (options.match) headers['If-Match'] = options.match;
  try {
    const bearer = options.bearer ?? (options.anonymous ? undefined : await token());
    if (bearer) headers.Authorization = `Bearer ${bearer}`;
    const sentAt = performance.now();
    const answer = await client.request<Answer<P, M>>({
      method,
      url: fill(path, options.path as Record<string, string> | undefined),
      params: options.query,
      data: options.body,
      headers,
      signal: options.signal,
    });
    learnTime(answer.headers.date, sentAt);
    return answer;
  } catch (error) {
    if (axios.isCancel(error)) throw error;
    throw toApiError(error);
  }
}

async function body<P extends PathWith<M> & string, M extends Method>(method: M, path: P, options?: Options<P, M>): Promise<Answer<P, M>> {
  return (await call(method, path, options)).data;
}

export const get = <P extends PathWith<'get'> & string>(path: P, options?: Options<P, 'get'>) => body('get', path, options);
export const post = <P extends PathWith<'post'> & string>(path: P, options?: Options<P, 'post'>) => body('post', path, options);
export const put = <P extends PathWith<'put'> & string>(path: P, options?: Options<P, 'put'>) => body('put', path, options);
export const patch = <P extends PathWith<'patch'> & string>(path: P, options?: Options<P, 'patch'>) => body('patch', path, options);
export const remove = <P extends PathWith<'delete'> & string>(path: P, options?: Options<P, 'delete'>) => body('delete', path, options);

/** Send a file as it is (an event's picture). */
export async function upload(path: string, file: Blob): Promise<void> {
  const bearer = await token();
  try {
    await client.put(path, file, { headers: { 'Content-Type': file.type, ...(bearer ? { Authorization: `Bearer ${bearer}` } : {}) } });
  } catch (error) {
    throw toApiError(error);
  }
}

/** Fetch a file that takes a token (a CSV) and give it to the browser as a download. */
export async function download(path: string, name: string): Promise<void> {
  const bearer = await token();
  try {
    const answer = await client.get<Blob>(path, {
      responseType: 'blob',
      timeout: 300_000,
      headers: bearer ? { Authorization: `Bearer ${bearer}` } : {},
    });
    const link = document.createElement('a');
    link.href = URL.createObjectURL(answer.data);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  } catch (error) {
    throw toApiError(error);
  }
}
