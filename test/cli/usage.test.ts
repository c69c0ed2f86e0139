import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { exitCodeOf } from '../../src/cli/exit-codes.ts'
import { loadDriver } from '../../src/cli/open-store.ts'
import { run } from '../../src/cli/run.ts'
import { freePort } from '../servers/free-port.ts'
import { cli } from './cli.ts'

const NEW = ['--tenant', 'acme', '--name', 'n', '--env', 'live']
/** Nobody listens there: a command that comes so far as to connect fails with 5. */
const nowhere = async () => ({ DATABASE_URL: `postgres://u:hunter2@127.0.0.1:${await freePort()}/db` })

/** In this process, which is faster where the process is not the point. */
async function here(args: readonly string[], env: NodeJS.ProcessEnv = {}, input = '') {
  const written = { out: '', err: '' }
  const code = await run(args, {
    env,
    user: 'cli:operator',
    out: (text) => (written.out += text),
    err: (text) => (written.err += text),
    input: async () => input,
  })
  return { code, ...written }
}

describe('CLI: usage', () => {
  it('teaches with --help, on standard output', async () => {
    const { code, out, err } = await cli(['--help'])
    assert.deepEqual([code, err], [0, ''])
    for (const word of ['keys create', 'DATABASE_URL', 'Exit codes']) assert.ok(out.includes(word))
  })

  it('teaches when it is called without anything, and counts that as a mistake', async () => {
    const { code, out } = await here([])
    assert.equal(code, 2)
    assert.match(out, /^Administers tenant API keys/)
  })

  const mistakes: [string, string[], RegExp][] = [
    ['an unknown command', ['keys', 'delete'], /There are the commands migrate, tenants create/],
    ['what only looks like a command', ['constructor'], /There are the commands/],
    ['an unknown option', ['keys', 'list', '--tennant', 'x'], /--tennant/],
    [
      'an option of another command',
      ['keys', 'list', '--tenant', 'x', '--grace', '1h'],
      /does not take --grace/,
    ],
    ['a missing option', ['keys', 'create', '--tenant', 'x', '--env', 'live'], /--name is missing/],
    ['a missing environment', ['keys', 'create', '--tenant', 'x', '--name', 'n'], /--env is missing/],
    ['a missing id', ['keys', 'revoke'], /Takes one argument: the id of a key/],
    ['two ids', ['keys', 'revoke', 'key_1', 'key_2'], /Takes one argument/],
    ['a stray argument', ['keys', 'list', 'acme'], /Takes options only/],
    ['a date that is none', ['keys', 'create', ...NEW, '--expires', 'soon'], /--expires takes a duration/],
    ['a duration that is none', ['keys', 'create', ...NEW, '--expires', '5y'], /takes a duration: 90s/],
    ['an expiry in the past', ['keys', 'create', ...NEW, '--expires', '2001-01-01'], /expiresAt must be/],
    ['an environment that is none', ['keys', 'create', ...NEW, '--env', 'Live!'], /environments must be/],
    ['a hash without what may be shown', ['keys', 'import', ...NEW, '--hash', 'ab'], /--start is missing/],
  ]
  for (const [what, args, message] of mistakes) {
    it(`exits with 2 on ${what}, and says what it takes`, async () => {
      const { code, out, err } = await here(args, await nowhere())
      assert.deepEqual([code, out], [2, ''])
      assert.match(err, message)
    })
  }

  it('exits with 2 on a key on standard input that is none, and does not repeat it', async () => {
    for (const input of ['', 'short', 'two words that are long enough']) {
      const { code, err } = await here(['keys', 'import', ...NEW], await nowhere(), input)
      assert.equal(code, 2)
      assert.match(err, /Standard input must hold the key alone/)
      assert.ok(input === '' || !err.includes(input))
    }
  })

  it('exits with 2 where nothing says where the keys are', async () => {
    const { code, err } = await here(['keys', 'list', '--tenant', 'x'])
    assert.equal(code, 2)
    assert.match(err, /Set DATABASE_URL .* or REDIS_URL/)
  })
})

describe('CLI: a store that is not there', () => {
  it('exits with 5, with the cause and without the password', async () => {
    const { code, out, err } = await cli(['keys', 'list', '--tenant', 'x'], await nowhere())
    assert.deepEqual([code, out], [5, ''])
    assert.match(err, /ECONNREFUSED/)
    assert.doesNotMatch(err, /hunter2/)
  })

  it('exits with 5 where the driver is not installed, and says how to get it', async () => {
    const missing = loadDriver('DATABASE_URL', 'pg', () => Promise.reject(new Error('ERR_MODULE_NOT_FOUND')))
    await assert.rejects(missing, (error) => {
      assert.equal(exitCodeOf(error), 5)
      assert.equal(
        (error as Error).message,
        'DATABASE_URL is set, which takes the package pg: npm install pg',
      )
      return true
    })
  })

  it('exits with 5 for Redis, too', async () => {
    const url = `redis://u:hunter2@127.0.0.1:${await freePort()}`
    const { code, err } = await here(['keys', 'revoke', 'key_1'], { REDIS_URL: url })
    assert.equal(code, 5)
    assert.match(err, /Redis cannot be reached: .*ECONNREFUSED/)
    assert.doesNotMatch(err, /hunter2/)
  })
})
