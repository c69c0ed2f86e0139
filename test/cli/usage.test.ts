import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { describe, it } from 'node:test'
import { COMMANDS } from '../../src/cli/commands.ts'
import { exitCodeOf } from '../../src/cli/exit-codes.ts'
import { loadDriver } from '../../src/cli/open-store.ts'
import { run } from '../../src/cli/run.ts'
import type { Terminal } from '../../src/cli/terminal.ts'
import { generateKey } from '../../src/keys/key-format.ts'
import { freePort } from '../servers/free-port.ts'
import { cli } from './cli.ts'

const NEW = ['--tenant', 'acme', '--name', 'n', '--env', 'live']
/** Nothing listens there: a command that gets as far as connecting exits with 5. */
const nowhere = async () => ({ DATABASE_URL: `postgres://u:hunter2@127.0.0.1:${await freePort()}/db` })

/** Runs a command in this process, which is faster than starting one. */
async function here(args: readonly string[], env: NodeJS.ProcessEnv = {}, terminal: Partial<Terminal> = {}) {
  const written = { out: '', err: '' }
  const code = await run(args, {
    env,
    user: 'cli:operator',
    out: async (text) => void (written.out += text),
    err: async (text) => void (written.err += text),
    input: async () => '',
    outIsNowhere: false,
    inputIsTerminal: false,
    ...terminal,
  })
  return { code, ...written }
}

const HELP: [begins: RegExp, calls: string[][]][] = [
  [
    /^Manage tenants and their API keys[^]*tenants list[^]*keys purge[^]*completion/,
    [['-h'], ['help'], ['--help']],
  ],
  [
    /^Manage tenants and their API keys(?![^]*tenants list)[^]*keys purge/,
    [
      ['keys', '--help'],
      ['help', 'keys'],
      ['keys', '-h'],
    ],
  ],
  [
    /^Create a key[^]*Usage: fastify-tenant-auth keys create /,
    [
      ['keys', 'create', '--help'],
      ['help', 'keys', 'create'],
    ],
  ],
]

