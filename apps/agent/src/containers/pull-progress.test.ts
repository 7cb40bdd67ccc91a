import { expect, it } from 'vitest'
import type { PullEvent } from '../docker/images.ts'
import { addPullEvent, describeProgress, noProgress } from './pull-progress.ts'

it('sums up a pull by layers and bytes', () => {
  const events: [PullEvent, string | undefined][] = [
    [{ status: 'Pulling from library/ubuntu', id: '22.04' }, undefined],
    [{ status: 'Pulling fs layer', id: 'a' }, '0 of 1 layers'],
    [{ status: 'Already exists', id: 'b' }, '1 of 2 layers'],
    [
      { status: 'Downloading', id: 'a', progressDetail: { current: 1 << 20, total: 4 << 20 } },
      '1 of 2 layers, 25 % of 4 MiB',
    ],
    [{ status: 'Download complete', id: 'a' }, '1 of 2 layers, 100 % of 4 MiB'],
    [
      { status: 'Extracting', id: 'a', progressDetail: { current: 5, total: 9 } },
      '1 of 2 layers, 100 % of 4 MiB',
    ],
    [{ status: 'Pull complete', id: 'a' }, '2 of 2 layers, 100 % of 4 MiB'],
    [{ status: 'Digest: sha256:0' }, '2 of 2 layers, 100 % of 4 MiB'],
  ]
  let progress = noProgress
  for (const [event, line] of events) {
    progress = addPullEvent(progress, event)
    expect(describeProgress(progress)).toBe(line)
  }
})
