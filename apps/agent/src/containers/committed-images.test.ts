import { describe, expect, it } from 'vitest'
import {
  committedPattern,
  holdsFiles,
  isCommittedReference,
  isOf,
  toCommitted,
  toCommittedImages,
  toCommittedLabels,
} from './committed-images.ts'
import { toObserved } from './labels.ts'

const uuid = '0d8f3f2e-9a53-4b53-8c39-2f5f0a1e7a10'
const source = {
  id: 'id1',
  startedAt: 's',
  finishedAt: 'f',
  network: 'gl-team',
  volumes: [{ name: 'v1', path: '/data, "quoted" $HOME' }],
}
const labels = toCommittedLabels(uuid, source, 'host')
const listed = { references: [toCommitted(uuid, 2).reference], labels, createdAt: 'c' }

describe('a committed image', () => {
  it('says whose it is, and what to go on with', () => {
    expect(toCommittedImages(listed)).toEqual([
      {
        reference: `gpulab.local/${uuid}:g2`,
        uuid,
        generation: 2,
        volumes: source.volumes,
        network: 'gl-team',
        host: 'host',
        createdAt: 'c',
      },
    ])
  })

  it('knows which run of its container it has', () => {
    expect(isOf(labels, source)).toBe(true)
    expect(isOf(labels, { ...source, finishedAt: 'later' })).toBe(false)
    expect(isOf(labels, { ...source, id: 'id2' })).toBe(false)
    expect(isOf({}, source)).toBe(false)
  })

  it('makes nothing that could be taken for one of our containers', () => {
    const container = {
      ...source,
      name: 'n',
      labels: { 'ai.gpulab.generation': '1', ...labels },
      state: 'running' as const,
      pid: 1,
      exitCode: null,
      oomKilled: false,
      createdAt: 'c',
      isStuck: false,
      guestFolder: null,
    }
    expect(toObserved(container)).toBeUndefined()
  })

  it.each([
    ['somebody has given another name', { references: ['backup:1'] }],
    ['is named like one and holds nothing', { labels: {} }],
    ['holds the files of another', { labels: { ...labels, 'ai.gpulab.files': 'x' } }],
    ['has no generation', { references: [`gpulab.local/${uuid}:latest`] }],
    ['has no uuid', { references: ['gpulab.local/x:g2'] }],
  ])('is none that %s', (_, fields) => {
    expect(toCommittedImages({ ...listed, ...fields })).toEqual([])
  })

  it('is told by its name and by its labels', () => {
    expect(isCommittedReference('gpulab.local/x:g1')).toBe(true)
    expect(isCommittedReference('gpulab.localhost/x:g1')).toBe(false)
    expect(holdsFiles(labels)).toBe(true)
    expect(holdsFiles({ 'ai.gpulab.files': '' })).toBe(false)
    expect(committedPattern()).toBe('gpulab.local/*')
  })

  it('with labels that were tampered with has no volumes', () => {
    for (const text of ['{', '[1]', '[["a"]]']) {
      const broken = { ...listed, labels: { ...labels, 'ai.gpulab.volumes': text } }
      expect(toCommittedImages(broken)[0]?.volumes).toEqual([])
    }
  })
})
