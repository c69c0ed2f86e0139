/** What `npm start` prints for a newcomer: a key that works, and commands to paste. */
import type { DemoKey } from './demo-key.ts'

export function welcome(address: string, { id, key }: DemoKey): string {
  return `
Loom API sample, listening on ${address}

A key of the tenant Acme, made at this start and good for 24 hours (it is shown only here, only now):

  ${key}

Call the API with it:

  curl -X POST ${address}/verify/start \\
    -H "x-tenant-api-key: ${key}" \\
    -H "Content-Type: application/json" \\
    -d '{}'

Sign in as an administrator of Acme, for a minute, and call the console:

  TOKEN=$(curl -s -X POST ${address}/dev/sign-in -H "Content-Type: application/json" \\
    -d '{"organization":"acme","role":"org:admin"}' | node -p 'JSON.parse(fs.readFileSync(0)).token')
  curl ${address}/console/me -H "Authorization: Bearer $TOKEN"

Revoke the key, and see the first command refused:

  curl -X DELETE ${address}/console/keys/${id} -H "Authorization: Bearer $TOKEN"

Or in a browser: ${address}/dashboard, and ${address}/docs for the API's description.

`
}
