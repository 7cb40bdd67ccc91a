import { expect, it } from 'vitest'
import { parseMountTable } from './mount-table.ts'

it('reads what is mounted where', () => {
  const text = [
    '22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw',
    String.raw`95 22 7:3 / /srv/with\040blank rw,nosuid,nodev shared:40 master:2 - xfs /dev/loop3 rw,attr2`,
    '96 22 0:51 / /srv/mfs rw - fuse.mfs mfs:9421 rw',
    'not a mount',
    '',
  ].join('\n')
  expect(parseMountTable(text)).toEqual([
    { device: '254:0', target: '/', type: 'ext4', source: '/dev/vda', isShared: true },
    { device: '7:3', target: '/srv/with blank', type: 'xfs', source: '/dev/loop3', isShared: true },
    { device: '0:51', target: '/srv/mfs', type: 'fuse.mfs', source: 'mfs:9421', isShared: false },
  ])
})
