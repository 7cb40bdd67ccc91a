import type { TargetContainer, TargetVolume, VolumeFacts } from '@gpulab/contract'
import { eventually } from '@gpulab/testing'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { expect } from 'vitest'
import { createLocalDriver } from '../src/volumes/local/local-driver.ts'
import type { TestHost } from './test-host.ts'

export const mib = 2 ** 20

/** Whether this machine can mount images; says so loudly where it can not. */
export async function canMountImages(): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'gpulab-probe-'))
  const deps = { log: pino({ enabled: false }), failPoint: () => Promise.resolve() }
  const { enforced, reason } = await createLocalDriver(folder, 'auto', deps)
  await rm(folder, { recursive: true, force: true })
  if (!enforced) process.stderr.write(`\n!!! VOLUMES WITH ENFORCED SIZES ARE NOT TESTED HERE: ${reason}\n\n`)
  return enforced
}

/** A wish for a volume of this host. */
export const toVolume = (fields: Partial<TargetVolume> = {}): TargetVolume => ({
  uuid: randomUUID(),
  driver: 'local',
  size_bytes: 256 * mib,
  generation: 1,
  desired: 'present',
  manages: true,
  was_made: false,
  ...fields,
})

/** Until the host says this of the volume. */
export const known = (
  { control, agent }: TestHost,
  { uuid }: TargetVolume,
  expected: object,
): Promise<VolumeFacts> =>
  eventually(
    () => {
      const facts = control.volume(uuid)
      expect(facts, agent.log().slice(-2000)).toMatchObject(expected)
      return facts as VolumeFacts
    },
    { timeoutMs: 60_000 },
  )

export async function makeVolume(host: TestHost, fields: Partial<TargetVolume> = {}): Promise<TargetVolume> {
  const volume = toVolume(fields)
  host.control.wantVolumes(volume)
  await known(host, volume, { state: 'ready', generation: volume.generation })
  return volume
}

export const withVolume = ({ uuid }: TargetVolume, readOnly = false): Pick<TargetContainer, 'volumes'> => ({
  volumes: [{ uuid, mount_path: '/workspace', read_only: readOnly }],
})

/** Runs a script in a container. */
export async function sh({ control }: TestHost, { uuid }: TargetContainer, script: string) {
  const { exec } = await control.host()
  return exec({ body: { container_uuid: uuid, command: ['sh', '-c', script], timeout: 120 } })
}

export async function removeContainer({ control }: TestHost, container: TargetContainer): Promise<void> {
  control.want({ ...container, desired: 'absent' })
  await control.settled(container.uuid)
}

export const volumesFolder = ({ agent }: TestHost): string =>
  join(agent.environment['GPULAB_STATE_DIR'] ?? '', 'volumes')
