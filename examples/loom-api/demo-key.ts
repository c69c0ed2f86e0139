/** For the development sign-in: creates its tenants, and a new key to try, because a stored one cannot be shown again. */
import { KeyManager, type WritableKeyStore } from 'fastify-tenant-auth'
import { ORGANIZATIONS } from './sign-in.ts'
import { SCOPES } from './tenant-routes.ts'
import { ensureTenant } from './tenants.ts'

/** Milliseconds. Keys of earlier starts work until they expire, so a restart breaks nothing that uses one. */
const LIFETIME = 24 * 3_600_000

export interface DemoKey {
  id: string
  key: string
}

/** Creates the tenants that are missing, and a key of the first. */
export async function createDemoKey(keyStore: WritableKeyStore): Promise<DemoKey> {
  const keys = new KeyManager(keyStore)
  for (const { id, name } of ORGANIZATIONS) await ensureTenant(keys, id, name)
  const { key, details } = await keys.create({
    tenantId: ORGANIZATIONS[0].id,
    name: 'Demo',
    environment: 'test',
    scopes: SCOPES,
    expiresAt: new Date(Date.now() + LIFETIME),
    createdBy: 'npm start',
  })
  return { id: details.id, key }
}
