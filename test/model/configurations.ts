/** What scripts/model.ts checks: each configuration with the verdict that it must have. */

export interface Configuration {
  name: string
  file: string
  flags: string[]
  verdict: 'holds' | 'violated'
  /** Whether CI runs it. */
  quick: boolean
  /** The size of the hash table, as a power of 2. Absent for searches too small for an optimized checker. */
  table?: number | undefined
}

const fleet = 'fleet.pml'
const clocks = 'clocks.pml'
const faults = '-DTROUBLE'

/** The protocol as it is: every one must hold. */
const holds: [name: string, flags: string, quick?: boolean, table?: number][] = [
  ['one instance', '-DNI=1', true],
  ['one instance, any two faults', `-DNI=1 ${faults} -DTROUBLES=2 -DLOSS -DFAILOVER -DLOSTWRITE`, true],
  ['one instance, a dump restored', `-DNI=1 ${faults} -DRESTORE`, true],
  ['one instance, look-ups of old snapshots', '-DNI=1 -DLEAK', true],
  ['two instances', '-DNI=2 -DSYM', true, 22],
  ['two instances, a dump restored', `-DNI=2 -DSYM ${faults} -DRESTORE`, true, 20],
  ['two instances, look-ups of old snapshots', '-DNI=2 -DSYM -DLEAK', false, 24],
  ['two instances, rows lost', `-DNI=2 -DSYM ${faults} -DLOSS`, false, 24],
  ['two instances, a failover', `-DNI=2 -DSYM ${faults} -DFAILOVER`, false, 24],
  [
    'two instances, a failover that loses the write',
    `-DNI=2 -DSYM ${faults} -DFAILOVER -DLOSTWRITE`,
    false,
    24,
  ],
  ['an instance and its copy', '-DNI=2 -DCLONE', false, 24],
  ['three instances', '-DNI=3 -DSYM', false, 26],
]

/** Each takes out one rule: every one must be found. */
const mutants: [rule: string, flags: string, file?: string, table?: number][] = [
  ['M_ACKNOWLEDGE_BEFORE_DROP', '-DNI=1'],
  ['M_ACKNOWLEDGE_NOT_DURABLE', `-DNI=1 ${faults}`],
  ['M_ACKNOWLEDGE_IN_ANY_HISTORY', `-DNI=1 ${faults} -DRESTORE`],
  ['M_ACK_RIGHT_AFTER_ATTACH', '-DNI=1'],
  ['M_ATTACH_NOT_COMMITTED', '-DNI=1'],
  ['M_BEAT_OF_OLD_SNAPSHOT', '-DNI=1'],
  ['M_CONFIRM_IN_ANY_HISTORY', `-DNI=1 ${faults} -DFAILOVER -DLOSTWRITE`],
  ['M_COPY_JOINS_WITHIN_A_LEASE', '-DNI=2 -DCLONE', fleet, 20],
  ['M_FAILOVER_UNSEEN', `-DNI=1 ${faults} -DFAILOVER`],
  ['M_GONE_KEEPS_LEASE', '-DNI=1'],
  ['M_IDLE_BEAT_WITHOUT_ACK', '-DNI=1'],
  ['M_JOIN_WITHOUT_LEASE', '-DNI=1'],
  ['M_KEEP_PENDING', '-DNI=1'],
  ['M_LATE_ACKNOWLEDGEMENT', '-DNI=1'],
  ['M_LATE_ANSWER_USED', '-DNI=1'],
  ['M_LEASE_FROM_ANSWER', '-DNI=1'],
  ['M_LEASE_NOT_CHECKED', '-DNI=1'],
  ['M_LEASE_OF_UNSEEN', '-DNI=1'],
  ['M_LEAVE_KEEPS_LEASE', '-DNI=1'],
  ['M_LOOKUP_OF_OLD_SNAPSHOT', '-DNI=1'],
  ['M_MARK_WITHOUT_LEASE', '-DNI=1'],
  ['M_NO_PATIENCE', '-DNI=1'],
  ['M_NO_POSITION_CHECK', '-DNI=1 -DLEAK'],
  ['M_NO_ROSTER', `-DNI=1 ${faults} -DLOSS`],
  ['M_NO_SESSION', '-DNI=2 -DCLONE', fleet, 20],
  ['M_OLD_TAG_COMES_BACK', `-DNI=1 ${faults} -DRESTORE`],
  ['M_OTHER_HISTORY_UNSEEN', `-DNI=1 ${faults} -DFAILOVER`],
  ['M_SETTLED_AT_ONCE', `-DNI=1 ${faults} -DLOSS`],
  ['M_SETTLED_IGNORED', `-DNI=1 ${faults} -DLOSS`],
  ['M_TAKE_OVER_RESETS', '-DNI=1'],
  ['M_WRITE_NOT_COMMITTED', '-DNI=1'],
  ['M_NO_RATE', '', clocks],
  ['M_RATE_OF_ONE_MACHINE', '', clocks],
  ['M_NO_TOLERANCE', '', clocks],
  ['M_NO_DRIFT_CHECK', '', clocks],
]

/** Rules without which no violation is found: README.md says why the code has them. */
const unneeded: [rule: string, flags: string][] = [
  ['M_ATTACH_NOT_DURABLE', `-DNI=2 -DSYM ${faults}`],
  ['M_NO_TERM', `-DNI=2 -DSYM`],
  ['M_RESET_KEEPS_LEASE', `-DNI=1 ${faults} -DTROUBLES=2 -DLOSS -DFAILOVER -DLOSTWRITE`],
  ['M_EPOCH_BACK_UNSEEN', `-DNI=1 ${faults} -DTROUBLES=2 -DLOSS -DFAILOVER -DLOSTWRITE`],
  ['M_REAP_IN_ANY_HISTORY', `-DNI=1 ${faults} -DTROUBLES=2 -DLOSS -DFAILOVER -DLOSTWRITE`],
]

const split = (flags: string) => flags.split(' ').filter((flag) => flag !== '')

export const configurations: Configuration[] = [
  { name: 'clocks', file: clocks, flags: [], verdict: 'holds', quick: true },
  ...holds.map(([name, flags, quick = false, table]) => ({
    name,
    file: fleet,
    flags: split(flags),
    verdict: 'holds' as const,
    quick,
    table,
  })),
  ...mutants.map(([name, flags, file = fleet, table]) => ({
    name,
    file,
    flags: [...split(flags), `-D${name}`],
    verdict: 'violated' as const,
    quick: true,
    table,
  })),
  ...unneeded.map(([name, flags]) => ({
    name,
    file: fleet,
    flags: [...split(flags), `-D${name}`],
    verdict: 'holds' as const,
    quick: flags.includes('NI=1'),
    table: 20,
  })),
]
