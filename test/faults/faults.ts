/** What goes wrong in a trial: each fault begins, lasts, and ends. */
import { setTimeout as sleep } from 'node:timers/promises'
import { generateKey } from '../../src/keys/key-format.ts'
import { ALL, type History, now } from './history.ts'
import type { Instance } from './instance-process.ts'
import { statusOf } from './load.ts'
import { OPERATIONS, type Trial } from './operations.ts'
import type { Direction } from '../servers/index.ts'

export type FaultName = keyof typeof FAULTS

/**
 * Each returns when it is over.
 *
 * @param instance the one it happens to, where it happens to one
 * @param ms how long it lasts
 */
export const FAULTS = {
  blackHole: cutOff('both'),
  blackHoleUp: cutOff('up'),
  blackHoleDown: cutOff('down'),

  async pushesLost({ fleet }: Trial, _instance: Instance, ms: number) {
    for (const { proxy } of fleet.instances) fleet.target.dropPushes(proxy)
    await sleep(ms)
    for (const { proxy } of fleet.instances) proxy.filter(undefined)
  },

  async slow(_trial: Trial, { proxy }: Instance, ms: number) {
    proxy.delay(20 + (ms % 60))
    await sleep(ms)
    proxy.delay(0)
  },

  async connectionsReset(_trial: Trial, { proxy }: Instance, ms: number) {
    for (const end = now() + ms; now() < end; await sleep(60)) proxy.reset()
  },

  async connectionsKilled({ fleet }: Trial) {
    await fleet.target.killConnections()
  },

  async stopped(_trial: Trial, instance: Instance, ms: number) {
    instance.pause()
    await sleep(ms)
    instance.resume()
  },

  async blocked(_trial: Trial, instance: Instance, ms: number) {
    await instance.do('block', ms)
  },

  async clockMoved(_trial: Trial, instance: Instance, ms: number) {
    await instance.do('shiftClock', ms % 2 === 0 ? 3_600_000 : -3_600_000)
    await sleep(ms)
    await instance.do('shiftClock', 0)
  },

  async storeStopped({ fleet }: Trial, _instance: Instance, ms: number, history: History) {
    fleet.target.server.pause()
    await outage(history, ALL, ms)
    fleet.target.server.resume()
  },

  async storeDown({ fleet }: Trial, _instance: Instance, ms: number, history: History) {
    await fleet.target.server.stop('SIGKILL')
    await outage(history, ALL, ms)
    await fleet.target.server.start()
  },

  /** Random keys of the right form, as fast as they are answered. */
  async flood(_trial: Trial, { port }: Instance, ms: number) {
    const flooder = async (end: number) => {
      while (now() < end) await statusOf(port, '/open', generateKey('tk', 'live'))
    }
    await Promise.all(Array.from({ length: 4 }, () => flooder(now() + ms)))
  },

  /** An instance joins, and leaves again. */
  async joins(trial: Trial, _instance: Instance, ms: number) {
    const joiner = await trial.fleet.add()
    trial.load.addTarget(joiner)
    await sleep(ms)
    trial.load.removeTarget(joiner)
    await trial.fleet.remove(joiner, 'leave')
  },

  /** An instance is killed, and another one takes its place. */
  async killed(trial: Trial, instance: Instance) {
    await replace(trial, instance)
  },

  /** The process that revokes dies between the commit and the return. */
  async revokerKilled(trial: Trial, instance: Instance) {
    await OPERATIONS.dieRevoking(trial, instance)
    await replace(trial, instance)
  },

  /** What the counter says is less than it said before. */
  async storeTurnedBack(trial: Trial) {
    await OPERATIONS.turnBack(trial)
  },

  async otherHistory(trial: Trial) {
    await OPERATIONS.changeTag(trial)
  },

  async everythingDeleted(trial: Trial) {
    await OPERATIONS.deleteAll(trial)
  },

  /** Nothing goes wrong. */
  async none() {},
} satisfies Record<string, Fault>

type Fault = (trial: Trial, instance: Instance, ms: number, history: History) => Promise<void>

function cutOff(which: Direction | 'both'): Fault {
  return async (_trial, { name, proxy }, ms, history) => {
    proxy.blackhole(which)
    await outage(history, name, ms)
    proxy.heal()
  }
}

async function replace(trial: Trial, instance: Instance): Promise<void> {
  trial.load.removeTarget(instance)
  await trial.fleet.remove(instance, 'kill')
  trial.load.addTarget(await trial.fleet.add())
}

async function outage(history: History, instance: string, ms: number): Promise<void> {
  const from = now()
  await sleep(ms)
  history.outages.push({ instance, from, until: now() })
}
