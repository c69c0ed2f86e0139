/** The fake fleet keeps the contracts of real stores, so what tests show with it holds for those. */
import { coherenceContract, keyStoreContract } from '../stores/contract.ts'
import { FakeFleet } from './fake-fleet.ts'

const open = async () => ({
  store: new FakeFleet({ lease: 600, heartbeat: 100 }).connectAs('a'),
  close: () => {},
})

keyStoreContract('FakeFleetStore', { open })
coherenceContract('FakeFleetStore', { kind: 'fleet', open })
