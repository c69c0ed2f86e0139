import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, it } from 'node:test'
import { COMMANDS } from '../../src/cli/commands.ts'
import { completion } from '../../src/cli/completion.ts'

const LINES: [typed: string[], last: string, offered: string[]][] = [
  [[], 'k', ['keys']],
  [['keys'], 'p', ['pause', 'purge']],
  [['tenants'], 'd', ['delete']],
  [['keys', 'purge'], '--b', ['--before']],
  [['keys', 'create', '--tenant', 'acme'], '--s', ['--scope', '--schema']],
  [['migrate'], '--env', ['--env-file']],
  [['help', 'keys'], 'rev', ['revoke']],
  [['completion'], 'f', ['fish']],
  [['nothing'], '', []],
]

describe('CLI: completion', () => {
  for (const [typed, last, offered] of LINES) {
    it(`offers ${offered.join(' ') || 'nothing'} after ${[...typed, last].join(' ')} in bash`, () => {
      const words = ['fastify-tenant-auth', ...typed, last].map((word) => `'${word}'`).join(' ')
      const script = `${completion('bash')}
COMP_WORDS=(${words}); COMP_CWORD=${typed.length + 1}; _fastify_tenant_auth; printf '%s\\n' "\${COMPREPLY[@]}"`
      const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', script], { encoding: 'utf8' })
      assert.equal(stderr, '')
      assert.deepEqual(stdout.split('\n').filter(Boolean).sort(), offered.toSorted())
    })
  }

  for (const shell of ['zsh', 'fish']) {
    const has = spawnSync(shell, ['--version']).status === 0
    it(`is a valid ${shell} script`, { skip: !has && `${shell} is not installed` }, () => {
      const { status, stderr } = spawnSync(shell, ['-n', '-c', completion(shell)], { encoding: 'utf8' })
      // fish reports what is wrong, and still exits with 0.
      assert.deepEqual([status, stderr], [0, ''])
    })

    it(`has every command in ${shell}`, () => {
      for (const name of COMMANDS.keys()) {
        assert.ok(completion(shell).replaceAll('\\', '').includes(`${name}*`), name)
      }
    })
  }
})
