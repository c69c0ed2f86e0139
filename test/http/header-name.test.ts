import assert from 'node:assert/strict'
import { it } from 'node:test'
import { credentialRedaction, securitySchemes, withoutCredentials } from '../../src/index.ts'

const calls: Record<string, (name: never) => unknown> = {
  credentialRedaction,
  securitySchemes,
  withoutCredentials,
}
for (const [call, of] of Object.entries(calls)) {
  it(`${call} rejects what is not the name of a header`, () => {
    const odd = [
      null,
      5,
      '',
      {},
      [],
      ['x'],
      Symbol('x'),
      () => 'x',
      ...(call === 'credentialRedaction' ? [] : ['a b']),
    ]
    for (const name of odd)
      assert.throws(() => of(name as never), {
        code: 'TENANT_AUTH_BAD_OPTION',
        message: new RegExp(`of ${call} must be the name of `),
      })
  })
}

it('the case of a header name does not matter', () => {
  assert.deepEqual(securitySchemes('X-Tenant-Api-Key'), securitySchemes())
})
