import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isWithin, networksOf } from '../../src/lib/networks.ts'

describe('networks', () => {
  const within = (list: string[], address: string | undefined) =>
    isWithin(networksOf(list) ?? assert.fail(), address)

  it('contain the addresses from their first to their last', () => {
    for (const [network, inside, outside] of [
      ['10.1.0.0/16', ['10.1.0.0', '10.1.255.255'], ['10.0.255.255', '10.2.0.0', '::1']],
      ['192.0.2.7', ['192.0.2.7'], ['192.0.2.6', '192.0.2.8']],
      ['2001:db8::/32', ['2001:db8::', '2001:DB8:ffff::1'], ['2001:db9::', '192.0.2.7']],
      ['::1', ['::1', '0:0:0:0:0:0:0:1'], ['::2']],
      ['0.0.0.0/0', ['255.255.255.255'], ['::1']],
    ] as const) {
      for (const address of inside) assert.equal(within([network], address), true, `${address} in ${network}`)
      for (const address of outside)
        assert.equal(within([network], address), false, `${address} not in ${network}`)
    }
  })

  it('recognize an IPv4 address written as IPv6, and an address with a zone', () => {
    assert.equal(within(['10.0.0.0/8'], '::ffff:10.1.2.3'), true)
    assert.equal(within(['10.0.0.0/8'], '::ffff:11.1.2.3'), false)
    assert.equal(within(['fe80::/10'], 'fe80::1%eth0'), true)
  })

  it('contain nothing that is not an address', () => {
    for (const address of [undefined, '', 'localhost', '10.0.0.1:443', ' 10.0.0.1', '10.0.0.01', '[::1]'])
      assert.equal(within(['0.0.0.0/0', '::/0'], address), false, address)
  })

  it('accept only addresses and CIDR ranges', () => {
    const wrong = [
      '',
      'localhost',
      '10.0.0.0/33',
      '::/129',
      '10.0.0.0/08',
      '10.0.0.0/',
      '10.0.0/8',
      '1.2.3.4/-1',
    ]
    for (const text of [...wrong, ' 10.0.0.0', '10.0.0.0/8 ', 'fe80::1%eth0', 7, null, ['10.0.0.0']])
      assert.equal(networksOf(['::1', text]), undefined, String(text))
  })

  it('contain no address if the list is empty', () => {
    assert.equal(within([], '10.0.0.1'), false)
  })
})
