/** The opaque cursor of a list: the place of the last key shown, so that keys made meanwhile move nothing. */
import type { Page } from '../stores/writable-key-store.ts'
import { checkLimit, isId } from './key-values.ts'
import { CURSOR_LENGTH } from './limits.ts'
import { invalid } from './text.ts'

type Place = NonNullable<Page['after']>

function encodeCursor({ createdAt, id }: Place): string {
  return Buffer.from(`${createdAt.getTime()}.${id}`).toString('base64url')
}

/** @param read is asked for one record more than is shown, which tells whether there are more */
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

/** @throws `KEY_INVALID` where the cursor is none that a list has answered */
function decodeCursor(cursor: unknown): Place {
  const isCursor = typeof cursor === 'string' && cursor.length <= CURSOR_LENGTH
  const text = isCursor ? Buffer.from(cursor, 'base64url').toString() : ''
  const [, time, id] = /^(\d{1,15})\.(.+)$/su.exec(text) ?? []
  if (time !== undefined && isId(id)) {
    const place = { createdAt: new Date(Number(time)), id }
    // Decoding is lenient, so what decodes may still be something else.
    if (encodeCursor(place) === cursor) return place
  }
  throw invalid('cursor', 'the nextCursor of an earlier page, unchanged')
}
