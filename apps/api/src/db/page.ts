import { GpulabError } from '@gpulab/contract'

const uuidShape = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Where a page ended: the time and id of its last row. */
export interface Position {
  readonly at: Date
  readonly uuid: string
}

export const encodeCursor = ({ at, uuid }: Position): string =>
  Buffer.from(`${at.getTime()} ${uuid}`).toString('base64url')

/** Throws `invalid_request` on anything that `encodeCursor` did not make. */
export function decodeCursor(cursor: string, idShape: RegExp = uuidShape): Position {
  const [time, uuid] = Buffer.from(cursor, 'base64url').toString().split(' ')
  if (uuid === undefined || !/^\d{1,13}$/.test(time ?? '') || !idShape.test(uuid)) {
    throw new GpulabError('invalid_request', { message: 'query.cursor: is not one of ours' })
  }
  return { at: new Date(Number(time)), uuid }
}

/** Cuts the one row too many that tells whether there is a next page. */
export function toPage<T>(
  rows: readonly T[],
  limit: number,
  cursorOf: (last: T) => string,
): { items: T[]; next_cursor: string | null } {
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  return { items, next_cursor: rows.length > limit && last !== undefined ? cursorOf(last) : null }
}
