/** The life of a key from the command line, on real servers. Processes test streams and exit codes. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { openStore } from '../../src/cli/open-store.ts'
import { isWellFormed } from '../../src/keys/key-format.ts'
import { KeyManager } from '../../src/keys/key-manager.ts'
import { redisAvailable, startPostgres, startRedis } from '../servers/index.ts'
import { cli, command } from './cli.ts'

interface Created {
  key: string
  details: { id: string }
}

interface Listed {
  keys: {
    id: string
    name: string
    start: string
    createdBy: string
    expiresAt: string | null
    revokedAt: string | null
  }[]
}

const CREATE = ['keys', 'create', '--tenant', 'acme', '--name', 'billing', '--env', 'live']

const BACKENDS = [
  {
    name: 'PostgreSQL',
    skip: false as const,
    start: async () => {
      const server = await startPostgres()
      return { server, env: { DATABASE_URL: server.connectionString } }
    },
  },
  {
    name: 'Redis',
    skip: !redisAvailable() && 'redis-server is not installed',
    start: async () => {
      const server = await startRedis()
      return { server, env: { REDIS_URL: server.url } }
    },
  },
]

for (const { name, skip, start } of BACKENDS) {
  describe(`CLI on ${name}`, { skip }, () => {
    let env: NodeJS.ProcessEnv
    let stop: () => Promise<unknown>
    before(async () => {
      const started = await start()
      env = started.env
      stop = () => started.server.stop()
      const migrated = await cli(['migrate'], env)
      assert.equal(migrated.code, 0, migrated.err)
      assert.equal(
        (await command(['tenants', 'create', '--id', 'acme', '--name', 'Acme'], env)).out,
        'acme\n',
      )
    })
    after(() => stop?.())

    const create = (...more: string[]) => command([...CREATE, ...more], env)
    const list = async () => {
      const { out } = await command(['keys', 'list', '--tenant', 'acme', '--json'], env)
      return (JSON.parse(out) as Listed).keys
    }

    it('migrates repeatedly without harm', async () => {
      const { code, out } = await command(['migrate', '--json'], env)
      assert.deepEqual([code, JSON.parse(out)], [0, { migrated: name === 'PostgreSQL' }])
    })

    it('writes a new key to standard output only, and its details to standard error', async () => {
      const args = ['--scope', 'usage:read', '--scope', 'x', '--expires', '90d']
      const { code, out, err } = await cli([...CREATE, ...args], env)
      assert.equal(code, 0, err)
      assert.ok(isWellFormed(out.trimEnd()) && out.endsWith('\n') && out.startsWith('tk_live_'))
      assert.match(err, /usage:read x +active/)
      assert.ok(!err.includes(out.trim()))
      const [key] = await list()
      assert.equal(key?.createdBy, 'cli:operator')
      assert.ok(out.startsWith(key?.start ?? '?'))
      const days = (Date.parse(key?.expiresAt ?? '') - Date.now()) / 86_400_000
      assert.ok(days > 89.9 && days <= 90)
    })

    it('lists keys as a table, or in full as JSON', async () => {
      const { out } = await command(['keys', 'list', '--tenant', 'acme'], env)
      const [header, ...rows] = out.trimEnd().split('\n')
      assert.match(header ?? '', /^ID +NAME +ENV +KEY +SCOPES +STATUS +CREATED +EXPIRES +LAST USED$/)
      assert.match(rows[0] ?? '', /^key_\w+ +billing +live +tk_live_\w{4}\.\.\.\w{4} /)
      assert.equal((await list()).length, rows.length)
    })

    it('filters the keys of all tenants', async () => {
      const other = (...args: string[]) => command([...args, '--json'], env)
      await command(['tenants', 'create', '--id', 'other', '--name', 'Other'], env)
      await other(
        'keys',
        'create',
        '--tenant',
        'other',
        '--name',
        'found',
        '--env',
        'beta',
        '--network',
        '10.0.0.0/8',
      )
      const { out } = await command(['keys', 'list', '--all', '--env', 'beta', '--name', 'FOUND'], env)
      assert.match(out, /^TENANT +ID .*\nother +key_\w+ +found +beta .* active /)
      const found = async (...args: string[]) => {
        const { out } = await other('keys', 'list', '--all', '--env', 'beta', ...args)
        return (JSON.parse(out) as { keys: { status: string; networks: string[] }[] }).keys
      }
      const [key] = await found('--status', 'active', '--unused-since', '2096-01-01')
      assert.deepEqual([key?.status, key?.networks], ['active', ['10.0.0.0/8']])
      assert.deepEqual(await found('--ends-before', '30d'), [])
    })

    it('shows, changes, pauses and resumes a key', async () => {
      const { id } = (JSON.parse((await create('--json')).out) as Created).details
      const done = async (...args: string[]) => {
        const { code, err } = await command(['keys', ...args], env)
        assert.equal(code, 0, err)
        return err
      }
      assert.match(await done('update', id, '--name', 'renamed', '--network', '::1'), /is changed, in force/)
      assert.match(await done('pause', id), /is paused, in force .*: no instance is running\.$/m)
      const shown = async () => {
        const { out } = await command(['keys', 'get', id, '--json'], env)
        return (JSON.parse(out) as { details: { status: string; name: string; networks: string[] | null } })
          .details
      }
      const { status, name, networks } = await shown()
      assert.deepEqual([status, name, networks], ['paused', 'renamed', ['::1']])
      assert.equal((await command(['keys', 'rotate', id], env)).code, 4)
      assert.match(await done('resume', id), /is resumed/)
      await done('update', id, '--network', 'any')
      assert.deepEqual([(await shown()).status, (await shown()).networks], ['active', null])
    })

    it('purges keys that have ended', async () => {
      const { id } = (JSON.parse((await create('--json')).out) as Created).details
      await command(['keys', 'revoke', id], env)
      assert.match((await command(['keys', 'purge', '--before', '1d'], env)).err, /^0 deleted/)
      const { out } = await command(['keys', 'purge', '--before', '0s', '--tenant', 'acme', '--json'], env)
      assert.ok((JSON.parse(out) as { deleted: number }).deleted >= 1)
      assert.equal((await command(['keys', 'get', id], env)).code, 3)
    })

    it('lists, shows, suspends, resumes and deletes tenants', async () => {
      const tenants = (...args: string[]) => command(['tenants', ...args], env)
      await tenants('create', '--id', 'gone', '--name', 'Soon Gone')
      const { key } = JSON.parse(
        (await command(['keys', 'create', '--tenant', 'gone', '--name', 'n', '--env', 'live', '--json'], env))
          .out,
      ) as Created
      assert.match(
        (await tenants('list', '--search', 'soon')).out,
        /^ID +NAME +STATUS +CREATED\ngone +Soon Gone +active /,
      )
      assert.match((await tenants('suspend', 'gone')).err, /^gone is suspended, in force/)
      assert.equal(
        (JSON.parse((await tenants('get', 'gone', '--json')).out) as { tenant: { status: string } }).tenant
          .status,
        'suspended',
      )
      assert.match((await tenants('resume', 'gone')).err, /^gone is resumed/)
      const asked = await tenants('delete', 'gone')
      assert.equal(asked.code, 2)
      assert.match(asked.err, /deletes Soon Gone and all of its keys permanently: confirm with --yes/)
      assert.match((await tenants('delete', 'gone', '--yes')).err, /^gone is deleted, in force/)
      assert.equal((await tenants('get', 'gone')).code, 3)
      assert.equal((await command(['keys', 'identify'], env, key)).code, 3)
      assert.match((await tenants('list', '--search', 'gone')).err, /^No tenants/)
    })

    it('reads variables that are not set from --env-file', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'env-file-'))
      const file = join(folder, '.env')
      const [[variable, url] = []] = Object.entries(env)
      await writeFile(file, `${variable}="${url}"\n`)
      const args = ['tenants', 'get', 'acme', '--env-file', file]
      assert.equal((await command(args)).code, 0)
      assert.equal((await command(args, { [variable ?? '']: 'nothing' })).code, 2, 'a set variable wins')
      await rm(folder, { recursive: true })
    })

    it('rotates a key with a grace, and revokes it', async () => {
      const created = JSON.parse((await create('--json', '--key-prefix', 'loom')).out) as {
        key: string
        details: { id: string }
      }
      assert.match(created.key, /^loom_live_/)
      const { id } = created.details
      const rotated = await command(['keys', 'rotate', id, '--grace', '1h'], env)
      assert.equal(rotated.code, 0, rotated.err)
      assert.match(rotated.out, /^loom_live_\w{39}\n$/)
      assert.match(rotated.err, /The old one stays valid until 20/)
      const revoked = await command(['keys', 'revoke', id], env)
      assert.equal(revoked.code, 0)
      assert.match(revoked.err, /is revoked, in force everywhere after \d+ ms/)
      assert.ok((await list()).find((key) => key.id === id)?.revokedAt)
      // On a new or restored database, the first revocation waits for instances that may be unknown.
      const again = await command(['keys', 'revoke', id, '--json'], env)
      assert.equal((JSON.parse(again.out) as { confirmedBy: string }).confirmedBy, 'all')
      assert.equal((await command(['keys', 'rotate', id], env)).code, 4)
    })

    it('rotates a key without a grace: the old one stays valid until it is revoked', async () => {
      const { details } = JSON.parse((await create('--json')).out) as { details: { id: string } }
      const rotated = await command(['keys', 'rotate', details.id], env)
      assert.match(rotated.err, /stays valid until you revoke it/)
    })

    it('rotates a key to another expiry', async () => {
      const { details } = JSON.parse((await create('--json', '--expires', '1d')).out) as Created
      const rotated = await command(['keys', 'rotate', details.id, '--expires', '30d', '--json'], env)
      const { details: next } = JSON.parse(rotated.out) as { details: { expiresAt: string } }
      const days = (Date.parse(next.expiresAt) - Date.now()) / 86_400_000
      assert.ok(days > 29.9 && days <= 30)
      const forEver = await command(['keys', 'rotate', details.id, '--expires', 'never', '--json'], env)
      assert.equal((JSON.parse(forEver.out) as { details: { expiresAt: null } }).details.expiresAt, null)
    })

    for (const redirection of ['| true', '>/dev/full']) {
      it(`reports which key is lost if it cannot be written: ${redirection}`, async () => {
        const args = ['keys', 'create', '--tenant', 'acme', '--name', 'lost', '--env', 'live']
        const { code, err } = await cli(args, env, '', redirection)
        assert.equal(code, 1)
        const [, id] = /The key could not be written and is lost: revoke (key_\w+)/.exec(err) ?? []
        assert.ok((await list()).some((key) => key.id === id && key.name === 'lost'))
        assert.doesNotMatch(err, / at /, 'no stack')
      })
    }

    for (const redirection of ['>&-', '>/dev/null']) {
      it(`creates no key if it would be lost: ${redirection}`, async () => {
        const before = (await list()).length
        const { code, err } = await cli(
          ['keys', 'create', '--tenant', 'acme', '--name', 'lost', '--env', 'live'],
          env,
          '',
          redirection,
        )
        assert.equal(code, 1)
        assert.match(err, /no key was made/)
        assert.equal((await list()).length, before)
      })
    }

    it('fails if a table cannot be written, but not if it is discarded', async () => {
      const args = ['keys', 'list', '--tenant', 'acme']
      const full = await cli(args, env, '', '>/dev/full')
      assert.deepEqual([full.code, full.out], [1, ''])
      assert.match(full.err, /^Standard output cannot be written to \(.*ENOSPC/)
      assert.equal((await cli(args, env, '', '>/dev/null')).code, 0)
    })

    it('identifies a key read from standard input', async () => {
      const made = await create()
      const key = made.out.trim()
      const found = await command(['keys', 'identify'], env, `${key}\n`)
      assert.deepEqual([found.code, found.err], [0, 'Tenant acme (Acme), active.\n'])
      assert.ok(!found.out.includes(key))
      const { details } = JSON.parse((await command(['keys', 'identify', '--json'], env, key)).out) as {
        details: { id: string }
      }
      await command(['keys', 'revoke', details.id], env)
      assert.match((await command(['keys', 'identify'], env, key)).err, /revoked/)
      const unknown = await command(['keys', 'identify'], env, 'no-key-of-this-store')
      assert.deepEqual([unknown.code, unknown.out], [3, ''])
    })

    it('shows at most a quarter of an imported key', async () => {
      const about = ['--tenant', 'acme', '--name', 'old', '--env', 'live']
      const imported = await command(['keys', 'import', ...about], env, 'abcdefghijklmnop')
      assert.match(imported.out, / ab\.\.\.op /)
    })

    it('imports a key from standard input, or by its hash', async () => {
      const about = ['--tenant', 'acme', '--name', 'old', '--env', 'live', '--expires', 'never']
      const key = 'legacy-0123456789abcdef0123456789abcdef'
      const imported = await cli(['keys', 'import', ...about], env, `${key}\n`)
      assert.equal(imported.code, 0, imported.err)
      assert.match(imported.out, / legac\.\.\.cdef /)
      assert.ok(!(imported.out + imported.err).includes(key))
      const hash = createHash('sha256').update(key).digest('hex')
      const shown = ['--start', 'legacy', '--last4', 'cdef']
      const again = await command(['keys', 'import', ...about, '--hash', hash, ...shown], env)
      assert.equal(again.code, 4)
      const other = createHash('sha256').update('another').digest('hex')
      assert.equal((await command(['keys', 'import', ...about, '--hash', other, ...shown], env)).code, 0)
    })

    it('creates one key for repeated commands with the same idempotency key', async () => {
      assert.equal((await create('--idempotency-key', 'deploy-7')).code, 0)
      const before = (await list()).length
      const { code, out, err } = await create('--idempotency-key', 'deploy-7')
      assert.deepEqual([code, out], [4, ''])
      assert.match(err, /key_/)
      assert.equal((await list()).length, before)
    })

    it('exits with 3 if something is not found, and with 4 if it already exists', async () => {
      assert.equal((await cli(['keys', 'revoke', 'key_unknown'], env)).code, 3)
      assert.equal((await command(['keys', 'list', '--tenant', 'nobody'], env)).code, 3)
      assert.equal((await command(['tenants', 'create', '--id', 'acme', '--name', 'Acme'], env)).code, 4)
    })

    it('lists more than one page of keys', async () => {
      const tenant = (await command(['tenants', 'create', '--name', 'Many', '--json'], env)).out
      const { id } = (JSON.parse(tenant) as { tenant: { id: string } }).tenant
      const none = await command(['keys', 'list', '--tenant', id], env)
      assert.deepEqual([none.out, none.err], ['', 'No keys.\n'])
      const { store, close } = await openStore(env, {})
      const manager = new KeyManager(store)
      for (let count = 0; count < 101; count++) {
        await manager.create({ tenantId: id, name: `key ${count}`, environment: 'test' })
      }
      await close()
      const { out } = await command(['keys', 'list', '--tenant', id, '--json'], env)
      assert.equal(new Set((JSON.parse(out) as Listed).keys.map((key) => key.id)).size, 101)
    })

    it('separates keys by --schema or --redis-prefix', async () => {
      const apart = name === 'Redis' ? ['--redis-prefix', 'other'] : ['--schema', 'other']
      const unready = await command(['keys', 'list', '--tenant', 'acme', ...apart], env)
      if (name === 'PostgreSQL') assert.match(unready.err, /call migrate\(\)/)
      assert.equal(unready.code, name === 'PostgreSQL' ? 5 : 3)
      assert.equal((await command(['migrate', ...apart], env)).code, 0)
      assert.equal((await command(['keys', 'list', '--tenant', 'acme', ...apart], env)).code, 3)
    })
  })
}
