/** The faults of trials. Each begins, lasts for a while, and ends. */
import { setTimeout as sleep } from 'node:timers/promises'
import { generateKey } from '../../src/keys/key-format.ts'
import { ALL, type History, now } from './history.ts'
import type { Instance } from './instance-process.ts'
import type { Leak, StoreOptions } from './instance-store.ts'
import { ask, statusOf } from './load.ts'
import { OPERATIONS, type Trial } from './operations.ts'
import type { Direction } from '../servers/index.ts'
import type { PlainFaults } from './store-target.ts'

export interface Fault {
  /** Which instances may answer 503 because of it: the one that it affects, all, or none. */
  hits: 'one' | 'all' | 'none'
  /** A trial has at most one fault with this mark, because such a fault affects the whole fleet. */
  whole?: true
  /** The only store that can have it. Default: both can. */
  only?: StoreOptions['kind']
  /** The app leaves a connection that it shares with the store in a bad state. */
  leaks?: true
  /** What proves afterwards that the fault took effect. Default: that it ended. */
  shows?: Evidence
  /**
   * Returns when the fault has ended.
   *
   * @param instance the one that it affects, if it affects only one
   * @param ms how long it lasts
   */
  run(trial: Trial, instance: Instance, ms: number, history: History): Promise<void>
}

/**
 * - `lapsed`: the instance, or at least one if all are affected, had no lease for a while. Only a fault that lasts longer
 *   than the lease can show this.
 * - `emptied`: every instance dropped its cache.
 * - `reconnected`: the instance, or every instance if all are affected, opened new connections.
 */
export type Evidence = 'lapsed' | 'emptied' | 'reconnected'

export type FaultName = keyof typeof FAULTS

/** Milliseconds. */
const LEAK_PAUSE = 40
const STRANGER_PAUSE = 5

/** Milliseconds that a push may take to reach the proxy that drops it. */
const PUSH_LIMIT = 5_000

