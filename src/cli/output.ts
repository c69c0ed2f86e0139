/** Words and tables for people, JSON for programs. */
import { statusOfKey } from '../keys/key-status.ts'
import type { Confirmation } from '../stores/coherent-key-store.ts'
import type { KeyDetails } from '../stores/writable-key-store.ts'

/**
 * A terminal acts on control characters, and not every store keeps them out. Format characters go, too: they cannot be
 * seen, and some turn the direction of the text around them, so that one name looks like another.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?')
}

/** Columns as wide as their widest cell; the last is not padded. */
export function table(header: readonly string[], cells: readonly (readonly string[])[]): string {
  const rows = cells.map((row) => row.map(printable))
  const widths = header.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  return [line(header), ...rows.map(line)].join('\n')
}

const COLUMNS = ['ID', 'NAME', 'ENV', 'KEY', 'SCOPES', 'STATUS', 'CREATED', 'EXPIRES', 'LAST USED']

export function keyTable(keys: readonly KeyDetails[]): string {
  return table(
    COLUMNS,
    keys.map((key) => [
      key.id,
      key.name,
      key.environment,
      `${key.start}...${key.last4}`,
      key.scopes.join(' ') || '-',
      statusOfKey(key),
      day(key.createdAt),
      day(key.expiresAt),
      day(key.lastUsedAt),
    ]),
  )
}

function day(at: Date | null): string {
  return at === null ? '-' : at.toISOString().slice(0, 16).replace('T', ' ')
}

export function reached({ confirmedBy, instances, waitedMs }: Confirmation): string {
  const took = `after ${Math.round(waitedMs)} ms`
  if (confirmedBy === 'all')
    return `in force everywhere ${took}, confirmed by ${instances} running instance(s)`
  if (confirmedBy === 'lease') {
    return `in force everywhere ${took}: of ${instances} running instance(s) some did not answer and may serve no more`
  }
  return 'written; it is in force when caches have let go of what they hold'
}
