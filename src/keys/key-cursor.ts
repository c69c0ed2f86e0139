/** The opaque cursor of a list: the position of the last record shown, so that new records do not shift the pages. */
import type { Page } from '../stores/writable-key-store.ts'
import { checkLimit, isId } from './key-values.ts'
import { CURSOR_LENGTH } from './limits.ts'
import { invalid } from './text.ts'

type Place = NonNullable<Page['after']>

function encodeCursor({ createdAt, id }: Place): string {
  return Buffer.from(`${createdAt.getTime()}.${id}`).toString('base64url')
}

/** @param read gets a limit of one record more than the page shows, to find out whether there is another page */
export async function paged<Record extends Place>(
  limit: number | undefined,
  cursor: string | undefined,
  read: (page: Page) => Promise<Record[]>,
): Promise<{ records: Record[]; nextCursor: string | null }> {
  const size = checkLimit(limit)
  const after = cursor === undefined ? undefined : decodeCursor(cursor)
  const found = await read({ limit: size + 1, after })
  const records = found.slice(0, size)
  const last = records.at(-1)
  return { records, nextCursor: found.length > size && last ? encodeCursor(last) : null }
}

/** @throws `KEY_INVALID` unless the cursor has the form of those that a list returns */
function decodeCursor(cursor: unknown): Place {
  const isCursor = typeof cursor === 'string' && cursor.length <= CURSOR_LENGTH
  const text = isCursor ? Buffer.from(cursor, 'base64url').toString() : ''
  const [, time, id] = /^(-?\d{1,16})\.(.+)$/su.exec(text) ?? []
  if (time !== undefined && isId(id)) {
    const place = { createdAt: new Date(Number(time)), id }
    // Base64 decoding is lenient: other strings may decode to the same text.
    if (encodeCursor(place) === cursor) return place
  }
  throw invalid('cursor', 'the nextCursor of an earlier page, unchanged')
}