describe('CLI: usage', () => {
  it('prints help to standard output with --help', async () => {
    const { code, out, err } = await cli(['--help'])
    assert.deepEqual([code, err], [0, ''])
    for (const word of ['keys create', 'DATABASE_URL', 'Exit codes']) assert.ok(out.includes(word))
  })

  it('prints help to standard error and exits with 2 without arguments', async () => {
    const { code, out, err } = await here([])
    assert.deepEqual([code, out], [2, ''])
    assert.match(err, /^Manage tenants and their API keys/)
  })

  it('prints help on a command or a group of commands, but not on an unknown command', async () => {
    for (const [begins, calls] of HELP) {
      const [first, ...others] = await Promise.all(calls.map((args) => here(args)))
      assert.equal(first?.code, 0)
      assert.match(first.out, begins)
      for (const other of others) assert.deepEqual(other, first)
    }
    const { code, out, err } = await here(['keys', 'delete', '--help'])
    assert.deepEqual([code, out], [2, ''])
    assert.match(err, /Unknown command "keys delete"/)
  })

  it('lists the options of a command in its help, and no others', async () => {
    const { out } = await here(['help', 'keys', 'create'])
    for (const option of ['--tenant <id>', '--env <environment>', '[--scope <scope>]...', '--json']) {
      assert.ok(out.includes(option), option)
    }
    assert.doesNotMatch(out, /--grace|--yes/)
  })

  it('never repeats a key given in an argument, whatever its position', async () => {
    const key = generateKey('tk', 'live')
    for (const args of [
      ['keys', 'identify', key],
      ['keys', 'revoke', key],
      [key],
      [`--${key}`],
      ['keys', 'create', `--nme=${key}`, ...NEW],
      ['keys', 'import', '--hash', `x${key}`],
    ]) {
      for (const more of [[], ['--json']]) {
        const { code, out, err } = await here([...args, ...more], await nowhere())
        assert.deepEqual([code, out], [2, ''])
        assert.ok(!err.includes(key) && err.includes('standard input'), err)
      }
    }
  })

  it('prints its version', async () => {
    const { version } = createRequire(import.meta.url)('../../package.json') as { version: string }
    for (const args of [['--version'], ['version']]) {
      assert.deepEqual(await here(args), { code: 0, out: `${version}\n`, err: '' })
    }
  })

  it('keeps help within 100 columns', async () => {
    for (const args of [[], ...[...COMMANDS.keys()].map((name) => name.split(' '))]) {
      const { out } = await here(['help', ...args])
      const longest = out.split('\n').reduce((a, b) => (a.length > b.length ? a : b))
      assert.ok(longest.length <= 100, longest)
    }
  })

  const mistakes: [string, string[], RegExp][] = [
    [
      'an unknown command',
      ['frobnicate'],
      /Unknown command "frobnicate". The commands are migrate, tenants create/,
    ],
    ['a misspelt command', ['keys', 'crate'], /Did you mean keys create\?/],
    ['a misspelt group', ['tenant', 'lst'], /Did you mean tenants list\?/],
    ['a property of all objects as a command', ['constructor'], /The commands are migrate/],
    [
      'an unknown option',
      ['keys', 'list', '--tennant', 'x'],
      /Unknown option --tennant. Did you mean --tenant\?/,
    ],
    ['an option without its value', ['keys', 'list', '--tenant'], /--tenant takes a value/],
    ['an option in place of a value', ['keys', 'list', '--tenant', '--json'], /--tenant takes a value/],
    ['a value for a switch', ['keys', 'list', '--all=yes'], /--all takes no value/],
    ['both --tenant and --all', ['keys', 'list', '--all', '--tenant', 'x'], /either --tenant, or --all/],
    ['an unknown status', ['keys', 'list', '--all', '--status', 'old'], /--status must be one of active/],
    ['an invalid network', ['keys', 'create', ...NEW, '--network', '10.0.0.0/33'], /--network must be/],
    ['an update without changes', ['keys', 'update', 'key_1'], /Nothing to change: give --name/],
    ['an invalid time', ['keys', 'purge', '--before', 'never'], /--before takes a duration before now/],
    ['an unsupported shell', ['completion', 'tcsh'], /one of bash, zsh, fish/],
    [
      'a file that does not exist',
      ['migrate', '--env-file', '/nowhere/.env'],
      /--env-file cannot be read \(ENOENT\)/,
    ],
    [
      'an option of another command',
      ['keys', 'list', '--tenant', 'x', '--grace', '1h'],
      /does not take --grace/,
    ],
    ['a missing option', ['keys', 'create', '--tenant', 'x', '--env', 'live'], /--name is missing/],
    ['a missing environment', ['keys', 'create', '--tenant', 'x', '--name', 'n'], /--env is missing/],
    ['a missing id', ['keys', 'revoke'], /"keys revoke" takes one argument: the id of a key/],
    ['two ids', ['keys', 'revoke', 'key_1', 'key_2'], /takes one argument/],
    ['a stray argument', ['keys', 'list', 'acme'], /takes options only/],
    ['an invalid date', ['keys', 'create', ...NEW, '--expires', 'soon'], /--expires takes a duration/],
    ['an invalid duration', ['keys', 'create', ...NEW, '--expires', '5y'], /takes a duration: 90s/],
    ['an expiry in the past', ['keys', 'create', ...NEW, '--expires', '2001-01-01'], /^--expires must be/],
    ['an invalid environment', ['keys', 'create', ...NEW, '--env', 'Live!'], /^--env must be/],
    [
      'a day that does not exist',
      ['keys', 'create', ...NEW, '--expires', '2027-02-31'],
      /--expires takes a duration/,
    ],
    [
      'a time on a day that does not exist',
      ['keys', 'create', ...NEW, '--expires', '2027-02-31T12:00:00Z'],
      /--expires takes/,
    ],
    [
      'a time without a time zone',
      ['keys', 'create', ...NEW, '--expires', '2027-01-31T12:00:00'],
      /--expires takes/,
    ],
    ['scopes separated by a comma', ['keys', 'create', ...NEW, '--scope', 'a,b'], /--scope takes one scope/],
    ['--last4 without --hash', ['keys', 'import', ...NEW, '--last4', 'abcd'], /go with --hash/],
    ['--start without --hash', ['keys', 'import', ...NEW, '--start', 'abcd'], /go with --hash/],
    [
      '--hash without --start and --last4',
      ['keys', 'import', ...NEW, '--hash', 'ab'],
      /--hash needs --start and --last4/,
    ],
  ]
  for (const [what, args, message] of mistakes) {
    it(`exits with 2 on ${what}, and explains why`, async () => {
      const { code, out, err } = await here(args, await nowhere())
      assert.deepEqual([code, out], [2, ''])
      assert.match(err, message)
    })
  }

  it('exits with 2 on an invalid key on standard input, and does not repeat it', async () => {
    for (const [input, message] of [
      ['', /Standard input must hold the key alone/],
      ['two words that are long enough', /Standard input must hold the key alone/],
      ['fifteen-letters', /fewer than 16 characters with --hash/],
    ] as const) {
      const { code, err } = await here(['keys', 'import', ...NEW], await nowhere(), {
        input: async () => input,
      })
      assert.equal(code, 2)
      assert.match(err, message)
      assert.ok(input === '' || !err.includes(input))
    }
  })

  it('prompts for the key on a terminal, but not if it is piped in', async () => {
    const args = ['keys', 'import', ...NEW]
    assert.match(
      (await here(args, await nowhere(), { inputIsTerminal: true })).err,
      /^The key, then .*Ctrl-D/,
    )
    assert.doesNotMatch((await here(args, await nowhere())).err, /Ctrl-D/)
  })

  it('creates no key if standard output leads nowhere', async () => {
    for (const args of [
      ['keys', 'create', ...NEW],
      ['keys', 'rotate', 'key_1'],
    ]) {
      const { code, err } = await here(args, await nowhere(), { outIsNowhere: true })
      assert.equal(code, 1)
      assert.match(err, /no key was made/)
    }
  })

  it('writes errors as JSON to standard error with --json', async () => {
    const mistakes: [string[], number, string, RegExp][] = [
      [['keys', 'list', '--json'], 2, 'USAGE', /either --tenant, or --all/],
      [['keys', 'list', '--tennant', 'x', '--json'], 2, 'USAGE', /--tennant/],
      [
        ['keys', 'create', ...NEW, '--expires', '2001-01-01', '--json'],
        2,
        'KEY_INVALID',
        /^--expires must be/,
      ],
      [['keys', 'list', '--tenant', 'x', '--json'], 5, 'UNAVAILABLE', /ECONNREFUSED/],
    ]
    for (const [args, expected, errorCode, message] of mistakes) {
      const { code, out, err } = await here(args, await nowhere())
      assert.deepEqual([code, out], [expected, ''])
      const { error } = JSON.parse(err) as { error: { code: string; message: string } }
      assert.equal(error.code, errorCode)
      assert.match(error.message, message)
    }
  })

  const UNUSABLE: [variable: string, value: string][] = [
    ['REDIS_URL', 'hunter2@localhost:6379'],
    ['REDIS_URL', 'redis:6379'],
    ['REDIS_URL', 'redis://:hunter2@localhost:port'],
    ['REDIS_URL', 'redis://:hunter2@localhost/first'],
    ['DATABASE_URL', 'u:hunter2@localhost/db'],
    ['DATABASE_URL', 'postgres://u:hunter2@localhost:port/db'],
    ['DATABASE_URL', 'mysql://u:hunter2@localhost/db'],
    ['DATABASE_URL', ' '],
  ]
  for (const [variable, value] of UNUSABLE) {
    it(`exits with 2 on ${variable}=${value}, and does not repeat it`, async () => {
      const { code, out, err } = await here(['keys', 'list', '--tenant', 'x'], { [variable]: value })
      assert.deepEqual([code, out], [2, ''])
      assert.match(err, new RegExp(`^${variable} must be a URL`))
      assert.doesNotMatch(err, /hunter2|localhost:port/)
    })
  }

  it('exits with 2 if no variable locates the store', async () => {
    const { code, err } = await here(['keys', 'list', '--tenant', 'x'])
    assert.equal(code, 2)
    assert.match(err, /Set DATABASE_URL .* or REDIS_URL/)
  })
})

describe('CLI: an unavailable store', () => {
  it('exits with 5 and reports the cause, without the password', async () => {
    const { code, out, err } = await cli(['keys', 'list', '--tenant', 'x'], await nowhere())
    assert.deepEqual([code, out], [5, ''])
    assert.match(err, /ECONNREFUSED/)
    assert.doesNotMatch(err, /hunter2/)
  })

  it('exits with 5 if the driver is not installed, and says how to install it', async () => {
    const missing = loadDriver('DATABASE_URL', 'pg', () => Promise.reject(new Error('ERR_MODULE_NOT_FOUND')))
    await assert.rejects(missing, (error) => {
      assert.equal(exitCodeOf(error), 5)
      assert.equal(
        (error as Error).message,
        'DATABASE_URL is set, which needs the package pg: npm install pg',
      )
      return true
    })
  })

  it('exits with 5 on Redis too', async () => {
    const url = `redis://u:hunter2@127.0.0.1:${await freePort()}`
    const { code, err } = await here(['keys', 'revoke', 'key_1'], { REDIS_URL: url })
    assert.equal(code, 5)
    assert.match(err, /Redis cannot be reached: .*ECONNREFUSED/)
    assert.doesNotMatch(err, /hunter2/)
  })
})