export const FAULTS = {
  blackHole: cutOff('both'),
  blackHoleUp: cutOff('up'),
  blackHoleDown: cutOff('down'),

  pushesLost: {
    hits: 'none',
    whole: true,
    async run(trial, instance, ms, history) {
      const { instances } = trial.fleet
      const count = () => instances.reduce((sum, { pushes }) => sum + pushes.dropped, 0)
      const before = count()
      const from = now()
      for (const { pushes } of instances) pushes.dropping = true
      await Promise.all([OPERATIONS.revoke(trial, instance), sleep(ms)])
      const changed = history.changes.some(
        ({ called, committed }) => called > from && committed !== undefined,
      )
      // On a machine that stood still, a heartbeat may find the change before its push arrives.
      if (changed) {
        for (const end = now() + PUSH_LIMIT; count() === before; await sleep(20)) {
          if (now() > end) throw new Error('a key was changed, and no push was there to be lost')
        }
      }
      for (const { pushes } of instances) pushes.dropping = false
    },
  },

  slow: {
    hits: 'one',
    async run(_trial, { proxy }, ms) {
      proxy.delay(20 + (ms % 60))
      await sleep(ms)
      proxy.delay(0)
    },
  },

  connectionsReset: {
    hits: 'one',
    shows: 'reconnected',
    async run(_trial, { proxy }, ms) {
      for (const end = now() + ms; now() < end; await sleep(60)) proxy.reset()
    },
  },

  connectionsKilled: {
    hits: 'all',
    whole: true,
    shows: 'reconnected',
    async run({ fleet }) {
      await fleet.target.killConnections()
    },
  },

  stopped: {
    hits: 'one',
    shows: 'lapsed',
    async run(_trial, instance, ms) {
      instance.pause()
      await sleep(ms)
      instance.resume()
    },
  },

  blocked: {
    hits: 'one',
    shows: 'lapsed',
    async run(_trial, instance, ms) {
      await instance.do('block', ms)
    },
  },

  clockMoved: {
    hits: 'one',
    shows: 'lapsed',
    async run(_trial, instance, ms) {
      await instance.do('shiftClock', ms % 2 === 0 ? 3_600_000 : -3_600_000)
      await sleep(ms)
      await instance.do('shiftClock', 0)
    },
  },

  storeStopped: {
    hits: 'all',
    whole: true,
    shows: 'lapsed',
    async run({ fleet }, _instance, ms, history) {
      fleet.target.server.pause()
      await outage(history, ALL, ms)
      fleet.target.server.resume()
    },
  },

  storeDown: {
    hits: 'all',
    whole: true,
    shows: 'lapsed',
    async run({ fleet }, _instance, ms, history) {
      await fleet.target.server.stop('SIGKILL')
      await outage(history, ALL, ms)
      await fleet.target.server.start()
    },
  },

  /** The server is busy with one command, and answers no other client meanwhile. */
  storeAsleep: {
    hits: 'all',
    whole: true,
    only: 'redis',
    shows: 'lapsed',
    async run({ fleet }, _instance, ms, history) {
      const called = now()
      await faultOf(fleet.target.faults, 'sleep')(ms)
      const until = now()
      // It was asleep for `ms` of this time. Whenever that began, it includes this part.
      history.outages.push({ instance: ALL, from: until - ms, until: called + ms })
    },
  },

  /** A transaction locks the tables, so that no other may read them. */
  tableLocked: {
    hits: 'all',
    whole: true,
    only: 'postgres',
    shows: 'lapsed',
    async run({ fleet }, _instance, ms, history) {
      await faultOf(fleet.target.faults, 'lock')(['keys', 'coherence'], () => outage(history, ALL, ms))
    },
  },

  /** A transaction locks the table of keys only. Cached keys stay valid as long as nothing changes. */
  keysLocked: {
    hits: 'all',
    whole: true,
    only: 'postgres',
    async run({ fleet }, _instance, ms) {
      await faultOf(fleet.target.faults, 'lock')(['keys'], () => sleep(ms))
    },
  },

  /** A key is revoked in a transaction that stays open. All other writes must wait for it, reads need not. */
  transactionOpen: {
    hits: 'all',
    whole: true,
    only: 'postgres',
    async run(trial, _instance, ms) {
      await OPERATIONS.revokeSlowly(trial, ms)
    },
  },

  /** Random well-formed keys arrive as fast as they are answered. */
  flood: {
    hits: 'one',
    async run(_trial, { port }, ms) {
      const flooder = async (end: number) => {
        while (now() < end) await statusOf(port, '/open', generateKey('tk', 'live'))
      }
      await Promise.all(Array.from({ length: 4 }, () => flooder(now() + ms)))
    },
  },

  /** An instance joins, and leaves again. */
  joins: {
    hits: 'none',
    async run(trial, _instance, ms) {
      const joiner = await trial.fleet.add()
      trial.load.addTarget(joiner)
      await sleep(ms)
      trial.load.removeTarget(joiner)
      await trial.fleet.remove(joiner, 'leave')
    },
  },

  /** An instance is killed, and another one takes its place. */
  killed: { hits: 'one', run: (trial, instance) => replace(trial, instance, 'kill') },

  /** A deployment changes the lease: an instance with a shorter lease replaces one, while the others keep theirs. */
  leaseChanged: {
    hits: 'one',
    run: (trial, instance) => replace(trial, instance, 'leave', { lease: 0.75 * trial.fleet.lease }),
  },

  /** The process that revokes dies between the commit and the return. */
  revokerKilled: {
    hits: 'one',
    async run(trial, instance) {
      await OPERATIONS.dieRevoking(trial, instance)
      await replace(trial, instance, 'kill')
    },
  },

  /** The epoch goes back. On Redis: the server restarts without its data. */
  storeTurnedBack: {
    hits: 'all',
    whole: true,
    shows: 'emptied',
    run: (trial) => OPERATIONS.turnBack(trial),
  },

  /** The store can no longer say what changed. On Redis: the stream is trimmed to nothing. */
  otherHistory: { hits: 'all', whole: true, shows: 'emptied', run: (trial) => OPERATIONS.changeTag(trial) },

  /** On Redis: FLUSHALL. */
  everythingDeleted: {
    hits: 'all',
    whole: true,
    shows: 'emptied',
    run: (trial) => OPERATIONS.deleteAll(trial),
  },

  /** The rows of all instances are deleted while one instance is cut off. */
  rowsLost: {
    hits: 'one',
    whole: true,
    shows: 'lapsed',
    async run({ fleet, random }, { name, proxy }, ms, history) {
      proxy.blackhole()
      await Promise.all([
        outage(history, name, ms),
        fleet.target.faults.loseRows(random.chance(0.5) ? 'one by one' : 'all at once'),
      ])
      proxy.heal()
    },
  },

  /** A dump of the data alone, without the schema, is restored. */
  dataPutBack: {
    hits: 'all',
    whole: true,
    only: 'postgres',
    shows: 'emptied',
    run: (trial) => OPERATIONS.putBack(trial),
  },

  begun: leaked('begun'),
  oldSnapshot: { ...leaked('oldSnapshot'), only: 'postgres' },
  aborted: { ...leaked('aborted'), only: 'postgres' },
  readOnly: { ...leaked('readOnly'), only: 'postgres' },
  otherRole: { ...leaked('otherRole'), only: 'postgres' },
  otherDatabase: { ...leaked('otherDatabase'), only: 'redis' },

  /** The index of each tenant's keys is deleted, and then tenants are suspended. */
  indexLost: {
    hits: 'none',
    whole: true,
    only: 'redis',
    async run(trial, instance, ms) {
      for (const { id } of trial.subjects.tenants) await faultOf(trial.fleet.target.faults, 'loseIndex')(id)
      await Promise.all([OPERATIONS.suspend(trial, instance), OPERATIONS.suspend(trial, instance)])
      await sleep(ms)
    },
  },

  /** The proxy leads to a replica that is cut off from its primary, and back, without any notice to the instance. */
  movedToReplica: {
    hits: 'one',
    whole: true,
    only: 'redis',
    shows: 'reconnected',
    async run({ fleet }, { proxy }, ms) {
      const replica = await faultOf(fleet.target.faults, 'replica')()
      replica.letAlone()
      proxy.leadTo(replica)
      proxy.reset()
      await sleep(ms)
      proxy.leadTo(fleet.target.server)
      replica.heal()
    },
  },

  /** Nothing goes wrong. */
  none: { hits: 'none', async run() {} },
} satisfies Record<string, Fault>

