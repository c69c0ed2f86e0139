/** Checks addresses against the networks of a key, with Node's `net.BlockList`, which also knows IPv4 in IPv6. */
import { BlockList, isIP, isIPv6 } from 'node:net'

/** An address without a length is the network of just that address. */
const NETWORK = /^([0-9a-fA-F:.]+)(?:\/(0|[1-9]\d{0,2}))?$/

/** @returns `undefined` if one of them is neither an address nor a CIDR */
export function networksOf(list: readonly unknown[]): BlockList | undefined {
  const networks = new BlockList()
  for (const text of list) {
    const [, address = '', bits] = (typeof text === 'string' && NETWORK.exec(text)) || []
    const family = isIP(address)
    const longest = family === 4 ? 32 : 128
    const length = Number(bits ?? longest)
    if (family === 0 || length > longest) return undefined
    networks.addSubnet(address, length, family === 4 ? 'ipv4' : 'ipv6')
  }
  return networks
}

/** @param address of a request: behind a proxy it may be any text, and on a Unix socket there is none */
export function isWithin(networks: BlockList, address: string | undefined): boolean {
  const [plain = ''] = (address ?? '').split('%')
  // `check` finds what is no address in no network.
  return networks.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4')
}
