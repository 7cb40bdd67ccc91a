import type { z } from 'zod'
import type { Role } from './access.ts'
import type { ErrorCode } from './errors.ts'
import type { Channel } from './frames.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** What is limited apart from each other. */
export type RateClass = 'exec' | 'deploy' | 'rest'

/** Who may call: a key's scope, a host's or a gateway's credential, or anybody. */
export type Scope = 'public' | 'read' | 'write' | 'exec' | 'admin' | 'host' | 'gateway'

export interface JsonResult<S extends z.ZodType = z.ZodType> {
  readonly kind: 'json'
  readonly status: 200 | 201 | 202
  readonly schema: S
}
export interface EmptyResult {
  readonly kind: 'empty'
}
export interface BytesResult {
  readonly kind: 'bytes'
  readonly mediaType: string
}
export interface EventsResult<S extends z.ZodType = z.ZodType> {
  readonly kind: 'events'
  readonly schema: S
}
export interface FileResult {
  readonly kind: 'file'
}
export interface DuplexResult {
  readonly kind: 'duplex'
}
export type ResultKind = JsonResult | EmptyResult | BytesResult | FileResult | EventsResult | DuplexResult

/** A file, a part of one (206), or that it is as the client knows it (304). */
export interface FileAnswer {
  readonly status: 200 | 206 | 304
  /** Names in lower case: `etag`, `content-length`, `content-range`, `last-modified`. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: AsyncIterable<Uint8Array>
}

/** A body that is streamed and never parsed. */
export interface BytesBody {
  readonly kind: 'bytes'
  readonly mediaType: string
}

/** One JSON document. */
export const json = <S extends z.ZodType>(schema: S, status: 200 | 201 | 202 = 200): JsonResult<S> => ({
  kind: 'json',
  status,
  schema,
})
/** 204. */
export const empty = (): EmptyResult => ({ kind: 'empty' })
/** A stream of bytes; as a body or as a result. */
export const bytes = (mediaType = 'application/octet-stream'): BytesResult & BytesBody => ({
  kind: 'bytes',
  mediaType,
})
/** Bytes with an entity tag, of which a part may be asked for: `range`, `if-range` and `if-none-match` count. */
export const file = (): FileResult => ({ kind: 'file' })
/** A stream of objects: NDJSON, or server-sent events when the client asks for `text/event-stream`. */
export const events = <S extends z.ZodType>(schema: S): EventsResult<S> => ({ kind: 'events', schema })
/** Frames both ways: on an HTTP/2 stream between our own parts, as a WebSocket for clients. */
export const duplex = (): DuplexResult => ({ kind: 'duplex' })

/** One HTTP endpoint: all that the server, the client and the OpenAPI document need to know. */
export interface Endpoint {
  readonly method: Method
  /** With `:name` for each key of `params`. */
  readonly path: `/${string}`
  /** One line for the reference. */
  readonly summary: string
  readonly scope: Scope
  /** The least that the caller has to be in its team; without it, a viewer for the scope `read`, else a member. */
  readonly role?: Role
  /** Which of the caller's rate limits it counts against; without it, the one for everything else. */
  readonly rate?: Exclude<RateClass, 'rest'>
  /**
   * Of each POST under /v1, what a second request with the same `Idempotency-Key` gets within 24 hours: the present
   * state of what the first one made or changed (`replay`), or `idempotency_replayed` where the answer is not kept
   * (`once`). Neither does anything a second time.
   */
  readonly idempotency?: 'replay' | 'once'
  /** Of one that writes: `if-match` and `if-none-match` count. */
  readonly conditional?: true
  readonly params?: z.ZodObject
  readonly query?: z.ZodObject
  readonly body?: z.ZodType | BytesBody
  readonly result: ResultKind
  /** Codes it may answer with beyond those that every endpoint shares. */
  readonly errors: readonly ErrorCode[]
}

/** Declares an endpoint and keeps its exact type. */
export const endpoint = <const E extends Endpoint>(definition: E): E => definition

/** A tree of endpoints; the client has the same shape. */
export interface Contract {
  readonly [name: string]: Endpoint | Contract
}

export const isEndpoint = (node: Endpoint | Contract): node is Endpoint => typeof node.method === 'string'

/** All endpoints of a tree with their dotted names, in the order of their declaration. */
export function listEndpoints(tree: Contract, prefix = ''): { name: string; endpoint: Endpoint }[] {
  return Object.entries(tree).flatMap(([key, node]) =>
    isEndpoint(node) ? [{ name: prefix + key, endpoint: node }] : listEndpoints(node, `${prefix}${key}.`),
  )
}

export const isBytesBody = (body: z.ZodType | BytesBody): body is BytesBody =>
  'kind' in body && body.kind === 'bytes'

type SchemaOf<E, P extends string> = E extends { readonly [K in P]: infer S } ? S : never
type InputOf<S> = S extends z.ZodType ? z.input<S> : S extends BytesBody ? AsyncIterable<Uint8Array> : never
type OutputOf<S> = S extends z.ZodType ? z.output<S> : S extends BytesBody ? AsyncIterable<Uint8Array> : never
type Part = 'params' | 'query' | 'body'
type Parts<E> = { [P in Part as SchemaOf<E, P> extends never ? never : P]: SchemaOf<E, P> }
type OptionalPart<E> = { [P in keyof Parts<E>]: {} extends InputOf<Parts<E>[P]> ? P : never }[keyof Parts<E>]

/** What a caller passes: before coercion and defaults. A part whose fields are all optional may be left out. */
export type CallInput<E> = { [P in Exclude<keyof Parts<E>, OptionalPart<E>>]: InputOf<Parts<E>[P]> } & {
  [P in OptionalPart<E>]?: InputOf<Parts<E>[P]>
}
/** What a handler receives: validated, with defaults. */
export type HandlerInput<E> = { [P in keyof Parts<E>]: OutputOf<Parts<E>[P]> }

type Streamed = AsyncIterable<Uint8Array>
/** What the client's promise resolves to. */
export type CallResult<E extends Endpoint> =
  E['result'] extends JsonResult<infer S>
    ? z.output<S>
    : E['result'] extends EventsResult<infer S>
      ? AsyncIterable<z.output<S>>
      : E['result'] extends BytesResult
        ? Streamed
        : E['result'] extends FileResult
          ? FileAnswer
          : E['result'] extends DuplexResult
            ? Channel
            : void
/** What a handler resolves to; a duplex handler gets its channel as an argument instead. */
export type HandlerResult<E extends Endpoint> =
  E['result'] extends JsonResult<infer S>
    ? z.input<S>
    : E['result'] extends EventsResult<infer S>
      ? AsyncIterable<z.input<S>>
      : E['result'] extends BytesResult
        ? Streamed
        : E['result'] extends FileResult
          ? FileAnswer
          : void
