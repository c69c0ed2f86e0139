/** The stand-in for a fleet keeps the contracts that real stores keep, so what is shown with it holds for them. */
import { coherenceContract, keyStoreContract } from '../stores/contract.ts'
import { FakeFleet } from './fake-fleet.ts'

const open = async () => ({
  store: new FakeFleet({ lease: 600, heartbeat: 100 }).connectAs('a'),
  close: () => {},
})

keyStoreContract('FakeFleetStore', { open })
coherenceContract('FakeFleetStore', { kind: 'fleet', open })
