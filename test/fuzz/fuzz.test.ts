/** A short share of `npm run fuzz`, always the same. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { campaign } from './campaign.ts'
import { PROBES } from './probes.ts'

test('no generated input gets in, stops the app or makes it leak a credential', async () => {
  const { findings, perProbe } = await campaign({ seed: 1, inputs: 1_000, until: Infinity })
  assert.deepEqual(findings, [])
  assert.deepEqual(Object.keys(perProbe).sort(), PROBES.map(({ name }) => name).sort())
})