/** The faults that a store can have, always in the same order. */
export function faultNames(kind: StoreOptions['kind']): FaultName[] {
  return (Object.keys(FAULTS) as FaultName[]).filter((name) => (faultNamed(name).only ?? kind) === kind)
}

/** The faults after which all instances are the same processes as before. */
export function survivedFaults(kind: StoreOptions['kind']): FaultName[] {
  return faultNames(kind).filter((name) => !['killed', 'leaseChanged', 'revokerKilled'].includes(name))
}

export function faultNamed(name: FaultName): Fault {
  return FAULTS[name]
}

/** The name of requests with random keys, which are never accepted and never answered from memory. */
export const STRANGER = 'a stranger'

/** The app repeatedly leaves a client that it shares with the store in a bad state. Look-ups must still work. */
function leaked(kind: Leak): Fault {
  return {
    hits: 'none',
    leaks: true,
    async run(_trial, instance, ms, history) {
      const end = now() + ms
      const leaking = async () => {
        for (; now() < end; await sleep(LEAK_PAUSE)) await instance.do('leak', kind)
      }
      const asking = async () => {
        for (; now() < end; await sleep(STRANGER_PAUSE)) {
          const invoked = now()
          const reply = await ask(instance.port, '/open', generateKey('tk', 'live'))
          const { name } = instance
          history.exchanges.push({
            key: STRANGER,
            instance: name,
            scoped: false,
            invoked,
            completed: now(),
            ...reply,
          })
        }
      }
      await Promise.all([leaking(), asking()])
    },
  }
}

function cutOff(which: Direction | 'both'): Fault {
  return {
    hits: 'one',
    shows: 'lapsed',
    async run(_trial, { name, proxy }, ms, history) {
      proxy.blackhole(which)
      await outage(history, name, ms)
      proxy.heal()
    },
  }
}

async function replace(
  trial: Trial,
  instance: Instance,
  how: 'leave' | 'kill',
  settings: { lease?: number } = {},
): Promise<void> {
  trial.load.removeTarget(instance)
  await trial.fleet.remove(instance, how)
  trial.load.addTarget(await trial.fleet.add(settings))
}

async function outage(history: History, instance: string, ms: number): Promise<void> {
  const from = now()
  await sleep(ms)
  history.outages.push({ instance, from, until: now() })
}

/** Throws if the store cannot have the fault: otherwise the trial would seem to have survived it. */
function faultOf<Name extends keyof PlainFaults>(
  faults: PlainFaults,
  name: Name,
): NonNullable<PlainFaults[Name]> {
  const fault = faults[name]
  if (fault === undefined) throw new Error(`this store has no fault "${name}"`)
  return fault
}
