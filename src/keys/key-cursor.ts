/** The opaque cursor of a list: the place of the last key shown, so that keys made meanwhile move nothing. */
import type { KeyDetails, ListOptions } from '../stores/writable-key-store.ts'
import { isId } from './key-values.ts'
import { CURSOR_LENGTH } from './limits.ts'
import { invalid } from './text.ts'

type Place = NonNullable<ListOptions['after']>

export function encodeCursor({ createdAt, id }: Pick<KeyDetails, 'createdAt' | 'id'>): string {
  return Buffer.from(`${createdAt.getTime()}.${id}`).toString('base64url')
}

/** @throws `KEY_INVALID` where the cursor is none that a list has answered */
export function decodeCursor(cursor: unknown): Place {
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
