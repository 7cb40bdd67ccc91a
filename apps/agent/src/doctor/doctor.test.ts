import type { HostCheck } from '@gpulab/contract'
import { describe, expect, it } from 'vitest'
import { chooseProbeImage } from './choose-image.ts'
import type { Facts } from './facts.ts'
import { judge } from './judge.ts'
import { hasFailure, renderChecks } from './render.ts'
import { isBelow, parseVersion } from './versions.ts'

const gib = 2 ** 30
const engine = {
  version: '29.5.1',
  containerd: '2.2.1',
  runc: '1.4.0',
  liveRestore: true,
  logDriver: 'local',
  logDrivers: ['json-file', 'local'],
  cgroupDriver: 'cgroupfs',
  cgroupVersion: '2',
  rootDir: '/var/lib/docker',
}
const gpus = { exitCode: 0, uuids: ['GPU-1', 'GPU-2'], simulated: false, output: '' }
const well: Facts = {
  engine,
  disk: { freeBytes: 500 * gib, sizeBytes: 1000 * gib },
  gpus,
  toolkitVersion: '1.18.0',
  gpuProbe: { image: 'ubuntu:22.04', exitCode: 0, listed: 2, output: '' },
  folder: { path: '/guest', isSeen: true },
  firewall: 'possible',
  api: { url: 'https://api', plain: false, answer: { status: 200, clockOffsetMs: 800 } },
}

const withEngine = (changes: Partial<typeof engine> | { runc: undefined }): Partial<Facts> => ({
  engine: { ...engine, ...changes },
})
const withAnswer = (answer: NonNullable<Facts['api']>['answer'], plain = false): Partial<Facts> => ({
  api: { url: 'https://api', plain, answer },
})
const levelOf = (name: string, changes: Partial<Facts>): HostCheck['level'] | undefined =>
  judge({ ...well, ...changes }).find((check) => check.name === name)?.level

describe('a machine', () => {
  it('that is well has nothing but good checks, each under a name of its own', () => {
    const checks = judge(well)
    expect(checks.filter(({ level }) => level !== 'ok')).toEqual([])
    expect(new Set(checks.map(({ name }) => name)).size).toBe(checks.length)
    expect(checks.length).toBeGreaterThan(10)
  })

  it.each<[string, Partial<Facts>, HostCheck['level'] | undefined]>([
    ['engine', { engine: { error: 'connect ENOENT' } }, 'failure'],
    ['runc', { engine: { error: 'connect ENOENT' } }, undefined],
    ['engine', withEngine({ version: '19.03.15' }), 'failure'],
    ['engine', withEngine({ version: '20.10.24+dfsg1' }), 'warning'],
    ['engine', withEngine({ version: '29.5.0' }), 'warning'],
    ['engine', withEngine({ version: '30.0.0' }), 'ok'],
    ['containerd', withEngine({ containerd: '1.6.20~ds1' }), 'warning'],
    ['containerd', withEngine({ containerd: 'v1.7.29' }), 'ok'],
    ['containerd', withEngine({ containerd: '2.0.6' }), 'warning'],
    ['runc', withEngine({ runc: '1.1.5+ds1' }), 'warning'],
    ['runc', withEngine({ runc: '1.2.8' }), 'ok'],
    ['runc', withEngine({ runc: '1.3.2' }), 'warning'],
    ['runc', withEngine({ runc: undefined }), 'warning'],
    ['live-restore', withEngine({ liveRestore: false }), 'warning'],
    ['log-driver', withEngine({ logDrivers: ['local'] }), 'failure'],
    ['log-driver', withEngine({ logDrivers: [], logDriver: '' }), 'ok'],
    ['cgroup', withEngine({ cgroupDriver: 'systemd' }), 'warning'],
    ['cgroup', withEngine({ cgroupDriver: 'none' }), 'failure'],
    ['cgroup', withEngine({ cgroupVersion: '1' }), 'ok'],
    ['disk', { disk: undefined }, undefined],
    ['disk', { disk: { freeBytes: 1 * gib, sizeBytes: 100 * gib } }, 'failure'],
    ['disk', { disk: { freeBytes: 19 * gib, sizeBytes: 100 * gib } }, 'warning'],
    ['disk', { disk: { freeBytes: 99 * gib, sizeBytes: 1000 * gib } }, 'warning'],
    ['gpus', { gpus: { missing: true } }, 'warning'],
    ['nvidia-toolkit', { gpus: { missing: true } }, undefined],
    ['gpus', { gpus: { ...gpus, uuids: [], exitCode: 9 } }, 'failure'],
    ['gpus', { gpus: { ...gpus, exitCode: 15 } }, 'failure'],
    ['nvidia-toolkit', { gpus: { ...gpus, simulated: true }, toolkitVersion: undefined }, undefined],
    ['nvidia-toolkit', { toolkitVersion: undefined }, 'warning'],
    ['nvidia-toolkit', { toolkitVersion: '1.17.7' }, 'warning'],
    ['nvidia-toolkit', { toolkitVersion: '1.17.8' }, 'ok'],
    ['gpu-container', { gpuProbe: undefined }, undefined],
    ['gpu-container', { gpuProbe: { image: undefined } }, 'warning'],
    [
      'gpu-container',
      { gpuProbe: { image: 'x', error: 'could not select device driver "nvidia".' } },
      'failure',
    ],
    ['gpu-container', { gpuProbe: { image: 'x', exitCode: 127, listed: 0, output: '' } }, 'ok'],
    ['gpu-container', { gpuProbe: { image: 'x', exitCode: 0, listed: 1, output: '' } }, 'failure'],
    ['gpu-container', { gpuProbe: { image: 'x', exitCode: 9, listed: 0, output: 'failed' } }, 'failure'],
    ['guest-folder', { folder: undefined }, undefined],
    ['guest-folder', { folder: { path: '/guest', isSeen: false } }, 'failure'],
    ['guest-folder', { folder: { path: '/guest', error: 'EACCES' } }, 'failure'],
    ['firewall', { firewall: 'off' }, 'warning'],
    ['firewall', { firewall: { error: 'Permission denied' } }, 'failure'],
    ['api', { api: undefined }, undefined],
    ['api', withAnswer({ error: 'no' }), 'failure'],
    ['clock', withAnswer({ error: 'no' }), undefined],
    ['api', withAnswer({ status: 503, clockOffsetMs: 0 }), 'failure'],
    ['api', withAnswer({ status: 200, clockOffsetMs: 0 }, true), 'warning'],
    ['clock', withAnswer({ status: 200, clockOffsetMs: undefined }), undefined],
    ['clock', withAnswer({ status: 200, clockOffsetMs: -5_000 }), 'ok'],
    ['clock', withAnswer({ status: 200, clockOffsetMs: -5_001 }), 'warning'],
    ['clock', withAnswer({ status: 200, clockOffsetMs: 300_001 }), 'failure'],
  ])('%s, with %j: %s', (name, changes, level) => expect(levelOf(name, changes)).toBe(level))
})

