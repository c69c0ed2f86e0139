/** The names of a key, and texts about it that appear in more than one place. */
import type { Key, Reach } from './api.ts'
import { isWithinDays } from './time.ts'

/** `tk_live_abcd…wxyz`: the part of a key that may be shown, and that distinguishes it from every other. */
export function displayForm({ start, last4 }: Key): string {
  return `${start}…${last4}`
}

/** `Checkout …wxyz`: the name alone is not enough, because a rotation leaves two keys with it. */
export function label({ name, last4 }: Key): string {
  return `${name} …${last4}`
}

/** `“Checkout” (…wxyz)`, in a sentence. */
export function quoted({ name, last4 }: Key): string {
  return `“${name}” (…${last4})`
}

/** Whether a key ends soon: within the longest grace period of a rotation. A new key should then not end with it. */
export function isEnding({ expiresAt }: Key): boolean {
  return expiresAt !== null && isWithinDays(expiresAt, 7)
}

export function reached({ confirmedBy, waitedMs }: Reach): string {
  if (confirmedBy === 'none') return 'It is refused as soon as caches have dropped it.'
  const time = waitedMs < 10 ? waitedMs.toFixed(1) : Math.round(waitedMs)
  return `Refused everywhere after ${time} ms.`
}

export function confirmedBy({ confirmedBy }: Reach): string {
  if (confirmedBy === 'lease')
    return 'Not all servers answered. Those that did not cannot accept any key without asking the store.'
  return confirmedBy === 'all' ? 'Confirmed by all servers.' : ''
}
