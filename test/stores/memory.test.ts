import { MemoryKeyStore } from '../../src/stores/memory.ts'
import { coherenceContract, keyStoreContract } from './contract.ts'

const open = async () => ({ store: new MemoryKeyStore(), close: () => {} })

keyStoreContract('MemoryKeyStore', { open })
coherenceContract('MemoryKeyStore', { kind: 'local', open })
