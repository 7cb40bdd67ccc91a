import { describe, expect, it } from 'vitest'
import { readListeningPorts } from './listening-ports.ts'

const tcp = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:22B8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 21 1 0 100 0 0 10 0
   1: 0200000A:0050 0300000A:D431 01 00000000:00000000 00:00000000 00000000     0        0 22 1 0 20 4 30 10 -1
`
const tcp6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue
   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000
`

describe('readListeningPorts', () => {
  it.each([
    ['both', tcp + tcp6, [8888, 8080]],
    ['IPv4 alone, without what is only connected', tcp, [8888]],
    ['IPv6 alone', tcp6, [8080]],
    ['nothing that listens', tcp.split('\n', 1).join(''), []],
    ['a line that is cut off', `${tcp6}   1: 0000`, [8080]],
  ])('finds those of %s', (_what, text, ports) => {
    expect([...(readListeningPorts(text) ?? [])]).toEqual(ports)
  })

  it.each(['', 'cat: not found'])('says of %j that it is none of it', (text) => {
    expect(readListeningPorts(text)).toBeUndefined()
  })
})