describe('advice', () => {
  it('never costs a tenant a container that has stopped', () => {
    const disk = { freeBytes: gib, sizeBytes: 100 * gib }
    const message = judge({ ...well, disk }).find(({ name }) => name === 'disk')?.message
    expect(message).toContain('Run docker image prune')
    expect(message).not.toMatch(/run docker (system|container|volume) prune/i)
  })

  it('says how to try the GPUs where there was nothing to try them with', () => {
    const checks = judge({ ...well, gpuProbe: { image: undefined } })
    expect(checks.find(({ name }) => name === 'gpu-container')?.message).toContain('docker pull')
  })
})

describe('a version', () => {
  it.each([
    ['1.1.5+ds1', [1, 1, 5]],
    ['v1.7.27', [1, 7, 27]],
    ['20.10', [20, 10, 0]],
    ['28.2.2-ce', [28, 2, 2]],
    ['dev', undefined],
    ['', undefined],
  ])('%j', (text, numbers) => expect(parseVersion(text)).toEqual(numbers))

  it.each<[string, string[], boolean]>([
    ['1.2.7', ['1.2.8', '1.3.3'], true],
    ['1.2.8', ['1.2.8', '1.3.3'], false],
    ['1.3.2', ['1.2.8', '1.3.3'], true],
    ['1.3.10', ['1.2.8', '1.3.3'], false],
    ['1.1.99', ['1.2.8', '1.3.3'], true],
    ['1.4.0', ['1.2.8', '1.3.3'], false],
    ['2.0.0', ['1.2.8', '1.3.3'], false],
    // Between two lines that have a floor: nobody mended it there.
    ['1.8.0', ['1.7.29', '2.0.7'], true],
    ['unknown', ['1.2.8'], false],
  ])('%s below %j: %j', (text, floors, below) => expect(isBelow(text, floors)).toBe(below))
})

describe('the image to try GPUs with', () => {
  const image = (reference: string, sizeBytes: number) => ({ reference, sizeBytes })
  it.each([
    [[], undefined],
    [[image('busybox:1', 1), image('pytorch/pytorch:2', 9), image('ubuntu:22.04', 3)], 'ubuntu:22.04'],
    [[image('alpine:3', 2), image('busybox:1', 1)], 'busybox:1'],
  ])('of %j is %s', (images, reference) => expect(chooseProbeImage(images)).toBe(reference))
})

describe('the table', () => {
  it('has a line a check, and tells whether one has failed', () => {
    const checks: HostCheck[] = [
      { name: 'engine', level: 'ok', message: 'Docker Engine 29' },
      { name: 'live-restore', level: 'failure', message: 'two\nlines' },
    ]
    expect(renderChecks(checks)).toBe(
      '  ok       engine        Docker Engine 29\n  FAILURE  live-restore  two lines\n',
    )
    expect(hasFailure(checks)).toBe(true)
    expect(hasFailure(checks.slice(0, 1))).toBe(false)
  })
})
