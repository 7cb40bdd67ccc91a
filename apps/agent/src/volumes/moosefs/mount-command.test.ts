import { describe, expect, it } from 'vitest'
import { toCell, toMountCommand } from './mount-command.ts'

const where = { folder: '/gpulab/', passwordFile: undefined }
const mount = { path: '/gpulab/a', target: '/srv/a' }

describe('a cell', () => {
  it.each([
    ['mfs.example.com', 'mfs.example.com', '9421'],
    ['10.0.0.1:9521', '10.0.0.1', '9521'],
  ])('%s', (master, host, port) => {
    expect(toCell(master, where)).toEqual({ host, port, folder: '/gpulab', passwordFile: undefined })
  })
})

describe('a mount', () => {
  it('gives up after a time, and keeps little in memory', () => {
    const [program, args] = toMountCommand(toCell('m', where), { ...mount, unit: undefined })
    expect(program).toBe('mfsmount')
    expect(args.slice(0, 7)).toEqual(['/srv/a', '-H', 'm', '-P', '9421', '-S', '/gpulab/a'])
    expect(args.at(-1)?.split(',')).toEqual(
      expect.arrayContaining(['mfstimeout=30', 'mfswritecachesize=32', 'nosuid', 'nodev']),
    )
  })

  it('reads its password from a file, so that no list of processes shows it', () => {
    const cell = toCell('m', { folder: '/', passwordFile: '/etc/gpulab/mfs' })
    const [, args] = toMountCommand(cell, { ...mount, unit: undefined })
    expect(args.at(-1)).toContain('mfspassfile=/etc/gpulab/mfs')
  })

  it('has a unit of its own under systemd', () => {
    const [program, args] = toMountCommand(toCell('m', where), { ...mount, unit: 'gpulab-volume-a-1' })
    expect([program, ...args.slice(0, 6)]).toEqual([
      'systemd-run',
      '--scope',
      '--quiet',
      '--collect',
      '--unit=gpulab-volume-a-1',
      '--',
      'mfsmount',
    ])
  })
})
