/** How keys are read from a store by those who make, change and delete them. */
import type { KeyDetails, KeyFilter, Page } from '../stores/writable-key-store.ts'
import type { StoreAccess } from './store-access.ts'
import { keyList, keyOrNull } from './stored-details.ts'

export function findKey(store: StoreAccess, id: string): Promise<KeyDetails | null> {
  return store.read(
    (store) => store.findKey(id),
    (answer) => keyOrNull(answer, id),
  )
}

export function listKeys(store: StoreAccess, options: KeyFilter & Page): Promise<KeyDetails[]> {
  return store.read(
    (store) => store.listKeys(options),
    (answer) => keyList(answer, options.tenantId),
  )
}
