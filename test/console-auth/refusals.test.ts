/** The reasons of refusals, and what the log says about them. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { it } from 'node:test'
import { ALL_REASONS, told, UNKNOWN_USER } from '../../src/console-auth/refusals.ts'

it('docs/logging.md lists every reason, and no other', () => {
  const row =
    /^\|(.*`missing`.*)\| `consoleAuth` *\|$/m.exec(readFileSync('docs/logging.md', 'utf8'))?.[1] ?? ''
  const listed = [...row.matchAll(/`(\w+)`/g)].map(([, word]) => word)
  assert.deepEqual(new Set(listed), new Set([...ALL_REASONS, UNKNOWN_USER.reason]))
})

it('told() shortens what anybody may have written, and masks unsafe characters and credentials', () => {
  const key = 'tk_live_0123456789abcdefghijklmnopqrstuvw0000000'
  const cases: [value: unknown, expected: unknown][] = [
    ['https://dashboard.example.com:3000', 'https://dashboard.example.com:3000'],
    ['ins_2GIoQhbUpy0hX7B2cVkuTMinXoD', 'ins_2GIoQhbUpy0hX7B2cVkuTMinXoD'],
    ['ins_01234567-89ab-cdef-0123-456789abcdef', 'ins_01234567-89ab-cdef-0123-456789abcdef'],
    ['a\r\nb\u001b[0m\u202ec"d<e>', 'a??b??0m?c?d?e?'],
    ['x.'.repeat(1_000), 'x.'.repeat(50)],
    [key, '…'],
    [`https://x.example/?k=${key}&a`, 'https://x.example/?k?…?a'],
    [`${'./'.repeat(30)}${key}`, `${'./'.repeat(30)}…`],
    [
      ['a', { b: 1 }, 7, null, undefined, 'f'],
      ['a', 'object', 7, null, 'undefined'],
    ],
    [true, true],
    [{ toString: () => key }, 'object'],
    [undefined, 'undefined'],
  ]
  for (const [value, expected] of cases) assert.deepEqual(told(value), expected)
})
