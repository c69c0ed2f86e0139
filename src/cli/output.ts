/** Sentences and tables for people. */
import { PAGE } from '../keys/limits.ts'
import { statusOfKey } from '../stores/key-filter.ts'
import type { Confirmation } from '../stores/coherent-key-store.ts'
import type { KeyDetails } from '../stores/writable-key-store.ts'

/**
 * Replaces control characters, because a terminal acts on them and not every store keeps them out. Replaces format
 * characters too: they are invisible, and some reverse the text around them, so that one name looks like another.
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

/** @param withTenant adds a column with the tenant */
export function keyTable(keys: readonly KeyDetails[], withTenant = false): string {
  return table(
    withTenant ? ['TENANT', ...COLUMNS] : COLUMNS,
    keys.map((key) => [
      ...(withTenant ? [key.tenantId] : []),
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

export function day(at: Date | null): string {
  return at === null ? '-' : at.toISOString().slice(0, 16).replace('T', ' ')
}

export function reached({ confirmedBy, instances, waitedMs }: Confirmation): string {
  const took = `after ${Math.round(waitedMs)} ms`
  const running = instances === 1 ? '1 running instance' : `${instances} running instances`
  // With `lease` and no instances, rows of the fleet may have been lost. By now, an instance without a row may not serve.
  if (confirmedBy !== 'none' && instances === 0) return `in force everywhere ${took}: no instance is running`
  if (confirmedBy === 'all') return `in force everywhere ${took}, confirmed by ${running}`
  if (confirmedBy === 'lease') {
    return `in force everywhere ${took}: the lease of each instance that did not answer has ended (${running})`
  }
  return 'written; it takes effect as cached keys reach their time to live'
}

/** Reads all pages, and returns their records. */
export async function allPages<Record>(
  read: (page: {
    limit: number
    cursor?: string
  }) => Promise<{ records: Record[]; nextCursor: string | null }>,
): Promise<Record[]> {
  const all: Record[] = []
  let cursor: string | null = null
  do {
    const page: { records: Record[]; nextCursor: string | null } = await read({
      limit: PAGE,
      ...(cursor !== null && { cursor }),
    })
    all.push(...page.records)
    cursor = page.nextCursor
  } while (cursor !== null)
  return all
}
