/** Freezes what requests share, through and through. Not recursive: a token may nest deeper than the stack. */
export function deepFreeze<T extends object>(value: T): T {
  const parts: object[] = [value]
  for (const part of parts) {
    for (const inner of Object.values(Object.freeze(part)) as unknown[]) {
      if (typeof inner === 'object' && inner !== null) parts.push(inner)
    }
  }
  return value
}
